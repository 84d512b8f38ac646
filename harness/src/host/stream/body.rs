//! The body as the module reaches it.

use super::super::status::Status;
use super::{Direction, Stream};

/// A body, or none.
pub(in super::super) enum Buffer<'s> {
    /// It can be read and changed.
    Body(&'s mut Vec<u8>),
    /// There is none now. Envoy has an empty one that takes no bytes.
    Nothing,
}

// === impl Stream ===

impl Stream {
    /// The body that hostcalls are about: all that is held where the module holds it, else the chunk at hand.
    pub(in super::super) fn buffer(&mut self, direction: Direction) -> Buffer<'_> {
        let message = self.message_mut(direction);
        if message.buffering {
            return message.buffered.as_mut().map_or(Buffer::Nothing, Buffer::Body);
        }
        if message.chunk_shown { Buffer::Body(&mut message.chunk) } else { Buffer::Nothing }
    }
}

// === impl Buffer ===

impl Buffer<'_> {
    pub(in super::super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Body(bytes) => bytes,
            Self::Nothing => &[],
        }
    }

    /// Puts bytes in front, in place of the first `length`, or at the end: Envoy can do no more (`Buffer::copyFrom`).
    pub(in super::super) fn put(&mut self, start: usize, length: usize, data: &[u8]) -> Result<(), Status> {
        let Self::Body(bytes) = self else { return Err(Status::BadArgument) };
        if start == 0 {
            let end = length.min(bytes.len());
            bytes.splice(..end, data.iter().copied());
            return Ok(());
        }
        if start >= bytes.len() {
            bytes.extend_from_slice(data);
            return Ok(());
        }
        Err(Status::BadArgument)
    }
}

/// A part of what can be read: from `start`, at most `length` (`exports::get_buffer_bytes`).
pub(in super::super) fn part(bytes: &[u8], start: u32, length: u32) -> Result<&[u8], Status> {
    let index = |number: u32| usize::try_from(number).map_err(|_| Status::BadArgument);
    let start = index(start)?;
    let end = start.saturating_add(index(length)?).min(bytes.len());
    // Envoy computes a negative length beyond the end, and fails on it in one way or another.
    bytes.get(start..end).ok_or(Status::BadArgument)
}
