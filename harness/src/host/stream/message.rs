//! One direction of an exchange.

use super::super::headers::Headers;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Direction {
    Request,
    Response,
}

/// Whether the filter lets things pass (`IterationState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Iteration {
    Running,
    /// The filter holds the stream, and sees what comes.
    StopSingle,
    /// The filter holds the stream, and sees nothing of what comes.
    StopAll,
}

/// What a headers callback decides (`FilterHeadersStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum HeadersStatus {
    Continue,
    StopIteration,
    StopAllAndBuffer,
    StopAllAndWatermark,
}

/// What a body callback decides (`FilterDataStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum DataStatus {
    Continue,
    StopAndBuffer,
    StopAndWatermark,
    StopNoBuffer,
}

/// A message on its way through the filter.
#[derive(Debug)]
pub(in super::super) struct Message {
    pub(in super::super) headers: Headers,
    pub(in super::super) trailers: Option<Headers>,
    /// What is being decided on.
    pub(in super::super) chunk: Vec<u8>,
    /// What is held.
    pub(in super::super) buffered: Option<Vec<u8>>,
    pub(in super::super) iteration: Iteration,
    pub(in super::super) arrived: bool,
    /// Whether the head went on.
    pub(in super::super) continued: bool,
    /// Whether the end has come.
    pub(in super::super) complete: bool,
    /// Whether a local reply cut it off.
    pub(in super::super) aborted: bool,
    /// Whether what is held may only grow up to the bound, or pushes back instead.
    pub(in super::super) streaming: bool,
    /// What the module can reach: it loses sight of what it has let go.
    pub(in super::super) headers_shown: bool,
    pub(in super::super) chunk_shown: bool,
    pub(in super::super) trailers_shown: bool,
    /// Whether the module holds the body, and so reaches the whole of it rather than the last chunk.
    pub(in super::super) buffering: bool,
}

// === impl Message ===

impl Default for Message {
    fn default() -> Self {
        Self {
            headers: Headers::default(),
            trailers: None,
            chunk: Vec::new(),
            buffered: None,
            iteration: Iteration::Running,
            arrived: false,
            continued: false,
            complete: false,
            aborted: false,
            streaming: false,
            headers_shown: false,
            chunk_shown: false,
            trailers_shown: false,
            buffering: false,
        }
    }
}

impl Message {
    /// Moves the chunk to what is held; whether that is beyond `limit` now and was not before.
    pub(in super::super) fn hold_chunk(&mut self, streaming: bool, limit: usize) -> bool {
        self.streaming = streaming;
        let chunk = std::mem::take(&mut self.chunk);
        let held = self.buffered.get_or_insert_default();
        let before = held.len();
        held.extend_from_slice(&chunk);
        !streaming && before <= limit && held.len() > limit
    }

    /// Whether more is held than may be, and nothing pushes back.
    pub(in super::super) fn overflows(&self, limit: usize) -> bool {
        !self.streaming && self.is_full(limit)
    }

    /// Whether what is held is beyond `limit`.
    pub(in super::super) fn is_full(&self, limit: usize) -> bool {
        self.buffered.as_ref().is_some_and(|held| held.len() > limit)
    }
}

// === impl HeadersStatus ===

impl HeadersStatus {
    /// What a callback returned (`convertVmCallResultToFilterHeadersStatus`).
    pub(in super::super) fn of(value: u32, stopped: bool, stops_on_headers: bool) -> Self {
        match value {
            _ if stopped => Self::StopAllAndWatermark,
            0 | 2 => Self::Continue,
            1 if stops_on_headers => Self::StopIteration,
            3 => Self::StopAllAndBuffer,
            _ => Self::StopAllAndWatermark,
        }
    }
}

// === impl DataStatus ===

impl DataStatus {
    /// What a callback returned (`convertVmCallResultToFilterDataStatus`).
    pub(in super::super) fn of(value: u32, stopped: bool) -> Self {
        match value {
            _ if stopped => Self::StopNoBuffer,
            0 => Self::Continue,
            1 => Self::StopAndBuffer,
            2 => Self::StopAndWatermark,
            _ => Self::StopNoBuffer,
        }
    }
}
