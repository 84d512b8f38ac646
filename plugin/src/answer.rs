//! The upstream's answer: callbacks in, the gate's steps out. Held, changed or refused is only what the gate looks at;
//! everything else goes by without being read.

use actgate_abi::Error;
use actgate_authz::{AnswerStep, BodyProgress, Gate};
use proxy_wasm::types::Action;

use crate::{host, room::Place, root::Shared};

/// What of an answer is here.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether the gate has said something that the proxy was not able to do: nothing goes on after that.
    failed: bool,
    /// The body bytes that the last callback reported.
    size: usize,
}

// === impl Answer ===

impl Answer {
    pub(crate) const fn new() -> Self {
        Self { failed: false, size: 0 }
    }

    pub(crate) fn headers(&mut self, gate: &mut Gate, complete: bool) -> Action {
        let step = host::answer_headers().map(|pairs| gate.on_answer(&pairs.fields(), complete));
        self.apply(step, 0)
    }

    pub(crate) fn body(
        &mut self,
        gate: &mut Gate,
        shared: &Shared,
        place: &mut Place,
        size: usize,
        complete: bool,
    ) -> Action {
        self.size = size;
        let progress = BodyProgress { buffered: size, complete };
        let step = host::now().map(|now| {
            let step = gate.on_answer_body(&shared.authorizer, progress, host::answer_part, now);
            if place.resize(gate.held()) { step } else { gate.on_answer_overload(step) }
        });
        self.apply(step, size)
    }

    /// Trailers end a body: with them the body callback never says that it is complete.
    pub(crate) fn trailers(&mut self, gate: &mut Gate, shared: &Shared, place: &mut Place) -> Action {
        if gate.holds_answer() {
            return self.body(gate, shared, place, self.size, true);
        }
        // Of a stream, an event that has no end stays here: there is no body any more to put it into.
        let progress = BodyProgress { buffered: 0, complete: true };
        let step = host::now()
            .map(|now| gate.on_answer_body(&shared.authorizer, progress, host::answer_part, now))
            .map(|_| AnswerStep::Pass);
        self.apply(step, 0)
    }

    fn apply(&mut self, step: Result<AnswerStep, Error>, size: usize) -> Action {
        let done = match step {
            Ok(AnswerStep::Pass) => Ok(Action::Continue),
            Ok(AnswerStep::Hold) => Ok(Action::Pause),
            Ok(AnswerStep::Change(change)) => host::change_answer(&change, size).map(|()| Action::Continue),
            Ok(AnswerStep::Reply(reply)) => host::answer_instead(&reply).map(|()| Action::Pause),
            Err(error) => Err(error),
        };
        // What could not be cut is not passed on: it ends with the proxy's own timeout.
        done.unwrap_or_else(|error| {
            host::error(&format!("actgate: {error}"));
            self.failed = true;
            Action::Pause
        })
    }

    pub(crate) const fn has_failed(&self) -> bool {
        self.failed
    }
}
