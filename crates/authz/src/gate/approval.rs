//! A held request asks for approval: the claim, the answer, and the decision with what was approved.

use actgate_call::{RequestHead, Route, ToolCalls, envelope::HeldRequest};
use actgate_token::{Caller, Grant, TokenCache};

use super::{
    Findings, Gate, Judgement, Presented, State, Step,
    body::Body,
    step::{Forwarding, Passage},
};
use crate::{
    authorizer::{Authorizer, GuardedService},
    claim::{Answer, Callout, CalloutAnswer, Claim, ClaimContext, ClaimOutcome, Entropy},
    decision::{Decision, Denial},
    moment::Moment,
    reason::Reason,
    record::{Attempt, Outcome},
    reply::Voice,
};

/// A request that waits for the approval service's answer.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Body,
    pub(super) attempt: Attempt,
    pub(super) voice: Voice,
    pub(super) question: Question,
}

/// What is asked, and what is answered as long as people have not decided.
#[derive(Debug)]
pub(super) struct Question {
    claim: Claim,
    hold: Denial,
    callout: Callout,
}

/// All that is known of a request that is held.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) authorizer: &'a Authorizer,
    pub(super) service: &'a GuardedService,
    pub(super) head: &'a RequestHead<'a>,
    pub(super) caller: &'a Caller,
    pub(super) route: &'a Route,
    pub(super) calls: &'a ToolCalls,
    pub(super) body: &'a [u8],
}

// === impl Question ===

impl Question {
    /// What to ask for a held request; nothing where nobody is to be asked.
    pub(super) fn of(
        held: Held<'_>,
        hold: &Denial,
        decision_id: &str,
        entropy: Entropy,
    ) -> Result<Option<Self>, Denial> {
        let Some(service) = &held.authorizer.approvals else { return Ok(None) };
        let request = HeldRequest {
            subject: held.caller.subject().entity_id(),
            actor: held.caller.actor().entity_id(),
            service: &held.service.call.name,
            head: held.head,
            route: held.route,
            calls: held.calls,
            body: held.body,
            key: service.secrets.as_ref(),
        };
        let random = entropy().ok_or_else(|| unavailable(hold, "the host has no randomness"))?;
        let context = ClaimContext { caller: held.caller, hold, decision_id };
        match service.claim(&request, context, random) {
            Ok((claim, callout)) => Ok(Some(Self { claim, hold: hold.clone(), callout })),
            Err(why) => Err(unavailable(hold, &why)),
        }
    }

    /// The callout, once.
    pub(super) fn take_callout(&mut self) -> Callout {
        std::mem::replace(
            &mut self.callout,
            Callout { cluster: String::new(), headers: Vec::new(), body: Vec::new(), timeout_millis: 0 },
        )
    }
}

// === impl Gate ===

impl Gate {
    /// The approval service has answered, or not (`None`: a timeout, a reset, a refused callout).
    pub fn on_callout(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        answer: Option<CalloutAnswer<'_>>,
        now: Moment,
    ) -> Step {
        match std::mem::replace(&mut self.state, State::Start) {
            State::Asking(asking) => self.answered(authorizer, cache, *asking, answer, now),
            state @ (State::Start
            | State::AwaitingBody(_)
            | State::Draining { .. }
            | State::Decided { .. }) => {
                self.state = state;
                self.refuse_as_unavailable(authorizer, now, "an answer came when none was awaited")
            }
        }
    }

    /// A claim whose outcome the approval service has to be told, now that the request is over: the callout for it. `status`
    /// is what the upstream answered, if it did.
    pub fn claim_outcome(&mut self, authorizer: &Authorizer, status: Option<u16>) -> Option<Callout> {
        let (claim, forwarded) = self.claimed.take()?;
        let outcome = if forwarded { ClaimOutcome::Forwarded { status } } else { ClaimOutcome::NotForwarded };
        Some(authorizer.approvals.as_ref()?.outcome(&claim, outcome))
    }

