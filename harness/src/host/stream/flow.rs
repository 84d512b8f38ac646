//! How an exchange goes through the filter: Envoy's filter manager (`source/common/http/filter_manager.cc`) and the
//! wasm filter in it (`Context` in `source/extensions/common/wasm/context.cc`), for one filter.

use wasmtime::Store;

use super::message::{DataStatus, HeadersStatus, Iteration};
use super::{Direction, Event, LocalReply, Phase, Stream, StreamId, StreamInfo};
use crate::host::{
    headers::Headers,
    state::{Host, ROOT},
    vm::{Callbacks, Vm, size},
};

/// What a callback with a status ended in.
enum Verdict<S> {
    Status(S),
    /// The module is dead.
    Failed,
}

// === impl Vm ===

impl Vm {
    /// The head of the request.
    pub fn request_headers(&mut self, stream: StreamId, headers: Headers, end: bool) {
        self.headers(stream.0, Direction::Request, headers, end);
    }

    /// A part of the request's body.
    pub fn request_data(&mut self, stream: StreamId, data: Vec<u8>, end: bool) {
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

    /// The client or the proxy breaks the exchange off.
    pub fn abort(&mut self, stream: StreamId, details: &str) {
        self.reset(stream.0, details);
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

    // --- the filter manager ---

    fn headers(&mut self, id: u32, direction: Direction, headers: Headers, end: bool) {
        let Some(own) = self.stream(id) else { return };
        if own.is_over(direction) {
            return;
        }
        let message = own.message_mut(direction);
        message.headers = headers;
        message.arrived = true;
        message.complete = end;
        let status = self.filter_headers(id, direction, end);
        if self.was_aborted(id, direction) {
            return;
        }
        let Some(own) = self.stream(id) else { return };
        let message = own.message_mut(direction);
        match status {
            HeadersStatus::Continue if message.continued => {}
            HeadersStatus::Continue => {
                message.continued = true;
                self.emit_headers(id, direction, end);
            }
            HeadersStatus::StopIteration => message.iteration = Iteration::StopSingle,
            HeadersStatus::StopAllAndBuffer => {
                message.iteration = Iteration::StopAll;
                message.streaming = false;
            }
            HeadersStatus::StopAllAndWatermark => {
                message.iteration = Iteration::StopAll;
                message.streaming = true;
            }
        }
    }

    fn data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) {
        let limit = self.store.data().plugin.buffer_limit;
        let Some(own) = self.stream(id) else { return };
        if own.is_over(direction) {
            return;
        }
        let message = own.message_mut(direction);
        message.complete |= end;
        if message.iteration == Iteration::StopAll {
            message.chunk = data;
            let streaming = message.streaming;
            if message.hold_chunk(streaming, limit) {
                self.too_large(id, direction);
            }
            return;
        }
        self.pass_data(id, direction, data, end);
    }

    /// A chunk through the filter, and on.
    fn pass_data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) {
        let limit = self.store.data().plugin.buffer_limit;
        let status = self.filter_data(id, direction, data, end);
        if self.was_aborted(id, direction) {
            return;
        }
        let Some(own) = self.stream(id) else { return };
        let message = own.message_mut(direction);
        let mut too_large = false;
        match (status, message.iteration) {
            (DataStatus::Continue, Iteration::StopSingle) => {
                let streaming = message.streaming;
                message.hold_chunk(streaming, usize::MAX);
                self.resume(id, direction);
                return;
            }
            (DataStatus::Continue, Iteration::Running | Iteration::StopAll) => {
                let data = std::mem::take(&mut message.chunk);
                // Trailers that the callback has added are the end now.
                let trailers = message.trailers.is_some() && end;
                self.emit_data(id, direction, data, end && !trailers);
                if trailers {
                    self.emit_trailers(id, direction);
                }
                return;
            }
            (DataStatus::StopAndBuffer, _) => too_large = message.hold_chunk(false, limit),
            (DataStatus::StopAndWatermark, _) => too_large = message.hold_chunk(true, limit),
            (DataStatus::StopNoBuffer, _) => {
                message.chunk.clear();
                if message.complete && message.trailers.is_none() {
                    message.buffered.get_or_insert_default();
                }
            }
        }
        message.iteration = Iteration::StopSingle;
        if too_large {
            self.too_large(id, direction);
        }
    }

