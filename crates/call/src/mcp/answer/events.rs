//! A stream of server-sent events (HTML section 9.2), event by event: what is passed on is whole events, and of one at
//! most something is held back.

use super::AnswerError;

/// The events of one answer.
#[derive(Debug)]
pub struct Events {
    /// The event that has begun.
    held: Vec<u8>,
    /// Where its last line begins.
    line: usize,
    /// The last byte was the `CR` of a line's end, of which an `LF` may be the rest.
    after_cr: bool,
    /// Whether anything was before it.
    begun: bool,
    limit: usize,
}

// === impl Events ===

impl Events {
    /// Events of at most `limit` bytes each.
    pub const fn new(limit: usize) -> Self {
        Self { held: Vec::new(), line: 0, after_cr: false, begun: false, limit }
    }

    /// How much of an event is held back.
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes what has come, the last of it if `end`, and adds what can go on to `out`. `edit` sees the data of each event and
    /// gives other data for it, or none where it passes as it is.
    ///
    /// # Errors
    /// An event that is too large, or that is no text; and what `edit` says.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        end: bool,
        out: &mut Vec<u8>,
        edit: &mut dyn FnMut(&str) -> Result<Option<String>, AnswerError>,
    ) -> Result<(), AnswerError> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                // The other half of a line's end.
                let place = if self.held.is_empty() { &mut *out } else { &mut self.held };
                place.push(b'\n');
                self.line = self.held.len();
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let Some(stop) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.hold(bytes)?;
                break;
            };
            let (line, rest) = bytes.split_at(stop.saturating_add(1));
            self.hold(line)?;
            bytes = rest;
            self.after_cr = line.last() == Some(&b'\r');
            let blank = self.held.len() == self.line.saturating_add(1);
            self.line = self.held.len();
            if blank {
                self.pass(out, edit)?;
            }
        }
        // Some dispatch an event that the end of the stream cuts off.
        if end && !self.held.is_empty() {
            self.pass(out, edit)?;
        }
        Ok(())
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), AnswerError> {
        if self.held.len().saturating_add(bytes.len()) > self.limit {
            return Err(AnswerError::TooLarge(self.limit));
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn pass(
        &mut self,
        out: &mut Vec<u8>,
        edit: &mut dyn FnMut(&str) -> Result<Option<String>, AnswerError>,
    ) -> Result<(), AnswerError> {
        let bytes = std::mem::take(&mut self.held);
        self.line = 0;
        let text = std::str::from_utf8(&bytes).map_err(|_| AnswerError::NotUtf8)?;
        // Readers drop a byte order mark, and only the first.
        let begun = std::mem::replace(&mut self.begun, true);
        let text = if begun { text } else { text.strip_prefix('\u{feff}').unwrap_or(text) };
        let data: Vec<&str> = lines(text).filter_map(data_of).collect();
        let joined = data.join("\n");
        // No JSON begins otherwise: a ping with a date, a priming event.
        let is_document = joined.trim_start().starts_with(['{', '[', '\u{feff}']);
        match if is_document { edit(&joined)? } else { None } {
            None => out.extend_from_slice(text.as_bytes()),
            Some(new) => {
                for line in lines(text).filter(|line| data_of(line).is_none() && !line.is_empty()) {
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
                for line in new.split(['\n', '\r']) {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
                out.push(b'\n');
            }
        }
        Ok(())
    }
}

/// The lines of a text, without their ends; what only a pair of ends makes is empty and says nothing.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r'])
}

/// What a line says of the event's data.
fn data_of(line: &str) -> Option<&str> {
    match line.strip_prefix("data:") {
        Some(value) => Some(value.strip_prefix(' ').unwrap_or(value)),
        None => (line == "data").then_some(""),
    }
}
