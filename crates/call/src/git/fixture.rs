//! Pushes for tests, written packet by packet.

use super::PushReader;
use crate::{CallError, ToolCalls};

pub(super) const ZERO: &str = "0000000000000000000000000000000000000000";
pub(super) const ONE: &str = "1111111111111111111111111111111111111111";
pub(super) const TWO: &str = "2222222222222222222222222222222222222222";
pub(super) const CAPABILITIES: &str =
    " report-status-v2 side-band-64k quiet atomic object-format=sha1 agent=git/2.47.3-Linux";

/// A packet of these bytes, with whatever length they have.
pub(super) fn packet(payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = format!("{:04x}", payload.len().saturating_add(4)).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// A body being written.
#[derive(Default)]
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    pub(super) fn line(mut self, payload: impl AsRef<[u8]>) -> Self {
        self.0.extend(packet(payload));
        self
    }

    pub(super) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    pub(super) fn flush(self) -> Self {
        self.raw("0000")
    }

    /// The first command with the capabilities that git itself sends.
    pub(super) fn first(self, old: &str, new: &str, name: &str) -> Self {
        self.line(format!("{old} {new} {name}\0{CAPABILITIES}"))
    }

    pub(super) fn command(self, old: &str, new: &str, name: &str) -> Self {
        self.line(format!("{old} {new} {name}"))
    }

    pub(super) fn pack(self) -> Self {
        self.raw(b"PACK\0\0\0\x02\0\0\0\0")
    }

    /// Read in one piece.
    pub(super) fn read(&self) -> Result<ToolCalls, CallError> {
        read(&self.0, self.0.len().max(1))
    }

    pub(super) fn code(&self) -> &'static str {
        self.read().map_or_else(|error| error.code(), |_| "ok")
    }
}

/// Reads a whole body in pieces of `size` bytes.
pub(super) fn read(body: &[u8], size: usize) -> Result<ToolCalls, CallError> {
    let mut reader = PushReader::new("payments".into());
    let mut pieces = body.chunks(size).peekable();
    while let Some(piece) = pieces.next() {
        if let Some(calls) = reader.feed(piece, pieces.peek().is_none())? {
            return Ok(calls);
        }
    }
    Ok(reader.feed(b"", true)?.expect("everything is enough"))
}
