//! Source text with a name, and the places in it.

/// A place in a text: both numbers start at 1, the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A text and the name under which its reader knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    name: String,
    text: String,
}

// === impl Position ===

impl Position {
    /// Where a text begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

// === impl SourceText ===

impl SourceText {
    /// A text called `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The name that diagnostics show: a path as the user would type it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line with this number, without its end; nothing behind the last one.
    pub fn line(&self, line: usize) -> Option<&str> {
        self.text.lines().nth(line.checked_sub(1)?)
    }

    /// The place of a byte offset; an offset behind the end is the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut place = Position::START;
        for (_, character) in self.text.char_indices().take_while(|(at, _)| *at < offset) {
            if character == '\n' {
                place.line = place.line.saturating_add(1);
                place.column = 1;
            } else {
                place.column = place.column.saturating_add(1);
            }
        }
        place
    }
}

#[cfg(test)]
mod tests;
