//! What is wrong, where, and what to do about it; `render` writes it for people and for machines.

mod render;

use crate::text::{Position, SourceText};

pub(crate) use render::printable;
pub use render::{Style, json_rows, write_json, write_text};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The check fails.
    Error,
    /// Worth a look; the check goes on.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user would type its path.
    pub file: String,
    /// The place in it; none when it is about the file as a whole.
    pub position: Option<Position>,
    /// How bad it is.
    pub severity: Severity,
    /// Lower-case, no full stop, input in backticks.
    pub message: String,
    /// What would probably mend it.
    pub help: Option<String>,
    /// The source line at `position`.
    pub excerpt: Option<String>,
}

// === impl Severity ===

impl Severity {
    /// The word in the output.
    pub fn code(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    /// An error about a file as a whole.
    pub fn in_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            position: None,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            excerpt: None,
        }
    }

    /// An error at a place of a text.
    pub fn at(text: &SourceText, position: Position, message: impl Into<String>) -> Self {
        Self {
            position: Some(position),
            excerpt: text.line(position.line).map(str::to_owned),
            ..Self::in_file(text.name(), message)
        }
    }

    /// The same with a help line.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

#[cfg(test)]
mod tests;