    fn trailers(&mut self, id: u32, direction: Direction, trailers: Headers) {
        let Some(own) = self.stream(id) else { return };
        if own.is_over(direction) {
            return;
        }
        let message = own.message_mut(direction);
        message.complete = true;
        message.trailers = Some(trailers);
        if message.iteration != Iteration::StopAll {
            self.pass_trailers(id, direction);
        }
    }

    fn pass_trailers(&mut self, id: u32, direction: Direction) {
        let goes_on = self.filter_trailers(id, direction);
        if self.was_aborted(id, direction) {
            return;
        }
        let Some(own) = self.stream(id) else { return };
        let message = own.message_mut(direction);
        match (goes_on, message.iteration) {
            (true, Iteration::StopSingle) => self.resume(id, direction),
            (true, Iteration::Running | Iteration::StopAll) => self.emit_trailers(id, direction),
            (false, _) => message.iteration = Iteration::StopSingle,
        }
    }

    /// `commonContinue`: everything that is held goes on, by way of the filter where it has not seen it.
    pub(in super::super) fn resume(&mut self, id: u32, direction: Direction) {
        let Some(own) = self.stream(id) else { return };
        if own.is_over(direction) {
            return;
        }
        let message = own.message_mut(direction);
        let unseen = message.iteration == Iteration::StopAll;
        message.iteration = Iteration::Running;
        if !message.continued && message.arrived {
            message.continued = true;
            let end = message.complete && message.buffered.is_none() && message.trailers.is_none();
            self.emit_headers(id, direction, end);
        }
        let Some(own) = self.stream(id) else { return };
        let message = own.message_mut(direction);
        let trailers = message.trailers.is_some();
        let end = message.complete && !trailers;
        if let Some(data) = message.buffered.take() {
            if unseen {
                self.pass_data(id, direction, data, end);
            } else {
                self.emit_data(id, direction, data, end);
            }
        }
        if trailers && !self.stream(id).is_none_or(|own| own.is_over(direction)) {
            if unseen {
                self.pass_trailers(id, direction);
            } else {
                self.emit_trailers(id, direction);
            }
        }
    }

    fn too_large(&mut self, id: u32, direction: Direction) {
        let reply = match direction {
            Direction::Request => LocalReply::new(413, "request_payload_too_large", "Payload Too Large"),
            Direction::Response => {
                LocalReply::new(500, "response_payload_too_large", "Internal Server Error")
            }
        };
        self.local_reply(id, &reply);
    }

    /// `FilterManager::sendLocalReply`.
    pub(in super::super) fn local_reply(&mut self, id: u32, reply: &LocalReply) {
        let Some(own) = self.stream(id) else { return };
        if own.ended {
            return;
        }
        if let Phase::Of(direction) = own.phase {
            own.message_mut(direction).aborted = true;
        }
        own.info.details = Some(reply.details.clone());
        if !own.started {
            match own.phase {
                Phase::Of(_) => {
                    own.prepared.get_or_insert_with(|| reply.clone());
                }
                Phase::None | Phase::Log => self.reply_through_filter(id, reply),
            }
        } else if own.sent {
            self.reset(id, &reply.details);
        } else {
            self.reply_directly(id, reply);
        }
    }

    fn reply_through_filter(&mut self, id: u32, reply: &LocalReply) {
        let Some(own) = self.stream(id) else { return };
        own.started = true;
        own.local = true;
        own.request.aborted = true;
        let (headers, body) = reply.prepare(&own.request.headers);
        own.info.code = headers.text(":status").and_then(|text| text.parse().ok());
        self.headers(id, Direction::Response, headers, body.is_empty());
        if !body.is_empty() {
            self.data(id, Direction::Response, body, true);
        }
    }

    /// The filter has begun with another response: it hears nothing of this one.
    fn reply_directly(&mut self, id: u32, reply: &LocalReply) {
        let Some(own) = self.stream(id) else { return };
        own.local = true;
        own.request.aborted = true;
        own.response.aborted = true;
        let (headers, body) = reply.prepare(&own.request.headers);
        own.info.code = headers.text(":status").and_then(|text| text.parse().ok());
        own.response.headers = headers;
        self.emit_headers(id, Direction::Response, body.is_empty());
        if !body.is_empty() {
            self.emit_data(id, Direction::Response, body, true);
        }
    }

