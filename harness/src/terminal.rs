//! The process's two outputs.

use std::io::{self, IsTerminal as _, Write};

use actgate_harness::diagnostic::{Diagnostic, Severity, Style, write_text};

/// Where results go, and where what people should know goes.
pub(crate) struct Terminal {
    /// Results: a summary, a bundle, a token.
    pub(crate) out: Box<dyn Write>,
    /// Diagnostics.
    pub(crate) err: Box<dyn Write>,
    style: Style,
}

// === impl Terminal ===

impl Terminal {
    /// The process's own.
    pub(crate) fn of_process() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // https://no-color.org: set and not empty means none.
        let colour = io::stderr().is_terminal() && !set("NO_COLOR") && !dumb;
        Self {
            out: Box::new(io::BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            style: if colour { Style::Colour } else { Style::Plain },
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

    /// Writes one line about what went wrong outside of any file.
    pub(crate) fn fail(&mut self, message: &str) -> io::Result<()> {
        writeln!(self.err, "error: {message}")
    }

    /// Writes what to do about it.
    pub(crate) fn help(&mut self, help: &str) -> io::Result<()> {
        writeln!(self.err, "  help: {help}")
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
