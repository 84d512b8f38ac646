//! A request that may go on goes on, at once or when its attempt is stored.

use super::{
    Findings, Gate, State, Step,
    step::{Forwarding, Passage},
};
use crate::{
    authorizer::{Authorizer, GuardedService},
    claim::CalloutAnswer,
    decision::Denial,
    delivery::Receipt,
    moment::Moment,
    reason::Reason,
    record::{Attempt, Outcome},
    reply::Voice,
};

/// A request that waits until its attempt is stored.
#[derive(Debug)]
pub(super) struct Storing {
    pub(super) attempt: Attempt,
    voice: Voice,
    /// What is left of it where it goes on.
    record: String,
    forwarding: Forwarding,
    receipt: Receipt,
}

// === impl Storing ===

impl Storing {
    /// What is kept of the request meanwhile.
    pub(super) fn size(&self) -> usize {
        let set = self.forwarding.set.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        self.record.len().saturating_add(set.fold(0, usize::saturating_add))
    }

    /// It does not go on, whatever becomes of its attempt.
    pub(super) fn refuse(
        self,
        gate: &mut Gate,
        authorizer: &Authorizer,
        denial: &Denial,
        now: Moment,
    ) -> Step {
        // What is answered is the gate's own word.
        gate.answer = None;
        gate.refuse(authorizer, &self.attempt, &self.voice, denial, now)
    }
}

// === impl Gate ===

impl Gate {
    /// What is permitted, or observed, goes on.
    pub(super) fn let_through(
        &mut self,
        authorizer: &Authorizer,
        mut findings: Findings<'_>,
        service: &GuardedService,
        passage: Passage,
        headers: &[(&[u8], &[u8])],
        now: Moment,
    ) -> Step {
        let outcome = match &passage {
            Passage::Permit(permit) => Outcome::Allow { policies: permit.policies() },
            Passage::Observation(observation) => Outcome::Observe(observation.denial()),
        };
        let record = self.record_of(authorizer, &findings.attempt, outcome, now);
        let before = authorizer.stored_before(findings.calls.as_ref());
        self.expect_answer(authorizer, &mut findings);
        self.instead = findings.heard.body.take();
        let forwarding = Forwarding::new(passage, service, headers)
            .naming_session(findings.session.take())
            .carrying(self.instead.as_deref(), headers)
            .asking_for_identity(self.answer.is_some());
        let Some(ledger) = before else { return self.go_on(record, forwarding) };
        let (receipt, callout) = ledger.attempt(&self.id, &record);
        let Findings { attempt, voice, .. } = findings;
        self.state = State::Storing(Box::new(Storing { attempt, voice, record, forwarding, receipt }));
        Step::Callout(callout)
    }

    /// The ledger's service has answered, or not.
    pub(super) fn stored(
        &mut self,
        authorizer: &Authorizer,
        storing: Storing,
        answer: Option<CalloutAnswer<'_>>,
        now: Moment,
    ) -> Step {
        match storing.receipt.check(answer) {
            Ok(()) => self.go_on(storing.record, storing.forwarding),
            Err(fault) => {
                let mut denial = Denial::new(
                    Reason::LedgerUnavailable,
                    "the attempt has to be recorded before it goes on, and could not be",
                );
                denial.internal = Some(fault.to_string());
                storing.refuse(self, authorizer, &denial, now)
            }
        }
    }

    /// The only place where anything is let go.
    fn go_on(&mut self, record: String, forwarding: Forwarding) -> Step {
        self.state = State::Decided { record };
        if let Some((_, forwarded)) = &mut self.claimed {
            *forwarded = true;
        }
        Step::Forward(forwarding)
    }
}