    pub(in super::super) fn reset(&mut self, id: u32, details: &str) {
        let Some(own) = self.stream(id) else { return };
        if own.ended {
            return;
        }
        own.ended = true;
        own.info.details.get_or_insert_with(|| details.to_owned());
        own.events.push_back(Event::Reset);
        self.finish(id);
    }

    /// Whether a local reply took over while the filter ran; one that waited for that is sent now.
    fn was_aborted(&mut self, id: u32, direction: Direction) -> bool {
        let Some(own) = self.stream(id) else { return true };
        if let Some(reply) = own.prepared.take() {
            self.reply_through_filter(id, &reply);
            return true;
        }
        own.is_over(direction)
    }

    fn emit_headers(&mut self, id: u32, direction: Direction, end: bool) {
        let Some(own) = self.stream(id) else { return };
        let headers = own.message(direction).headers.clone();
        match direction {
            Direction::Request => own.events.push_back(Event::RequestHeaders { headers, end }),
            Direction::Response => {
                own.sent = true;
                own.info.code = headers.text(":status").and_then(|text| text.parse().ok());
                own.events.push_back(Event::ResponseHeaders { headers, end });
            }
        }
        self.emitted(id, direction, end);
    }

    fn emit_data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) {
        let Some(own) = self.stream(id) else { return };
        if data.is_empty() && !end {
            return;
        }
        own.events.push_back(match direction {
            Direction::Request => Event::RequestData { data, end },
            Direction::Response => Event::ResponseData { data, end },
        });
        self.emitted(id, direction, end);
    }

    fn emit_trailers(&mut self, id: u32, direction: Direction) {
        let Some(own) = self.stream(id) else { return };
        let Some(trailers) = own.message(direction).trailers.clone() else { return };
        own.events.push_back(match direction {
            Direction::Request => Event::RequestTrailers(trailers),
            Direction::Response => Event::ResponseTrailers(trailers),
        });
        self.emitted(id, direction, true);
    }

    /// The end of the response is the end of everything.
    fn emitted(&mut self, id: u32, direction: Direction, end: bool) {
        let Some(own) = self.stream(id) else { return };
        if end && direction == Direction::Response && !own.ended {
            own.ended = true;
            self.finish(id);
        }
    }

    fn finish(&mut self, id: u32) {
        let Some(own) = self.stream(id) else { return };
        if own.finished {
            return;
        }
        own.finished = true;
        own.phase = Phase::Log;
        // Who never saw the request still hears how it ended.
        self.create(id);
        self.call(id, "proxy_on_log", |callbacks, store| callbacks.log(store, id));
        self.settle();
        if let Some(own) = self.stream(id) {
            own.phase = Phase::None;
        }
        self.call(id, "proxy_on_done", |callbacks, store| callbacks.done(store, id));
        self.settle();
        self.call(id, "proxy_on_delete", |callbacks, store| callbacks.delete(store, id));
        self.settle();
    }

    // --- the wasm filter ---

    fn create(&mut self, id: u32) {
        if self.stream(id).is_none_or(|own| own.created) {
            return;
        }
        self.call(id, "proxy_on_context_create", |callbacks, store| callbacks.create(store, (id, ROOT)));
        self.settle();
        if let Some(own) = self.stream(id) {
            own.created = true;
        }
    }

    fn filter_headers(&mut self, id: u32, direction: Direction, end: bool) -> HeadersStatus {
        let stops_on_headers = self.store.data().plugin.stops_on_headers;
        if direction == Direction::Request {
            self.create(id);
        }
        let Some(own) = self.stream(id) else { return HeadersStatus::Continue };
        if direction == Direction::Response && (!own.created || own.failed) {
            return HeadersStatus::Continue;
        }
        own.end_of_stream = end;
        let message = own.message_mut(direction);
        message.headers_shown = true;
        let count = size(message.headers.len());
        let response = direction == Direction::Response;
        let name = if response { "proxy_on_response_headers" } else { "proxy_on_request_headers" };
        let verdict = self.filter(
            id,
            direction,
            name,
            |callbacks, store| callbacks.headers(store, response, (id, count, u32::from(end))),
            |value, stopped| HeadersStatus::of(value, stopped, stops_on_headers),
        );
        let status = match verdict {
            Verdict::Status(status) => status,
            Verdict::Failed => HeadersStatus::StopAllAndWatermark,
        };
        if status == HeadersStatus::Continue
            && let Some(own) = self.stream(id)
        {
            own.message_mut(direction).headers_shown = false;
        }
        status
    }

    fn filter_data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) -> DataStatus {
        let limit = self.store.data().plugin.buffer_limit;
        let Some(own) = self.stream(id) else { return DataStatus::Continue };
        let (created, failed) = (own.created, own.failed);
        let message = own.message_mut(direction);
        message.chunk = data;
        if !created || (direction == Direction::Response && failed) {
            return DataStatus::Continue;
        }
        if message.buffering && message.hold_chunk(false, limit) {
            own.phase = Phase::Of(direction);
            self.too_large(id, direction);
            let Some(own) = self.stream(id) else { return DataStatus::StopAndBuffer };
            own.phase = Phase::None;
            if own.finished {
                return DataStatus::StopAndBuffer;
            }
        }
        let Some(own) = self.stream(id) else { return DataStatus::Continue };
        own.end_of_stream = end;
        own.message_mut(direction).chunk_shown = true;
        let count = size(own.buffer(direction).bytes().len());
        let response = direction == Direction::Response;
        let name = if response { "proxy_on_response_body" } else { "proxy_on_request_body" };
        let verdict = self.filter(
            id,
            direction,
            name,
            |callbacks, store| callbacks.body(store, response, (id, count, u32::from(end))),
            DataStatus::of,
        );
        let status = match verdict {
            Verdict::Status(status) => status,
            Verdict::Failed => DataStatus::StopNoBuffer,
        };
        if let Some(own) = self.stream(id) {
            let message = own.message_mut(direction);
            message.buffering = status == DataStatus::StopAndBuffer;
            message.chunk_shown &= status != DataStatus::Continue;
        }
        status
    }

    /// Whether the stream goes on.
    fn filter_trailers(&mut self, id: u32, direction: Direction) -> bool {
        let Some(own) = self.stream(id) else { return true };
        if !own.created || (direction == Direction::Response && own.failed) {
            return true;
        }
        let message = own.message_mut(direction);
        message.trailers_shown = true;
        let count = size(message.trailers.as_ref().map_or(0, Headers::len));
        let response = direction == Direction::Response;
        let name = if response { "proxy_on_response_trailers" } else { "proxy_on_request_trailers" };
        let verdict = self.filter(
            id,
            direction,
            name,
            |callbacks, store| callbacks.trailers(store, response, (id, count)),
            |value, stopped| value == 0 && !stopped,
        );
        let goes_on = matches!(verdict, Verdict::Status(true));
        if goes_on && let Some(own) = self.stream(id) {
            own.message_mut(direction).trailers_shown = false;
        }
        goes_on
    }

    /// A callback of a direction, and everything that the module asked for in it.
    fn filter<S>(
        &mut self,
        id: u32,
        direction: Direction,
        name: &'static str,
        callback: impl FnOnce(&Callbacks, &mut Store<Host>) -> wasmtime::Result<u32>,
        convert: impl FnOnce(u32, bool) -> S,
    ) -> Verdict<S> {
        let before = match self.stream(id) {
            Some(own) => std::mem::replace(&mut own.phase, Phase::Of(direction)),
            None => Phase::None,
        };
        let value = self.call(id, name, callback);
        let stopped = self.take_stopped();
        let verdict = match value {
            Some(value) => Verdict::Status(convert(value, stopped)),
            None => {
                self.fail(id);
                Verdict::Failed
            }
        };
        self.settle();
        if let Some(own) = self.stream(id) {
            own.phase = before;
        }
        verdict
    }

    /// `Context::failStream`.
    fn fail(&mut self, id: u32) {
        let Some(own) = self.stream(id) else { return };
        if own.failed {
            return;
        }
        let reply = LocalReply { grpc_status: Some(14), ..LocalReply::new(503, "wasm_fail_stream", "") };
        own.failed = true;
        self.local_reply(id, &reply);
    }

    fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        self.store.data_mut().streams.get_mut(&id)
    }
}
