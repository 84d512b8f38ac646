//! How an exchange goes through a chain with one filter: Envoy's filter manager
//! (`source/common/http/filter_manager.cc`).

use super::message::{DataStatus, HeadersStatus, Iteration};
use super::{Direction, Event, LocalReply, Stream};
use crate::host::{headers::Headers, vm::Vm};

// === impl Vm ===

impl Vm {
    pub(super) fn headers(&mut self, id: u32, direction: Direction, headers: Headers, end: bool) {
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

    pub(super) fn data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) {
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

    pub(super) fn trailers(&mut self, id: u32, direction: Direction, trailers: Headers) {
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

    pub(in super::super) fn too_large(&mut self, id: u32, direction: Direction) {
        let reply = match direction {
            Direction::Request => LocalReply::new(413, "request_payload_too_large", "Payload Too Large"),
            Direction::Response => {
                LocalReply::new(500, "response_payload_too_large", "Internal Server Error")
            }
        };
        self.local_reply(id, &reply);
    }

    pub(super) fn emit_headers(&mut self, id: u32, direction: Direction, end: bool) {
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

    pub(super) fn emit_data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) {
        let Some(own) = self.stream(id) else { return };
        if data.is_empty() && !end {
            return;
        }
        if direction == Direction::Response {
            let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
            own.info.response_bytes = own.info.response_bytes.saturating_add(size);
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

    pub(super) fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        self.store.data_mut().streams.get_mut(&id)
    }
}
