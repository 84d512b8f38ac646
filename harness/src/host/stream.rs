//! One HTTP exchange as Envoy's filter manager keeps it.

mod body;
mod filter;
mod flow;
mod local;
mod message;
mod reply;
mod steps;

use std::collections::{BTreeMap, VecDeque};

use super::headers::Headers;

pub(super) use self::body::part;
pub(super) use self::message::{Direction, Message};
pub use self::reply::LocalReply;

/// Names a stream of a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(super) u32);

/// What goes on from the filter, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The request's head, towards the upstream.
    RequestHeaders {
        /// The header fields.
        headers: Headers,
        /// Whether nothing follows.
        end: bool,
    },
    /// A part of the request's body.
    RequestData {
        /// The bytes.
        data: Vec<u8>,
        /// Whether nothing follows.
        end: bool,
    },
    /// The request's trailers.
    RequestTrailers(Headers),
    /// The response's head, towards the client.
    ResponseHeaders {
        /// The header fields, `:status` included.
        headers: Headers,
        /// Whether nothing follows.
        end: bool,
    },
    /// A part of the response's body.
    ResponseData {
        /// The bytes.
        data: Vec<u8>,
        /// Whether nothing follows.
        end: bool,
    },
    /// The response's trailers.
    ResponseTrailers(Headers),
    /// The exchange is broken off.
    Reset,
}

/// What the proxy knows about an exchange, for properties and for its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// The status of the response.
    pub code: Option<u16>,
    /// `response.code_details`
    pub details: Option<String>,
    /// Bytes of the request's body that have come.
    pub request_bytes: u64,
    /// Bytes of the response's body that have gone.
    pub response_bytes: u64,
    /// When it began, and how long it has lasted once it is over, in nanoseconds.
    pub begun: u64,
    /// See `begun`.
    pub duration: u64,
    /// Filter state that the module set, by its key (`wasm.<name>`).
    pub filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Which callbacks of the filter run, as `filter_call_state_` says in Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    None,
    Of(Direction),
    Log,
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) request: Message,
    pub(super) response: Message,
    pub(super) info: StreamInfo,
    /// What the proxy knows of the connection and the upstream; path elements separated by NUL.
    pub(super) attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) events: VecDeque<Event>,
    pub(super) phase: Phase,
    /// Whether the module has a context for it.
    pub(super) created: bool,
    /// Whether the last call into the filter was the end of its direction.
    pub(super) end_of_stream: bool,
    /// Whether a response is on its way through the filter.
    pub(super) started: bool,
    /// Whether it is a local one: nothing of the upstream's counts any more.
    pub(super) local: bool,
    /// Whether its head has left the filter.
    pub(super) sent: bool,
    /// Whether everything that the client will ever get has been sent.
    pub(super) ended: bool,
    /// Whether the last callbacks have been made.
    pub(super) finished: bool,
    /// Whether the module that knew it is dead and has a successor.
    pub(super) orphaned: bool,
    /// Whether the failure of the VM has been answered.
    pub(super) failed: bool,
    /// A local reply that waits for the callback to return.
    pub(super) prepared: Option<LocalReply>,
}

// === impl StreamId ===

impl StreamId {
    /// The module's own number of the stream.
    pub fn number(self) -> u32 {
        self.0
    }
}

// === impl Stream ===

impl Stream {
    pub(super) fn new(attributes: BTreeMap<Vec<u8>, Vec<u8>>, begun: u64) -> Self {
        Self {
            request: Message::default(),
            response: Message::default(),
            info: StreamInfo { begun, ..StreamInfo::default() },
            attributes,
            events: VecDeque::new(),
            phase: Phase::None,
            created: false,
            end_of_stream: false,
            started: false,
            local: false,
            sent: false,
            ended: false,
            finished: false,
            orphaned: false,
            failed: false,
            prepared: None,
        }
    }

    pub(super) fn message(&self, direction: Direction) -> &Message {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(super) fn message_mut(&mut self, direction: Direction) -> &mut Message {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// A header map that may be read now.
    pub(super) fn map(&self, direction: Direction, trailers: bool) -> Option<&Headers> {
        let message = self.message(direction);
        if self.phase == Phase::Log {
            // The log sees everything but the request's trailers.
            return match (direction, trailers) {
                (Direction::Request, true) => None,
                (_, false) => message.arrived.then_some(&message.headers),
                (Direction::Response, true) => message.trailers.as_ref(),
            };
        }
        if trailers {
            message.trailers.as_ref().filter(|_| message.trailers_shown)
        } else {
            message.headers_shown.then_some(&message.headers)
        }
    }

    /// A header map that may be changed now. Asking for trailers at the end of a body adds them.
    pub(super) fn map_mut(&mut self, direction: Direction, trailers: bool) -> Option<&mut Headers> {
        let end_of_stream = self.end_of_stream;
        let message = self.message_mut(direction);
        if !trailers {
            return message.headers_shown.then_some(&mut message.headers);
        }
        if !message.trailers_shown && message.chunk_shown && end_of_stream {
            message.trailers_shown = true;
            message.trailers.get_or_insert_default();
        }
        message.trailers.as_mut().filter(|_| message.trailers_shown)
    }

    /// The module went on with a stream: of both directions it is the request whose parts it loses sight of.
    pub(super) fn hide_request(&mut self) {
        self.request.headers_shown = false;
        self.request.chunk_shown = false;
        self.request.trailers_shown = false;
    }

    /// Whether nothing may go on in this direction.
    pub(super) fn is_over(&self, direction: Direction) -> bool {
        // Once the end of a response has come, nothing of the request counts, whether the client has it or not.
        let answered = direction == Direction::Request && self.response.complete;
        self.ended || answered || self.message(direction).aborted
    }
}
