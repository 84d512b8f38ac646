//! Diagnostics as text (`file:line:col: error: message`, the line with a caret, help) and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Diagnostic, Severity};

/// The longest source line that is shown whole; of a longer one (a minified JWKS) the part around the
/// caret is shown. Fits a terminal of 100 columns with the gutter.
const EXCERPT_WIDTH: usize = 90;

/// Whether the output may be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// For files, pipes and terminals that do not want it.
    Plain,
    /// For terminals.
    Colour,
}

/// The part of a source line that is shown, and the width of what stands before the caret in it.
struct Excerpt {
    shown: String,
    before_caret: usize,
}

/// Writes diagnostics for people, one after the other.
pub fn write_text(out: &mut dyn Write, diagnostics: &[Diagnostic], style: Style) -> io::Result<()> {
    diagnostics.iter().try_for_each(|diagnostic| write_one(out, diagnostic, style))
}

/// Writes diagnostics for machines: one JSON array, one line.
pub fn write_json(out: &mut dyn Write, diagnostics: &[Diagnostic]) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &json_rows(diagnostics))?;
    writeln!(out)
}

/// Diagnostics as they are in a JSON document.
pub fn json_rows(diagnostics: &[Diagnostic]) -> Vec<Value> {
    diagnostics
        .iter()
        .map(|diagnostic| {
            json!({
                "file": diagnostic.file,
                "line": diagnostic.position.map(|position| position.line),
                "column": diagnostic.position.map(|position| position.column),
                "severity": diagnostic.severity.code(),
                "message": diagnostic.message,
                "help": diagnostic.help,
            })
        })
        .collect()
}

fn write_one(out: &mut dyn Write, diagnostic: &Diagnostic, style: Style) -> io::Result<()> {
    let place = match diagnostic.position {
        Some(position) => format!("{}:{}:{}", printable(&diagnostic.file), position.line, position.column),
        None => printable(&diagnostic.file),
    };
    let colour = match diagnostic.severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
    };
    let severity = style.paint(colour, diagnostic.severity.code());
    writeln!(out, "{}: {severity}: {}", style.paint("1", &place), printable(&diagnostic.message))?;
    if let (Some(position), Some(line)) = (diagnostic.position, &diagnostic.excerpt) {
        let excerpt = Excerpt::around(line, position.column);
        let gutter = position.line.to_string();
        writeln!(out, " {} {}", style.paint("2", &format!("{gutter} |")), excerpt.shown)?;
        let bar = style.paint("2", &format!("{:width$} |", "", width = gutter.len()));
        let indent = " ".repeat(excerpt.before_caret);
        writeln!(out, " {bar} {indent}{}", style.paint(colour, "^"))?;
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "  {} {}", style.paint("1;36", "help:"), printable(help))?;
    }
    Ok(())
}

/// Escapes control characters: a file must not be able to steer the terminal of who checks it.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' {
            // A message of several lines stays readable, and its further lines stay apart from ours.
            shown.push_str("\n    ");
        } else if character.is_control() {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

// === impl Style ===

impl Style {
    /// The text, in the colour of this SGR code where colours are allowed.
    pub fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

// === impl Excerpt ===

impl Excerpt {
    fn around(line: &str, column: usize) -> Self {
        // One column per character, so that the caret stands where it should.
        let line: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let caret = column.saturating_sub(1).min(line.len());
        if line.len() <= EXCERPT_WIDTH {
            return Self { shown: line.into_iter().collect(), before_caret: caret };
        }
        let from = caret.saturating_sub(EXCERPT_WIDTH / 2).min(line.len().saturating_sub(EXCERPT_WIDTH));
        let mut shown: String = line.iter().skip(from).take(EXCERPT_WIDTH).collect();
        let mut before_caret = caret.saturating_sub(from);
        if from > 0 {
            shown.insert_str(0, "...");
            before_caret = before_caret.saturating_add(3);
        }
        if from.saturating_add(EXCERPT_WIDTH) < line.len() {
            shown.push_str("...");
        }
        Self { shown, before_caret }
    }
}
