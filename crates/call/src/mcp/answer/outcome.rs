//! How a request ended, read off an answer as it streams by. Nothing of the answer is kept, and nothing waits for it.

use serde::Deserialize;
use serde_json::Value;

/// Scanning costs some nanoseconds a byte; what is larger than this ends unknown rather than at any cost.
const MAX_SCANNED: usize = 16 * 1024 * 1024;
/// The longest name and value that are looked for.
const MAX_WORD: usize = 16;
/// A document, at most two objects in it, and the list that a batch is.
const LEVELS: usize = 4;

/// How a request ended, as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a result.
    Result,
    /// With a result of a tool that is an error (`isError`).
    ToolError,
    /// With a question to the client, before anything is done.
    InputRequired,
    /// With a JSON-RPC error, and its code.
    Error(Option<i64>),
}

/// A look at an answer that goes by.
#[derive(Debug)]
pub struct Scan {
    document: Document,
    lines: Option<Lines>,
    endings: Vec<Ending>,
    scanned: usize,
}

/// Where in the lines of a stream of events it is.
#[derive(Debug, Default)]
struct Lines {
    field: Vec<u8>,
    /// Whether what follows is the event's data.
    in_data: bool,
    /// Whether the line has bytes.
    begun: bool,
    after_cr: bool,
}

/// Where in a JSON document it is. The grammar is not checked: whoever reads the answer does.
#[derive(Debug, Default)]
struct Document {
    depth: usize,
    /// The depth around a message: of a batch, one.
    base: usize,
    is_object: [bool; LEVELS],
    at_key: bool,
    in_string: bool,
    escaped: bool,
    word: Vec<u8>,
    top: Top,
    sub: Sub,
    found: Found,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Top {
    Result,
    Error,
    #[default]
    Other,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Sub {
    IsError,
    ResultType,
    Code,
    #[default]
    Other,
}

#[derive(Debug, Default)]
struct Found {
    method: bool,
    result: bool,
    error: bool,
    is_error: bool,
    asks: bool,
    code: Option<i64>,
}

// === impl Ending ===

impl Ending {
    pub(super) fn result(text: &str) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Said {
            is_error: Option<Value>,
            result_type: Option<Value>,
        }
        // Of a list serde would take the members in order.
        let said: Option<Said> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
        let (is_error, kind) = said.map(|said| (said.is_error, said.result_type)).unwrap_or_default();
        let found = Found {
            result: true,
            is_error: is_error == Some(Value::Bool(true)),
            asks: kind.is_some_and(|kind| kind == "input_required"),
            ..Found::default()
        };
        found.ending().unwrap_or(Self::Result)
    }

    pub(super) fn error(text: &str) -> Self {
        #[derive(Deserialize)]
        struct Said {
            code: i64,
        }
        let said: Option<Said> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
        Self::Error(said.map(|said| said.code))
    }
}

// === impl Scan ===

impl Scan {
    /// Of a JSON document.
    pub fn of_document() -> Self {
        Self { document: Document::default(), lines: None, endings: Vec::new(), scanned: 0 }
    }

    /// Of a stream of events.
    pub fn of_events() -> Self {
        Self { lines: Some(Lines::default()), ..Self::of_document() }
    }

    /// Whether nothing more is looked at.
    pub const fn is_over(&self) -> bool {
        self.scanned > MAX_SCANNED
    }

    /// Looks at what has come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.scanned = self.scanned.saturating_add(bytes.len());
        if self.is_over() {
            return;
        }
        for byte in bytes {
            match &mut self.lines {
                None => self.document.byte(*byte, &mut self.endings),
                Some(lines) => lines.byte(*byte, &mut self.document, &mut self.endings),
            }
        }
    }

    /// How requests have ended so far; nothing of an answer that was too long to look at.
    pub fn endings(&self) -> &[Ending] {
        if self.is_over() { &[] } else { &self.endings }
    }
}

// === impl Lines ===

