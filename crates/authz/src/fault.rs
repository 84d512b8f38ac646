//! What is wrong in a bundle's sources, and where.

use std::fmt;

/// One thing wrong in one source file. Hosts that have the text turn `at` into line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The source file, as the document names it.
    pub file: String,
    /// The place in it.
    pub at: At,
    /// What is wrong: lower case, no full stop, user input in backticks.
    pub message: String,
    /// What would be right, such as the nearest known name.
    pub help: Option<String>,
}

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The file as a whole.
    Whole,
    /// An RFC 6901 pointer into a YAML or JSON document.
    Pointer(String),
    /// A byte offset into a text document (Cedar policies and schemas).
    Offset(usize),
}

// === impl Fault ===

impl Fault {
    /// A fault at an RFC 6901 pointer.
    pub fn at_pointer(file: &str, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), at: At::Pointer(pointer.into()), message: message.into(), help: None }
    }

    /// A fault at a byte offset.
    pub fn at_offset(file: &str, offset: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), at: At::Offset(offset), message: message.into(), help: None }
    }

    /// A fault of the whole file.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), at: At::Whole, message: message.into(), help: None }
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same fault of a part, at its place in the whole document.
    #[must_use]
    pub(crate) fn below(mut self, pointer: &str) -> Self {
        self.at = match self.at {
            At::Pointer(inner) => At::Pointer(format!("{pointer}{inner}")),
            At::Whole => At::Pointer(pointer.to_owned()),
            At::Offset(offset) => At::Offset(offset),
        };
        self
    }

    /// The same fault, with the nearest of `known` as the hint where one is near `given`.
    #[must_use]
    pub fn nearest<'a>(mut self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.help = nearest(given, known).map(|name| format!("did you mean `{name}`?"));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Whole => write!(f, "{}: {}", self.file, self.message)?,
            At::Pointer(pointer) => write!(f, "{}#{}: {}", self.file, pointer, self.message)?,
            At::Offset(offset) => write!(f, "{}@{}: {}", self.file, offset, self.message)?,
        }
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The known name that is nearest to `given`, if any is near enough to be a likely misspelling.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
