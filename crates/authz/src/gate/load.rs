//! What waits for a decision takes room, in the gate and in the proxy. A host adds it up over all requests and refuses those
//! for which there is no more, so that many slow senders take nothing from the others.

use super::{Gate, PUSH_BUFFER_BYTES, State, Step, approval::Asking, body::Body};
use crate::{authorizer::Authorizer, decision::Denial, moment::Moment, reason::Reason};

// === impl Gate ===

impl Gate {
    /// How many bytes wait for this gate's decision: of the request's head, of its body as the proxy holds it, and of what
    /// the gate itself keeps of it; of the answer, what is held.
    pub fn held(&self) -> usize {
        match &self.state {
            State::AwaitingBody(awaiting) => head(&awaiting.headers).saturating_add(self.body.buffered),
            State::Asking(asking) => head(&asking.headers).saturating_add(self.asked(asking)),
            State::Storing(storing) => storing.size().saturating_add(self.arriving()),
            State::Start | State::Draining { .. } | State::Decided { .. } => self.held_of_answer(),
        }
    }

    /// What is kept of a body while people are asked.
    fn asked(&self, asking: &Asking) -> usize {
        let kept = match &asking.body {
            Body::Complete(bytes) => bytes.len(),
            Body::Push { .. } | Body::Pending => 0,
        };
        self.arriving().saturating_add(kept)
    }

    /// What the proxy holds of a body behind a question. A push may go on arriving, up to what it holds of one.
    const fn arriving(&self) -> usize {
        if self.body.complete { self.body.buffered } else { PUSH_BUFFER_BYTES }
    }

    /// The host holds too much already: a request that is not decided is refused, and nobody is asked about it.
    pub fn on_overload(&mut self, authorizer: &Authorizer, now: Moment) -> Step {
        let denial = Denial::new(
            Reason::GateOverloaded,
            "too much waits for decisions at once; the same request can be sent again",
        );
        match std::mem::replace(&mut self.state, State::Start) {
            State::AwaitingBody(awaiting) => {
                let voice = awaiting.body.client().map_or(awaiting.voice, super::Voice::push);
                self.refuse(authorizer, &awaiting.attempt, &voice, &denial, now)
            }
            State::Asking(asking) => self.refuse(authorizer, &asking.attempt, &asking.voice, &denial, now),
            State::Storing(storing) => storing.refuse(self, authorizer, &denial, now),
            state @ (State::Start | State::Draining { .. } | State::Decided { .. }) => {
                self.state = state;
                self.refuse_as_unavailable(authorizer, now, "nothing of the request was held")
            }
        }
    }
}

fn head(headers: &[(Vec<u8>, Vec<u8>)]) -> usize {
    headers.iter().map(|(name, value)| name.len().saturating_add(value.len())).fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests;
