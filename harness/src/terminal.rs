//! The process's two outputs.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use actgate_harness::diagnostic::{Diagnostic, Severity, Style, write_text};

/// Where results go, and where what people should know goes.
pub(crate) struct Terminal {
    /// Results: a summary, a bundle, a token.
    pub(crate) out: Box<dyn Write>,
    /// Diagnostics.
    pub(crate) err: Box<dyn Write>,
    /// How results may be written.
    pub(crate) out_style: Style,
    style: Style,
    /// Whether somebody watches what goes to `err`.
    watched: bool,
}

/// A line that says how far something has come, rewritten in place; nothing where nobody watches.
pub(crate) struct ProgressLine {
    started: Instant,
    shown: Option<Instant>,
    watched: bool,
}

/// What is over before this needs no line.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line changes.
const PACE: Duration = Duration::from_millis(100);

// === impl Terminal ===

impl Terminal {
    /// The process's own.
    pub(crate) fn of_process() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // https://no-color.org: set and not empty means none.
        let plain = set("NO_COLOR") || dumb;
        let style = |terminal: bool| if terminal && !plain { Style::Colour } else { Style::Plain };
        Self {
            out: Box::new(io::BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            out_style: style(io::stdout().is_terminal()),
            style: style(io::stderr().is_terminal()),
            watched: io::stderr().is_terminal() && !dumb,
        }
    }

    /// Writes diagnostics, and how many there are.
    pub(crate) fn complain(&mut self, diagnostics: &[Diagnostic]) -> io::Result<()> {
        write_text(&mut *self.err, diagnostics, self.style)?;
        let of = |severity: Severity| diagnostics.iter().filter(|found| found.severity == severity).count();
        match (of(Severity::Error), of(Severity::Warning)) {
            (0, 0) => Ok(()),
            (0, warnings) => writeln!(self.err, "{}", counted(warnings, "warning")),
            (errors, 0) => writeln!(self.err, "{}", counted(errors, "error")),
            (errors, warnings) => {
                writeln!(self.err, "{}, {}", counted(errors, "error"), counted(warnings, "warning"))
            }
        }
    }

    /// A line for something that may take long.
    pub(crate) fn progress(&self) -> ProgressLine {
        ProgressLine { started: Instant::now(), shown: None, watched: self.watched }
    }

    /// Writes one line about what went wrong outside of any file.
    pub(crate) fn fail(&mut self, message: &str) -> io::Result<()> {
        writeln!(self.err, "error: {message}")
    }

    /// Writes what to do about it.
    pub(crate) fn help(&mut self, help: &str) -> io::Result<()> {
        writeln!(self.err, "  help: {help}")
    }
}

// === impl ProgressLine ===

impl ProgressLine {
    /// Shows `text`, if it is time to.
    pub(crate) fn show(&mut self, text: &str) {
        let due = match self.shown {
            None => self.started.elapsed() >= PATIENCE,
            Some(last) => last.elapsed() >= PACE,
        };
        if !self.watched || !due {
            return;
        }
        // Where the line cannot be written, the result says so.
        if write!(io::stderr(), "\r\u{1b}[K{text}").is_ok() {
            self.shown = Some(Instant::now());
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if self.shown.take().is_some() { write!(io::stderr(), "\r\u{1b}[K") } else { Ok(()) }
    }
}

/// `1 route`, `2 routes`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    };
    if count == 1 { format!("1 {noun}") } else { format!("{count} {plural}") }
}
