//! Replies that the proxy makes itself, and exchanges that break off (`FilterManager::sendLocalReply`).

use super::{Direction, Event, LocalReply, Phase};
use crate::host::vm::Vm;

// === impl Vm ===

impl Vm {
    /// Through the filter, past it, or not at all: that depends on how far a response has come.
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
        own.info.details = Some(details.to_owned());
        own.events.push_back(Event::Reset);
        self.finish(id);
    }

    /// Whether a local reply took over while the filter ran; one that waited for that is sent now.
    pub(super) fn was_aborted(&mut self, id: u32, direction: Direction) -> bool {
        let Some(own) = self.stream(id) else { return true };
        if let Some(reply) = own.prepared.take() {
            self.reply_through_filter(id, &reply);
            return true;
        }
        own.is_over(direction)
    }
}
