//! Parser events -> value and places, refusing what is ambiguous or unbounded.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Map, Value};

use super::MAX_BYTES;
use super::scalar;
use super::spans::{Node, Parts, Spans};
use crate::diagnostic::Diagnostic;
use crate::text::{Position, SourceText};

/// As deep as JSON from the wire may be: nobody writes deeper configuration by hand.
const MAX_DEPTH: usize = 64;

/// After so many findings further ones are rather noise.
const MAX_FINDINGS: usize = 20;

/// Why reading ended early; the reason is among the findings.
struct Stop;

struct Reader<'a> {
    text: &'a SourceText,
    parser: Parser<'a, StrInput<'a>>,
    findings: Vec<Diagnostic>,
}

/// Reads `yaml`; findings show the lines of `text`, which has the same positions.
pub(super) fn read(text: &SourceText, yaml: &str) -> Result<(Value, Spans), Vec<Diagnostic>> {
    if yaml.len() > MAX_BYTES {
        let message = format!("larger than {} MiB", MAX_BYTES >> 20);
        return Err(vec![Diagnostic::in_file(text.name(), message)]);
    }
    let mut reader = Reader { text, parser: Parser::new_from_str(yaml), findings: Vec::new() };
    match reader.stream() {
        Ok((value, node)) if reader.findings.is_empty() => Ok((value, Spans::new(node))),
        Ok(_) | Err(Stop) => Err(reader.findings),
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn stream(&mut self) -> Result<(Value, Node), Stop> {
        let mut document = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(_) if document.is_some() => {
                    return Err(self.stop(span.start, "a second document; one file is one document"));
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    document = Some(self.node(event, span, None, 0)?);
                }
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => return Err(self.stop(span.start, "content outside of a document")),
            }
        }
        document.ok_or_else(|| {
            self.findings.push(Diagnostic::in_file(self.text.name(), "the file is empty"));
            Stop
        })
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        key: Option<Position>,
        depth: usize,
    ) -> Result<(Value, Node), Stop> {
        if depth > MAX_DEPTH {
            return Err(self.stop(span.start, &format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let place = position(&span.start);
        let (value, parts) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some())?;
                (self.scalar(span, text, style)?, Parts::None)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some())?;
                self.sequence(depth)?
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_properties(span, anchor, tag.is_some())?;
                self.mapping(depth)?
            }
            Event::Alias(_) => {
                self.find(span.start, "aliases are not supported", "write the value out")?;
                (Value::Null, Parts::None)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.stop(span.start, "a value is missing")),
        };
        Ok((value, Node { key, value: place, parts }))
    }

    fn scalar(&mut self, span: Span, text: Cow<'a, str>, style: ScalarStyle) -> Result<Value, Stop> {
        match style {
            ScalarStyle::Plain => match scalar::plain(&text) {
                Ok(value) => Ok(value),
                Err(why) => {
                    self.find(span.start, why, "quote it if it is text")?;
                    Ok(Value::Null)
                }
            },
            ScalarStyle::SingleQuoted
            | ScalarStyle::DoubleQuoted
            | ScalarStyle::Literal
            | ScalarStyle::Folded => Ok(Value::String(text.into_owned())),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<(Value, Parts), Stop> {
        let mut values = Vec::new();
        let mut nodes = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((Value::Array(values), Parts::Items(nodes)));
            }
            let (value, node) = self.node(event, span, None, depth.saturating_add(1))?;
            values.push(value);
            nodes.push(node);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<(Value, Parts), Stop> {
        let mut values = Map::new();
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok((Value::Object(values), Parts::Members(nodes)));
            }
            let name = self.key(event, span, depth)?;
            let key = position(&span.start);
            let (event, span) = self.next()?;
            let (value, node) = self.node(event, span, Some(key), depth.saturating_add(1))?;
            let Some(name) = name else { continue };
            if let Some(first) = nodes.get(&name).and_then(|node| node.key) {
                let help = format!("the first `{name}` is on line {}", first.line);
                self.find_at(key, &format!("duplicate key `{name}`"), &help)?;
            } else {
                values.insert(name.clone(), value);
                nodes.insert(name, node);
            }
        }
    }

    /// The name of a member; none for one that is refused and passed over.
    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Option<String>, Stop> {
        let Event::Scalar(text, style, anchor, tag) = event else {
            self.find(span.start, "keys are text", "quote the key")?;
            // Read past it, so that what follows is still understood.
            self.node(event, span, None, depth.saturating_add(1))?;
            return Ok(None);
        };
        self.refuse_properties(span, anchor, tag.is_some())?;
        if style == ScalarStyle::Plain {
            if text == "<<" {
                self.find(span.start, "merge keys are not supported", "write the members out")?;
                return Ok(None);
            }
            if !matches!(scalar::plain(&text), Ok(Value::String(_))) {
                let help =
                    if text.is_empty() { "quote the key".to_owned() } else { format!("write \"{text}\"") };
                self.find(span.start, "keys are text", &help)?;
                return Ok(None);
            }
        }
        Ok(Some(text.into_owned()))
    }

    fn refuse_properties(&mut self, span: Span, anchor: usize, tagged: bool) -> Result<(), Stop> {
        if anchor != 0 {
            self.find(span.start, "anchors are not supported", "write the value out where it is used")?;
        }
        if tagged {
            let help = "quote what is text; numbers, booleans and null need no tag";
            self.find(span.start, "tags are not supported", help)?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.stop(*error.marker(), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn find(&mut self, mark: Marker, message: &str, help: &str) -> Result<(), Stop> {
        self.find_at(position(&mark), message, help)
    }

    fn find_at(&mut self, place: Position, message: &str, help: &str) -> Result<(), Stop> {
        self.findings.push(Diagnostic::at(self.text, place, message).with_help(help));
        if self.findings.len() < MAX_FINDINGS { Ok(()) } else { Err(Stop) }
    }

    fn stop(&mut self, mark: Marker, message: &str) -> Stop {
        self.findings.push(Diagnostic::at(self.text, position(&mark), message));
        Stop
    }
}

fn position(mark: &Marker) -> Position {
    Position { line: mark.line().max(1), column: mark.col().saturating_add(1) }
}