    fn answered(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        asking: Asking,
        answer: Option<CalloutAnswer<'_>>,
        now: Moment,
    ) -> Step {
        let Asking { headers, body, attempt, voice, question } = asking;
        let Question { claim, hold, callout: _ } = question;
        let grant = match Answer::read(answer) {
            Ok(Answer::Granted { grant }) => grant,
            Ok(answer) => return self.refuse(authorizer, &attempt, &voice, &unapproved(hold, answer), now),
            Err(why) => {
                return self.refuse(authorizer, &attempt, &voice, &unavailable(&hold, &why), now);
            }
        };
        // From here on the approval is used up, whatever becomes of the request.
        self.claimed = Some((claim.clone(), false));
        let verified = authorizer
            .approvals
            .as_ref()
            .ok_or_else(|| "there is no approval service".to_owned())
            .and_then(|service| service.verify(&claim, &grant, now.unix_time()));
        match verified {
            Ok(grant) => self.decide_with(authorizer, cache, &grant, &headers, &body, now),
            Err(why) => self.refuse(authorizer, &attempt, &voice, &unavailable(&hold, &why), now),
        }
    }

    /// Judges the request once more, as if for the first time, but with the groups that have approved it: a grant only
    /// says who has, and what expired, was revoked or changed meanwhile is refused.
    fn decide_with(
        &mut self,
        authorizer: &Authorizer,
        cache: &mut TokenCache,
        grant: &Grant,
        headers: &[(Vec<u8>, Vec<u8>)],
        body: &Body,
        now: Moment,
    ) -> Step {
        let borrowed: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let mut findings = Findings { attempt: Attempt::raw(&borrowed), ..Findings::default() };
        let presented =
            Presented { headers: &borrowed, body, approved: grant.groups(), asks: false, binds: true };
        let judged = self.judge(authorizer, cache, presented, now, &mut findings);
        findings.attempt.approved(grant);
        let denial = match judged {
            Ok(Judgement::Decided(Decision::Allow(permit))) => {
                let Some(service) = findings.service else {
                    return self.refuse_as_unavailable(authorizer, now, "a permit without a service");
                };
                let outcome = Outcome::Allow { policies: permit.policies() };
                let record = self.record_of(authorizer, &findings.attempt, outcome, now);
                self.state = State::Decided { record };
                self.expect_answer(authorizer, &mut findings);
                if let Some((_, forwarded)) = &mut self.claimed {
                    *forwarded = true;
                }
                self.instead = findings.heard.body;
                return Step::Forward(
                    Forwarding::new(Passage::Permit(permit), service, &borrowed)
                        .naming_session(findings.session)
                        .carrying(self.instead.as_deref(), &borrowed)
                        .asking_for_identity(self.answer.is_some()),
                );
            }
            Ok(Judgement::Decided(Decision::Deny(denial))) | Err(denial) => denial,
            // Policies changed, or the grant names fewer groups than they ask for: one attempt, one claim.
            Ok(Judgement::Decided(Decision::RequireApproval(hold))) => hold.denial,
            Ok(Judgement::Await(_) | Judgement::Ask(_)) => {
                return self.refuse_as_unavailable(authorizer, now, "a question came up that was answered");
            }
        };
        self.refuse(authorizer, &findings.attempt, &findings.voice, &denial, now)
    }
}

/// What is answered while there is no yes.
fn unapproved(hold: Denial, answer: Answer) -> Denial {
    let mut denial = hold;
    match answer {
        Answer::Pending(ticket) => denial.ticket = Some(Box::new(ticket)),
        Answer::Denied { id, comment } => {
            denial.reason = Reason::ApprovalDenied;
            "somebody who was asked for approval said no".clone_into(&mut denial.detail);
            // The comment is for the person who asked; it goes through whatever voice prints it.
            denial.because = comment.filter(|comment| comment.len() <= 500);
            if let Some(because) = &denial.because {
                denial.detail.push_str(": ");
                denial.detail.push_str(because);
            }
            denial.internal = Some(format!("approval {id} was denied"));
        }
        Answer::InFlight => {
            denial.reason = Reason::ApprovalInFlight;
            "another attempt at this approved call has no outcome yet".clone_into(&mut denial.detail);
        }
        Answer::TooMany => {
            denial.reason = Reason::ApprovalLimit;
            "too many calls of this caller wait for approval".clone_into(&mut denial.detail);
        }
        Answer::Granted { .. } => {
            return unavailable(&denial, "a grant was not verified");
        }
    }
    denial
}

/// Nobody can be asked, or what came back is no answer: the call stays refused.
fn unavailable(hold: &Denial, why: &str) -> Denial {
    let mut denial = hold.clone();
    denial.reason = Reason::ApprovalUnavailable;
    "approval is required, and could not be asked for".clone_into(&mut denial.detail);
    denial.internal = Some(why.to_owned());
    denial
}
