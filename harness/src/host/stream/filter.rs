//! The wasm filter: callbacks of one stream, and what becomes of their statuses (`Context` in
//! `source/extensions/common/wasm/context.cc`).

use wasmtime::Store;

use super::message::{DataStatus, HeadersStatus};
use super::{Direction, LocalReply, Phase, StreamId};
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

    pub(super) fn filter_headers(&mut self, id: u32, direction: Direction, end: bool) -> HeadersStatus {
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

    pub(super) fn filter_data(
        &mut self,
        id: u32,
        direction: Direction,
        data: Vec<u8>,
        end: bool,
    ) -> DataStatus {
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
    pub(super) fn filter_trailers(&mut self, id: u32, direction: Direction) -> bool {
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

    pub(super) fn finish(&mut self, id: u32) {
        let now = self.store.data().now;
        let Some(own) = self.stream(id) else { return };
        if own.finished {
            return;
        }
        own.finished = true;
        own.info.duration = now.saturating_sub(own.info.begun);
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
        self.store.data_mut().cancel_callouts(StreamId(id));
    }
}
