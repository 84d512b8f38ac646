//! What plays a case: something that takes a request to where it is decided, and sees what becomes of it.

use actgate_authz::Inquiry;
use serde_json::Value;

use super::format::Upstream;

/// Takes requests, one after the other, to the gate of one setup.
pub trait Engine {
    /// Its name in the names of tests.
    fn name(&self) -> &'static str;

    /// The time by which it lives, in seconds since 1970; none where the case's own can be had.
    fn clock(&self) -> Option<i64>;

    /// Whether a proxy stands before the gate, which rejects some requests by itself.
    fn is_proxy(&self) -> bool;

    /// Sends a request, and waits until it is over and recorded.
    ///
    /// # Errors
    /// The engine itself failed, which says nothing about the gate.
    fn run(&mut self, exchange: &Exchange) -> Result<Outcome, EngineError>;
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine does not do its part.
    #[error("{0}")]
    Failed(String),
    /// The plugin trapped: its end, and a line for each function that it happened in.
    #[error("the plugin trapped in {0}")]
    Trapped(String),
}

/// A request as it is sent, and what waits for it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The time, in seconds since 1970.
    pub now: i64,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `Host`.
    pub host: String,
    /// The other header fields, in lower case, but for those that frame the body.
    pub headers: Vec<(String, String)>,
    /// The body; none where there is not even an empty one.
    pub body: Option<Vec<u8>>,
    /// Whether it is sent in chunks.
    pub chunked: bool,
    /// Fields behind the last chunk.
    pub trailers: Vec<(String, String)>,
    /// What the upstream answers; none where the request is not meant to get there.
    pub upstream: Option<Upstream>,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The status that the client saw.
    pub status: u16,
    /// The header fields that it saw, in lower case.
    pub headers: Vec<(String, String)>,
    /// The body that it saw.
    pub body: Vec<u8>,
    /// The requests that the upstream saw.
    pub seen: Vec<Seen>,
    /// Whether any byte reached the upstream, of a request or of less.
    pub touched: bool,
    /// The ledger's record.
    pub record: Value,
    /// Who asked for what, where the engine can tell.
    pub inquiry: Option<Inquiry>,
}

/// A request as the upstream saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The header fields, in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

// === impl Exchange ===

impl Exchange {
    /// The header fields that frame the body (RFC 9112 section 6).
    pub fn framing(&self) -> Option<(&'static str, String)> {
        match &self.body {
            None => None,
            Some(_) if self.chunked => Some(("transfer-encoding", "chunked".to_owned())),
            Some(body) => Some(("content-length", body.len().to_string())),
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Every value of a header of the answer.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
    }

    /// A text of the record; empty where there is none.
    pub fn recorded(&self, pointer: &str) -> &str {
        self.record.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

// === impl Seen ===

impl Seen {
    /// Every value of a header.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
    }
}

fn values<'a>(fields: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
}
