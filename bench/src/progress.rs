//! A line for whoever waits at a terminal; the result is on standard output alone.

use std::io::{self, IsTerminal as _, Write as _};

/// Replaces the line.
pub(crate) fn show(text: &str) {
    let mut out = io::stderr();
    if out.is_terminal() {
        // Where it cannot be written, nobody waits for it.
        drop(write!(out, "\r\x1b[K{text}").and_then(|()| out.flush()));
    }
}

/// Takes the line away.
pub(crate) fn clear() {
    show("");
}

/// Why there is no result.
pub(crate) fn complain(text: &str) {
    clear();
    drop(writeln!(io::stderr(), "actgate-bench: {text}"));
}
