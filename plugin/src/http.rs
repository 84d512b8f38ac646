//! One request: callbacks in, the gate's steps out.

use std::rc::Rc;

use actgate_abi::Error;
use actgate_authz::{
    BodyProgress, Callout, CalloutAnswer, Gate, LocalReply, Moment, Step, refuse_everything,
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::{
    answer::Answer,
    host::{self, Done},
    ids::Ids,
    metrics::Ending,
    outcome,
    room::Place,
    root::Shared,
};

/// A request's context. Without a bundle there is no gate, and everything is refused.
#[derive(Debug)]
pub(crate) struct Request {
    shared: Option<Rc<Shared>>,
    gate: Option<Gate>,
    /// The body bytes that the last body callback reported.
    buffered: usize,
    /// Whether the end of the body has been seen.
    complete: bool,
    /// What the last callback for a decided request returned.
    decided: Option<Action>,
    answer: Answer,
    /// What of it waits for a decision.
    place: Place,
}

impl Request {
    pub(crate) fn new(shared: Option<Rc<Shared>>) -> Self {
        let place =
            shared.as_ref().map_or_else(Place::default, |shared| Place::within(Rc::clone(&shared.room)));
        Self { shared, gate: None, buffered: 0, complete: false, decided: None, answer: Answer::new(), place }
    }

    fn headers(&mut self, complete: bool) -> Action {
        let Some(shared) = self.shared.clone() else { return self.unavailable() };
        let step = host::now().and_then(|now| {
            let pairs = host::request_headers()?;
            let gate = Gate::new(now, shared.ids.next())
                .timed(|| host::now().ok())
                .with_entropy(entropy)
                .with_peer(host::peer_certificate)
                .sharing(Rc::clone(&shared.memory));
            let gate = self.gate.insert(gate);
            #[cfg(feature = "trap")]
            crate::trap::on_demand(&pairs.fields(), crate::trap::Trap::Before);
            let mut cache = shared.cache.borrow_mut();
            Ok(gate.on_headers(&shared.authorizer, &mut cache, &pairs.fields(), complete, now))
        });
        let action = self.apply(&shared, step);
        #[cfg(feature = "trap")]
        if let Ok(pairs) = host::request_headers() {
            crate::trap::on_demand(&pairs.fields(), crate::trap::Trap::After);
        }
        action
    }

    fn body(&mut self, complete: bool) -> Action {
        // What streams after the decision is part of what was permitted; what follows a refusal stays here.
        if let Some(action) = self.decided {
            return action;
        }
        let Some(shared) = self.shared.clone() else { return self.unavailable() };
        let progress = BodyProgress { buffered: self.buffered, complete };
        let Some(gate) = self.gate.as_mut() else { return self.unavailable() };
        let step = host::now().map(|now| {
            let mut cache = shared.cache.borrow_mut();
            gate.on_body(&shared.authorizer, &mut cache, progress, host::request_body, now)
        });
        self.apply(&shared, step)
    }

    /// The approval service has answered, or will not. A request that may go on is resumed here, since no callback of its
    /// own may come any more.
    fn answered(&mut self, body_size: usize) {
        let Some(shared) = self.shared.clone() else { return };
        if self.decided.is_some() {
            return;
        }
        let Some(gate) = self.gate.as_mut() else { return };
        let body = host::answer_body(body_size);
        let answer =
            host::answer_status().zip(body.as_deref()).map(|(status, body)| CalloutAnswer { status, body });
        let step = host::now().map(|now| {
            let mut cache = shared.cache.borrow_mut();
            gate.on_callout(&shared.authorizer, &mut cache, answer, now)
        });
        self.apply(&shared, step);
        // INVARIANT: nothing is resumed whose forwarding failed: `decided` says so.
        if matches!(self.decided, Some(Action::Continue))
            && let Err(error) = host::resume()
        {
            host::error(&format!("actgate: {error}"));
        }
    }

    fn apply(&mut self, shared: &Shared, step: Result<Step, Error>) -> Action {
        let held = self.gate.as_ref().map_or(0, Gate::held);
        if !self.place.resize(held) {
            return self.overloaded(shared);
        }
        let record = self.gate.as_ref().and_then(Gate::record).unwrap_or_default();
        let done = match step {
            Ok(Step::AwaitBody) => return Action::Pause,
            Ok(Step::HoldBack) => return host::hold_back(),
            Ok(Step::Callout(callout)) => match host::ask(&callout) {
                Ok(_) => return Action::Pause,
                Err(error) => {
                    host::warn(&format!("actgate: {error}"));
                    return self.unanswered(shared);
                }
            },
            Ok(Step::Discard(bytes)) => match host::discard(bytes, record) {
                Ok(()) => return Action::Pause,
                Err(error) => Err(error),
            },
            Ok(Step::Forward(forwarding)) => match self.gate.as_ref().and_then(Gate::body_instead) {
                None => host::forward(&forwarding, record),
                Some(body) => {
                    let replaced = host::replace_body(self.buffered, body);
                    replaced.and_then(|()| host::forward(&forwarding, record))
                }
            },
            Ok(Step::Reply(reply)) => host::reply(&reply, record),
            Err(error) => Err(error),
        };
        let done = done.unwrap_or_else(|error| host::fail(&error, apology(&shared.ids).as_ref()));
        self.settle(shared, &done)
    }

    /// The host does not ask: that is no answer, and the gate says what that means.
    fn unanswered(&mut self, shared: &Shared) -> Action {
        let Some(gate) = self.gate.as_mut() else { return self.unavailable() };
        let step = host::now().map(|now| {
            let mut cache = shared.cache.borrow_mut();
            gate.on_callout(&shared.authorizer, &mut cache, None, now)
        });
        self.apply(shared, step)
    }

    /// There is no room for what would have to wait. What comes of it waits for nothing.
    fn overloaded(&mut self, shared: &Shared) -> Action {
        let Some(gate) = self.gate.as_mut() else { return self.unavailable() };
        let step = host::now().map(|now| gate.on_overload(&shared.authorizer, now));
        self.apply(shared, step)
    }

    /// What the upstream answers, where the gate looks at it.
    fn answering(
        &mut self,
        look: impl FnOnce(&mut Answer, &mut Gate, &Shared, &mut Place) -> Action,
    ) -> Action {
        if self.answer.has_failed() {
            return Action::Pause;
        }
        match (&self.shared, &mut self.gate) {
            (Some(shared), Some(gate)) if gate.looks_at_answer() => {
                look(&mut self.answer, gate, shared, &mut self.place)
            }
            // Also the gate's own answers, and the proxy's to what never got here.
            _ => Action::Continue,
        }
    }

    fn settle(&mut self, shared: &Shared, done: &Done) -> Action {
        shared.metrics.count(done.ending);
        self.decided = Some(done.action);
        done.action
    }

    /// No bundle is in force: Envoy does not start with one that fails, so this is a VM that lost its own.
    fn unavailable(&mut self) -> Action {
        let done =
            host::fail(&Error { call: "on_configure", status: None }, apology(&Ids::default()).as_ref());
        self.decided = Some(done.action);
        done.action
    }
}

/// The answer where the gate cannot work. Without a clock it has no id, and there is none.
fn apology(ids: &Ids) -> Option<LocalReply> {
    let now: Moment = host::now().ok()?;
    Some(refuse_everything(now, ids.next()))
}

/// Tells the approval service what became of a claim: from the root context, since this request's own callouts end with
/// it. Where that fails, the service takes the outcome for unknown.
fn tell(shared: &Shared, outcome: &Callout) {
    let told = actgate_abi::set_effective_context(shared.root).and_then(|()| host::ask(outcome));
    if let Err(error) = told {
        host::error(&format!("actgate: the outcome of a claim was not told: {error}"));
    }
}

/// 128 random bits.
fn entropy() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

impl Context for Request {
    fn on_http_call_response(&mut self, _token: u32, _headers: usize, body_size: usize, _trailers: usize) {
        self.answered(body_size);
    }
}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.complete = end_of_stream;
        self.headers(end_of_stream)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.buffered = size;
        self.complete = end_of_stream;
        self.body(end_of_stream)
    }

    /// Trailers end a body: with them `end_of_stream` is never true in the body callback.
    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.complete = true;
        self.body(true)
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.answering(|answer, gate, _, _| answer.headers(gate, end_of_stream))
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.answering(|answer, gate, shared, place| answer.body(gate, shared, place, size, end_of_stream))
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.answering(Answer::trailers)
    }

    fn on_log(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        let Some(gate) = self.gate.as_mut() else { return };
        self.place.resize(0);
        let last = if let Some(record) = gate.finish(&shared.authorizer) {
            host::leave_record(&record);
            shared.metrics.count(Ending::Aborted);
            Some(record)
        } else if let Some(record) = gate.answered_record() {
            host::leave_record(&record);
            if !gate.drifted().is_empty() {
                host::warn(&format!("actgate: not as reviewed: {}", gate.drifted().join(", ")));
            }
            Some(record)
        } else {
            None
        };
        if let Some(delivery) = &shared.delivery
            && let Some(record) = last.as_deref().or_else(|| gate.record())
        {
            delivery.borrow_mut().take(outcome::executed(self.complete).complete(record));
        }
        // Last: from here on hostcalls are the root context's, and a record would be nobody's.
        if let Some(outcome) = gate.claim_outcome(&shared.authorizer, host::response_status) {
            tell(&shared, &outcome);
        }
    }
}
