//! An exchange step by step, for proxies that do not have it all at once.

use super::{Direction, Event, LocalReply, StreamId, StreamInfo};
use crate::host::{headers::Headers, vm::Vm};

// === impl Vm ===

impl Vm {
    /// The head of the request.
    pub fn request_headers(&mut self, stream: StreamId, headers: Headers, end: bool) {
        self.headers(stream.0, Direction::Request, headers, end);
    }

    /// A part of the request's body.
    pub fn request_data(&mut self, stream: StreamId, data: Vec<u8>, end: bool) {
        if let Some(own) = self.stream(stream.0) {
            let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
            own.info.request_bytes = own.info.request_bytes.saturating_add(size);
        }
        self.data(stream.0, Direction::Request, data, end);
    }

    /// The trailers of the request.
    pub fn request_trailers(&mut self, stream: StreamId, trailers: Headers) {
        self.trailers(stream.0, Direction::Request, trailers);
    }

    /// The head of the upstream's response, `:status` included.
    pub fn response_headers(&mut self, stream: StreamId, headers: Headers, end: bool) {
        let Some(own) = self.stream(stream.0) else { return };
        if own.local || own.ended {
            return;
        }
        own.started = true;
        own.info.code = headers.text(":status").and_then(|text| text.parse().ok());
        own.info.details = Some("via_upstream".to_owned());
        self.headers(stream.0, Direction::Response, headers, end);
    }

    /// A part of the response's body.
    pub fn response_data(&mut self, stream: StreamId, data: Vec<u8>, end: bool) {
        if self.stream(stream.0).is_some_and(|own| !own.local) {
            self.data(stream.0, Direction::Response, data, end);
        }
    }

    /// The trailers of the response.
    pub fn response_trailers(&mut self, stream: StreamId, trailers: Headers) {
        if self.stream(stream.0).is_some_and(|own| !own.local) {
            self.trailers(stream.0, Direction::Response, trailers);
        }
    }

    /// The upstream closed its connection before its response was complete: Envoy's router answers for it, or breaks
    /// off what has begun.
    pub fn upstream_closed(&mut self, stream: StreamId) {
        match self.stream(stream.0) {
            Some(own) if own.local => {}
            Some(own) if own.sent => {
                self.reset(stream.0, "upstream_reset_after_response_started{protocol_error}");
            }
            Some(own) => {
                let reply = LocalReply::upstream_closed(own.started);
                self.local_reply(stream.0, &reply);
            }
            None => {}
        }
    }

    /// The client or the proxy breaks the exchange off.
    pub fn abort(&mut self, stream: StreamId, details: &str) {
        self.reset(stream.0, details);
    }

    /// Whether more of the request's body may be given now. Not while the filter holds more of it back than the proxy
    /// is to keep, and the proxy therefore does not read on.
    pub fn takes_request_data(&self, stream: StreamId) -> bool {
        self.takes(stream, Direction::Request)
    }

    /// The same for the response.
    pub fn takes_response_data(&self, stream: StreamId) -> bool {
        self.takes(stream, Direction::Response)
    }

    fn takes(&self, stream: StreamId, direction: Direction) -> bool {
        let host = self.store.data();
        let limit = host.plugin.buffer_limit;
        host.streams.get(&stream.0).is_none_or(|own| !own.message(direction).is_full(limit))
    }

    /// The streams from which something went on that has not been taken.
    pub fn ready(&self) -> Vec<StreamId> {
        let streams = self.store.data().streams.iter();
        streams.filter(|(_, own)| !own.events.is_empty()).map(|(id, _)| StreamId(*id)).collect()
    }

    /// What went on from the filter since the last call.
    pub fn take_events(&mut self, stream: StreamId) -> Vec<Event> {
        self.stream(stream.0).map(|own| own.events.drain(..).collect()).unwrap_or_default()
    }

    /// Whether the client has got everything that it will ever get.
    pub fn is_ended(&self, stream: StreamId) -> bool {
        self.store.data().streams.get(&stream.0).is_none_or(|own| own.ended)
    }

    /// What the proxy knows about an exchange.
    pub fn info(&self, stream: StreamId) -> Option<&StreamInfo> {
        self.store.data().streams.get(&stream.0).map(|own| &own.info)
    }

    /// Ends an exchange, whatever state it is in, and forgets it.
    pub fn close(&mut self, stream: StreamId) -> StreamInfo {
        self.reset(stream.0, "downstream_remote_disconnect");
        self.store.data_mut().streams.remove(&stream.0).map(|own| own.info).unwrap_or_default()
    }

    /// A request that the proxy answered before any filter saw it: the filter only hears of it in the log.
    pub fn rejected(&mut self, stream: StreamId, request: Headers, code: u16, details: &str) {
        let Some(own) = self.stream(stream.0) else { return };
        own.request.headers = request;
        own.request.arrived = true;
        own.info.code = Some(code);
        own.info.details = Some(details.to_owned());
        own.ended = true;
        self.finish(stream.0);
    }
}