impl Lines {
    fn byte(&mut self, byte: u8, document: &mut Document, endings: &mut Vec<Ending>) {
        if std::mem::take(&mut self.after_cr) && byte == b'\n' {
            return;
        }
        if matches!(byte, b'\n' | b'\r') {
            self.after_cr = byte == b'\r';
            if !self.begun {
                *document = Document::default();
            } else if self.in_data {
                document.byte(b'\n', endings);
            }
            self.begun = false;
            self.in_data = false;
            self.field.clear();
            return;
        }
        self.begun = true;
        if self.in_data {
            document.byte(byte, endings);
        } else if self.field.len() < MAX_WORD {
            self.field.push(byte);
            // A byte order mark at the beginning is none of the field.
            let field = self.field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.field);
            self.in_data = field == b"data:";
        }
    }
}

// === impl Document ===

impl Document {
    fn byte(&mut self, byte: u8, endings: &mut Vec<Ending>) {
        if self.in_string {
            match byte {
                _ if std::mem::take(&mut self.escaped) => self.push(b'\\'),
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.text();
                }
                _ => self.push(byte),
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.word.clear();
            }
            b'{' | b'[' => {
                if self.depth == 0 {
                    self.base = usize::from(byte == b'[');
                }
                self.depth = self.depth.saturating_add(1);
                self.word.clear();
                self.at_key = byte == b'{';
                let depth = self.depth;
                if let Some(level) = self.is_object.get_mut(depth) {
                    *level = self.at_key;
                }
                if depth == self.base.saturating_add(2) {
                    self.sub = Sub::Other;
                }
            }
            b'}' | b']' => {
                self.literal();
                if byte == b'}' && self.depth == self.base.saturating_add(1) {
                    endings.extend(std::mem::take(&mut self.found).ending());
                }
                self.depth = self.depth.saturating_sub(1);
                self.at_key = false;
            }
            b',' => {
                self.literal();
                self.at_key = self.is_object.get(self.depth).copied().unwrap_or_default();
            }
            b':' => self.at_key = false,
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => self.push(byte),
        }
    }

    /// As much of a word as is looked for, and a byte more: what is longer is none of them.
    fn push(&mut self, byte: u8) {
        if self.word.len() <= MAX_WORD {
            self.word.push(byte);
        }
    }

    /// A text has ended.
    fn text(&mut self) {
        let word = std::mem::take(&mut self.word);
        let level = self.depth.saturating_sub(self.base);
        if self.at_key && level == 1 {
            self.top = match word.as_slice() {
                b"result" => Top::Result,
                b"error" => Top::Error,
                b"method" => {
                    self.found.method = true;
                    Top::Other
                }
                _ => Top::Other,
            };
            self.found.result |= self.top == Top::Result;
            self.found.error |= self.top == Top::Error;
        } else if self.at_key && level == 2 {
            self.sub = match word.as_slice() {
                b"isError" => Sub::IsError,
                b"resultType" => Sub::ResultType,
                b"code" => Sub::Code,
                _ => Sub::Other,
            };
        } else if level == 2 && self.top == Top::Result && self.sub == Sub::ResultType {
            self.found.asks = word == b"input_required";
        }
    }

    /// A number or literal may have ended.
    fn literal(&mut self) {
        let word = std::mem::take(&mut self.word);
        if word.is_empty() || self.depth != self.base.saturating_add(2) {
            return;
        }
        match (self.top, self.sub) {
            (Top::Result, Sub::IsError) => self.found.is_error = word == b"true",
            (Top::Error, Sub::Code) => {
                self.found.code = std::str::from_utf8(&word).ok().and_then(|text| text.parse().ok());
            }
            (Top::Result | Top::Error | Top::Other, _) => {}
        }
    }
}

// === impl Found ===

impl Found {
    /// A request of the server's, or news, ends nothing.
    const fn ending(&self) -> Option<Ending> {
        match self {
            Self { method: true, .. } => None,
            Self { error: true, code, .. } => Some(Ending::Error(*code)),
            Self { result: true, is_error: true, .. } => Some(Ending::ToolError),
            Self { result: true, asks: true, .. } => Some(Ending::InputRequired),
            Self { result: true, .. } => Some(Ending::Result),
            Self { .. } => None,
        }
    }
}
