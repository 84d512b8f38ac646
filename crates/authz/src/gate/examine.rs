//! One request judged at once, for those who want to know why.
//!
//! It is the gate's own judgement, so that no explanation can differ from what happens. INVARIANT: no [`Permit`] leaves
//! this file: what is examined is forwarded nowhere.
//!
//! [`Permit`]: crate::decision::Permit

use actgate_call::{Route, ToolCalls};
use actgate_token::{Caller, TokenCache};

use super::{Body, Findings, Gate, Judgement, Presented};
use crate::{
    authorizer::Authorizer,
    decision::{Decision, Denial},
    moment::Moment,
    record::Attempt,
};

/// What became known of a request, and what would be decided.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The name of the service, from the moment it was found, whoever asks.
    pub(crate) service: Option<String>,
    pub(crate) caller: Option<Caller>,
    pub(crate) route: Option<Route>,
    pub(crate) calls: Option<ToolCalls>,
    /// The ids of the policies that permit it, or why it is refused or held.
    pub(crate) outcome: Result<Vec<String>, Denial>,
}

/// Judges a request whose whole body is there.
pub(crate) fn examine(
    authorizer: &Authorizer,
    cache: &mut TokenCache,
    headers: &[(&[u8], &[u8])],
    body: Vec<u8>,
    now: Moment,
) -> Examined {
    let mut findings = Findings { attempt: Attempt::raw(headers), ..Findings::default() };
    let gate = Gate::new(now, [0; 10]);
    let presented =
        Presented { headers, body: &Body::Complete(body), approved: &[], asks: false, binds: false };
    let judged = gate.judge(authorizer, cache, presented, now, &mut findings);
    let outcome = match judged {
        Ok(Judgement::Decided(Decision::Allow(permit))) => Ok(permit.policies().to_vec()),
        Ok(Judgement::Decided(Decision::RequireApproval(hold))) => Err(hold.denial),
        Ok(Judgement::Decided(Decision::Deny(denial))) | Err(denial) => Err(denial),
        Ok(Judgement::Await(_) | Judgement::Ask(_)) => {
            Err(super::unavailable("a body is awaited that is there"))
        }
    };
    let Findings { attempt, caller, route, calls, .. } = findings;
    Examined { service: attempt.service, caller, route, calls, outcome }
}
