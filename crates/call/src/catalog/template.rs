//! Path templates (`/v1/{env}/{name...}`) and id templates (`{env}/{name}`).

use std::fmt;

use super::rule::{FieldRule, FieldType, Source};
use crate::path::{self, CanonicalPath};

/// A path below a service's prefix, with named places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    pieces: Vec<Piece>,
    slash: bool,
}

/// One segment of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Exactly this segment.
    Literal(String),
    /// One segment without an escaped slash.
    One(String),
    /// One segment that may contain an escaped slash.
    Encoded(String),
    /// All segments from here on but for those that the template names behind it: at least one, none with an escaped
    /// slash.
    Rest(String),
}

/// An entity id, or a slash path, made of text and captured values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    /// The capture of this number.
    Capture(usize),
    /// The argument at this place of the route's context.
    Argument(usize),
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateFault {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

// === impl PathTemplate ===

impl PathTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateFault> {
        let Some(relative) = text.strip_prefix('/') else {
            return Err(fault(format!("path `{text}` does not begin with `/`")));
        };
        if relative == "/" {
            return Err(fault(format!("path `{text}` has an empty segment")));
        }
        let (body, slash) = match relative.strip_suffix('/') {
            Some(body) => (body, true),
            None => (relative, relative.is_empty()),
        };
        let mut pieces: Vec<Piece> = Vec::new();
        let mut segments = body.split('/').filter(|_| !body.is_empty()).peekable();
        while let Some(segment) = segments.next() {
            let piece = Piece::parse(segment)?;
            if matches!(piece, Piece::Rest(_)) {
                if pieces.iter().any(|other| matches!(other, Piece::Rest(_))) {
                    return Err(fault(format!("`{segment}`: only one name can stand for several segments")));
                }
                // What ends it must be told from what is in it.
                if segments.peek().is_some_and(|next| next.starts_with('{')) {
                    return Err(TemplateFault {
                        message: format!(
                            "`{segment}` stands for several segments, so a name cannot follow it"
                        ),
                        help: Some("let a fixed segment follow, or nothing".to_owned()),
                    });
                }
            }
            if piece.name().is_some_and(|name| pieces.iter().any(|other| other.name() == Some(name))) {
                return Err(fault(format!("`{segment}` names something that another segment names already")));
            }
            pieces.push(piece);
        }
        if pieces.len() >= path::MAX_SEGMENTS {
            return Err(fault(format!("path `{text}` has too many segments")));
        }
        Ok(Self { text: text.to_owned(), pieces, slash })
    }

    /// The template as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The captured names, in order: an id template and [`super::Source::Path`] count them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(Piece::name)
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether a matching path ends with `/`.
    pub(crate) const fn ends_with_slash(&self) -> bool {
        self.slash
    }

    /// The fixed segment that ends what stands for several segments; nothing where the path ends with that, or
    /// nothing stands for several.
    pub(crate) fn marker(&self) -> Option<&str> {
        let rest = self.pieces.iter().position(|piece| matches!(piece, Piece::Rest(_)))?;
        match self.pieces.get(rest.saturating_add(1))? {
            Piece::Literal(text) => Some(text),
            Piece::One(_) | Piece::Encoded(_) | Piece::Rest(_) => None,
        }
    }

    /// The number of the capture `name`.
    pub(crate) fn capture(&self, name: &str) -> Option<usize> {
        self.names().position(|other| other == name)
    }

    /// Whether the value of the capture may contain `/`.
    fn may_contain_slash(&self, capture: usize) -> bool {
        let mut named = self.pieces.iter().filter(|piece| piece.name().is_some());
        matches!(named.nth(capture), Some(Piece::Rest(_) | Piece::Encoded(_)))
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// === impl Piece ===

impl Piece {
    fn parse(segment: &str) -> Result<Self, TemplateFault> {
        let Some(inner) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            return literal(segment);
        };
        let (name, piece): (&str, fn(String) -> Self) = match inner.strip_suffix("...") {
            Some(name) => (name, Self::Rest),
            None => match inner.split_once(':') {
                Some((name, "encoded")) => (name, Self::Encoded),
                Some((_, other)) => {
                    return Err(TemplateFault {
                        message: format!("`{segment}`: `{other}` is not known"),
                        help: Some(
                            "a segment that may contain an escaped slash is `{name:encoded}`".to_owned(),
                        ),
                    });
                }
                None => (inner, Self::One),
            },
        };
        if is_identifier(name) {
            Ok(piece(name.to_owned()))
        } else {
            Err(fault(format!(
                "`{segment}` does not name a place: letters, digits and `_` between the braces"
            )))
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::One(name) | Self::Encoded(name) | Self::Rest(name) => Some(name),
        }
    }
}

fn literal(segment: &str) -> Result<Piece, TemplateFault> {
    if segment.contains(['{', '}']) {
        return Err(TemplateFault {
            message: format!("`{segment}` mixes text and a named place"),
            help: Some("a name stands for a whole segment".to_owned()),
        });
    }
    let path = format!("/{segment}");
    let canonical = CanonicalPath::parse(&path).map_err(|error| fault(format!("`{segment}`: {error}")))?;
    if segment.is_empty() {
        return Err(fault("an empty segment".to_owned()));
    }
    // A literal has one spelling, so that two templates overlap exactly if their texts say so.
    let has_needless_escape =
        canonical.segments().filter_map(path::Segment::decoded_with_slash).any(|decoded| {
            decoded != segment && decoded.bytes().any(|b| b != b'%' && is_needlessly_escaped(b, segment))
        });
    if canonical.has_escaped_slash() || has_needless_escape {
        return Err(TemplateFault {
            message: format!("`{segment}` escapes what can be written as it is"),
            help: Some("write the character itself".to_owned()),
        });
    }
    Ok(Piece::Literal(segment.to_owned()))
}

fn is_needlessly_escaped(byte: u8, segment: &str) -> bool {
    crate::escape::is_pchar(byte) && segment.contains(&format!("%{byte:02X}"))
}

// === impl IdTemplate ===

impl IdTemplate {
    /// Reads a template over the names of `path`, and of the arguments that the head alone tells.
    pub(crate) fn parse(
        text: &str,
        path: &PathTemplate,
        arguments: &[FieldRule],
    ) -> Result<Self, TemplateFault> {
        if text.is_empty() {
            return Err(fault("an id must not be empty".to_owned()));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, behind)) = behind.split_once('}') else {
                return Err(fault(format!("`{text}`: a `{{` is not closed")));
            };
            push_text(&mut parts, before, text)?;
            parts.push(named(name, text, path, arguments)?);
            rest = behind;
        }
        push_text(&mut parts, rest, text)?;
        // INVARIANT: different captured values make different ids, so that no request passes for another. Values
        // must not run together here; `render` sees to it that no value contains the text that ends it.
        for (index, part) in parts.iter().enumerate() {
            let may_contain_slash = match part {
                Part::Text(_) => continue,
                Part::Capture(capture) => path.may_contain_slash(*capture),
                Part::Argument(_) => true,
            };
            let Some(next) = parts.get(index.saturating_add(1)) else { continue };
            match next {
                Part::Capture(_) | Part::Argument(_) => {
                    return Err(fault(format!("`{text}`: two names run together")));
                }
                Part::Text(next) if next.starts_with('/') && may_contain_slash => {
                    return Err(TemplateFault {
                        message: format!("`{text}`: a value that may contain `/` is followed by `/`"),
                        help: Some("put it last".to_owned()),
                    });
                }
                Part::Text(_) => {}
            }
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The template as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether some values make this id of it. Any text counts as a value, so that the answer errs towards yes.
    pub(crate) fn may_be(&self, id: &str) -> bool {
        fits(&self.parts, id)
    }

    /// Whether some values make a path of it that lies in this folder.
    pub(crate) fn may_be_in(&self, folder: &str) -> bool {
        leads(&self.parts, &format!("{folder}/"))
    }

    /// Fills in values. `None` where a value contains the text that ends it, so that the id of another request could
    /// be meant.
    pub(crate) fn render<'v>(&self, value: impl Fn(&Part) -> Option<&'v str>) -> Option<String> {
        let mut id = String::with_capacity(self.text.len().saturating_mul(2));
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Text(text) => id.push_str(text),
                Part::Capture(_) | Part::Argument(_) => {
                    let value = value(part)?;
                    let start = id.len();
                    id.push_str(value);
                    // The first place where the ending text is must be where the value ends.
                    if let Some(Part::Text(end)) = parts.peek() {
                        let value_len = id.len().checked_sub(start)?;
                        id.push_str(end);
                        let is_clear =
                            parts.len() == 1 || id.get(start..)?.find(end.as_str()) == Some(value_len);
                        if !is_clear {
                            return None;
                        }
                        parts.next();
                    }
                }
            }
        }
        Some(id)
    }
}

/// Whether the parts can make this text, each name standing for one character at least.
fn fits(parts: &[Part], text: &str) -> bool {
    match parts.split_first() {
        None => text.is_empty(),
        Some((Part::Text(own), rest)) => text.strip_prefix(own.as_str()).is_some_and(|text| fits(rest, text)),
        Some((Part::Capture(_) | Part::Argument(_), rest)) => {
            let ends = text.char_indices().skip(1).map(|(end, _)| end).chain([text.len()]);
            !text.is_empty()
                && ends.into_iter().any(|end| text.get(end..).is_some_and(|text| fits(rest, text)))
        }
    }
}

/// Whether the parts can make a longer text that begins with this one.
fn leads(parts: &[Part], text: &str) -> bool {
    match parts.split_first() {
        None => false,
        Some((Part::Text(own), rest)) => match text.strip_prefix(own.as_str()) {
            Some(text) => leads(rest, text),
            None => own.starts_with(text),
        },
        Some((Part::Capture(_) | Part::Argument(_), _)) => true,
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str, template: &str) -> Result<(), TemplateFault> {
    if text.contains('}') {
        return Err(fault(format!("`{template}`: a `}}` was not opened")));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    Ok(())
}

/// What a name in an id template stands for.
fn named(
    name: &str,
    template: &str,
    path: &PathTemplate,
    arguments: &[FieldRule],
) -> Result<Part, TemplateFault> {
    let capture = path.capture(name);
    let argument = arguments.iter().position(|field| field.name == name);
    let field = argument.and_then(|place| arguments.get(place));
    match (capture, argument, field.map(|field| &field.source)) {
        (Some(capture), _, None) => Ok(Part::Capture(capture)),
        (Some(capture), _, Some(Source::Path(same))) if capture == *same => Ok(Part::Capture(capture)),
        (Some(_), _, Some(_)) => Err(fault(format!(
            "`{template}`: both a segment of the path and another argument are called `{name}`"
        ))),
        (None, Some(place), Some(Source::Query(_) | Source::Header(_)))
            if field.is_some_and(|field| field.kind == FieldType::String && !field.optional) =>
        {
            Ok(Part::Argument(place))
        }
        (None, Some(_), _) => Err(TemplateFault {
            message: format!("`{template}`: the argument `{name}` cannot be part of an id"),
            help: Some(
                "only a string of the query or of a header can be, and one that is always there".to_owned(),
            ),
        }),
        (None, None, _) => Err(TemplateFault {
            message: format!("`{template}`: the path `{path}` names no `{name}`"),
            help: super::check::nearest(name, path.names()),
        }),
    }
}

const fn fault(message: String) -> TemplateFault {
    TemplateFault { message, help: None }
}

/// What Cedar takes for an identifier, but for its reserved words.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
