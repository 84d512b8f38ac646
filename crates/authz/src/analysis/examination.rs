//! The way of one request through the gate, for people: how far it came, what was understood, and who decided.

use std::collections::BTreeSet;

use actgate_call::{Entity, ToolCall, ToolCalls};
use actgate_token::{Caller, Identity, TokenCache};
use serde_json::Value;

use super::{Analysis, Hearing, RouteText};
use crate::{
    decision::Denial,
    evaluate::{AccessRequest, Breadth},
    gate::{Examined, examine},
    moment::Moment,
    reason::Reason,
    record::shown_arguments,
};

/// What became known of a request, and what would become of it.
#[derive(Debug, Clone)]
pub struct Examination {
    /// How far it came.
    pub stage: Stage,
    /// The service, if one was found.
    pub service: Option<String>,
    /// Whether that service is only observed: what is refused goes through, and is recorded.
    pub is_observed: bool,
    /// Who asks, once the token is verified.
    pub caller: Option<CallerFacts>,
    /// Which kind of request it is: its number in [`Analysis::routes`].
    pub route: Option<usize>,
    /// The calls that it makes.
    pub calls: Vec<CallFacts>,
    /// What the policies say to each call of each principal.
    pub hearings: Vec<Hearing>,
    /// What they say once the groups that have to approve it have; empty unless it is held.
    pub approved: Vec<Hearing>,
    /// What would be decided.
    pub conclusion: Conclusion,
}

/// The last step that a request came to, in the order of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Reading its head.
    Head,
    /// Finding its service.
    Service,
    /// Its token: that there is one, who signed it, when, for whom and on whose behalf.
    Token,
    /// Finding its route in the catalog, and reading what the head says.
    Route,
    /// Reading its body, and making calls of it.
    Body,
    /// Holding the calls against the token's `scope` and `authorization_details`.
    Scope,
    /// The policies.
    Policy,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerFacts {
    /// On whose behalf, as `<alias>/<sub>`.
    pub subject: String,
    /// By whose hand.
    pub actor: String,
    /// Through whom it came to that, the latest first.
    pub earlier: Vec<String>,
    /// The alias of the issuer.
    pub issuer: String,
    /// When the token expires, in seconds since 1970.
    pub expires: i64,
    /// Its scope words, where it has a `scope`.
    pub scope: Option<Vec<String>>,
    /// Task, purpose, ticket and risk, where it has them.
    pub claims: Vec<(&'static str, String)>,
    /// The groups that it names.
    pub groups: Vec<String>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFacts {
    /// The action.
    pub action: String,
    /// `read` or `write`.
    pub effect: &'static str,
    /// The resource, as `Type::"id"`.
    pub resource: String,
    /// All that the request itself puts it in.
    pub within: Vec<String>,
    /// Its arguments; secret ones are redacted.
    pub arguments: Vec<(String, Value)>,
}

/// What would be decided, in the words of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// `allow`, `deny` or `hold`.
    pub decision: &'static str,
    /// Why not, where it is not allowed.
    pub denial: Option<Denial>,
    /// `@id` of the determining policies.
    pub policies: Vec<String>,
    /// The numbers of all policies on which it hangs: the determining ones, and of what is held also the permits that
    /// will let it through.
    pub deciding: BTreeSet<usize>,
}

// === impl Analysis ===

impl Analysis {
    /// Judges a request whose whole body is there, and says why. Nothing can be forwarded by what it returns.
    pub fn examine(
        &self,
        cache: &mut TokenCache,
        headers: &[(&[u8], &[u8])],
        body: Vec<u8>,
        now: Moment,
    ) -> Examination {
        let examined = examine(&self.authorizer, cache, headers, body, now);
        let stage = stage(&examined);
        let Examined { service, caller, route, calls, outcome } = examined;
        let hear = |approved: &[String]| match (&caller, &calls) {
            (Some(caller), Some(calls)) if stage == Stage::Policy => self.hear(caller, calls, approved, now),
            (_, _) => Vec::new(),
        };
        let hearings = hear(&[]);
        let groups = outcome.as_ref().err().map(|denial| denial.groups.as_slice()).unwrap_or_default();
        let approved = if groups.is_empty() { Vec::new() } else { hear(groups) };
        let kind = route.map(|route| route.kind_name());
        let route = self.routes.iter().position(|RouteText { service: own, name, .. }| {
            Some(own) == service.as_ref() && kind.as_deref() == Some(name.as_str())
        });
        let guarded = self.authorizer.services().iter().find(|own| Some(&own.call.name) == service.as_ref());
        Examination {
            stage,
            is_observed: guarded.is_some_and(|service| service.mode == crate::config::Mode::Observe),
            caller: caller.as_ref().map(CallerFacts::of),
            route,
            calls: calls.iter().flat_map(ToolCalls::iter).map(CallFacts::of).collect(),
            conclusion: self.conclude(outcome, &hearings),
            service,
            hearings,
            approved,
        }
    }

    fn hear(&self, caller: &Caller, calls: &ToolCalls, approved: &[String], now: Moment) -> Vec<Hearing> {
        let bundle = &self.authorizer.bundle;
        let request = AccessRequest { caller, calls, now: now.unix_time(), approved: &[] };
        // What cannot be asked is refused; the conclusion says why.
        let Ok(questions) = bundle.questions(&request, Breadth::Whole) else { return Vec::new() };
        let mut hearings = Vec::new();
        for ((number, question), call) in questions.iter().enumerate().zip(calls) {
            let asked = (number, question);
            let heard = Hearing::all(bundle, &self.policies, asked, approved, &call.secret);
            hearings.extend(heard.unwrap_or_default());
        }
        hearings
    }

    fn conclude(&self, outcome: Result<Vec<String>, Denial>, hearings: &[Hearing]) -> Conclusion {
        let (decision, policies, denial) = match outcome {
            Ok(policies) => ("allow", policies, None),
            Err(denial) if denial.reason == Reason::ApprovalRequired => {
                ("hold", denial.policies.clone(), Some(denial))
            }
            Err(denial) => ("deny", denial.policies.clone(), Some(denial)),
        };
        let mut deciding: BTreeSet<usize> =
            policies.iter().filter_map(|id| self.policies().position(|policy| policy.id == *id)).collect();
        if decision == "hold" {
            let candidates = hearings.iter().flat_map(|hearing| &hearing.candidates);
            let permits = candidates.filter(|candidate| {
                candidate.applies && self.policies.get(candidate.policy).is_some_and(|p| !p.text.forbids)
            });
            deciding.extend(permits.map(|candidate| candidate.policy));
        }
        Conclusion { decision, denial, policies, deciding }
    }
}

/// How far a request came, by what is known of it.
fn stage(examined: &Examined) -> Stage {
    let Examined { service, caller, route, calls, outcome } = examined;
    let reason = outcome.as_ref().err().map(|denial| denial.reason);
    match (service, caller, route, calls) {
        (None, _, _, _) if matches!(reason, Some(Reason::Call(crate::reason::CallReason::RouteUnknown))) => {
            Stage::Service
        }
        (None, _, _, _) => Stage::Head,
        (Some(_), None, _, _) => Stage::Token,
        (Some(_), Some(_), None, _) => Stage::Route,
        (Some(_), Some(_), Some(_), None) => Stage::Body,
        (Some(_), Some(_), Some(_), Some(_)) if reason == Some(Reason::ScopeInsufficient) => Stage::Scope,
        (Some(_), Some(_), Some(_), Some(_)) => Stage::Policy,
    }
}

// === impl Stage ===

impl Stage {
    /// Its name in outputs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Service => "service",
            Self::Token => "token",
            Self::Route => "route",
            Self::Body => "body",
            Self::Scope => "scope",
            Self::Policy => "policy",
        }
    }
}

// === impl CallerFacts ===

impl CallerFacts {
    fn of(caller: &Caller) -> Self {
        let token = caller.token();
        let claims = token.claims();
        let told = [
            ("task", &claims.task),
            ("purpose", &claims.purpose),
            ("ticket", &claims.ticket),
            ("risk", &claims.risk),
        ];
        Self {
            subject: caller.subject().entity_id().to_owned(),
            actor: caller.actor().entity_id().to_owned(),
            earlier: caller.earlier().iter().map(Identity::entity_id).map(str::to_owned).collect(),
            issuer: token.issuer_alias().to_owned(),
            expires: token.expires().seconds(),
            scope: token.scope().map(<[String]>::to_vec),
            claims: told.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect(),
            groups: claims.groups.clone(),
        }
    }
}

// === impl CallFacts ===

impl CallFacts {
    fn of(call: &ToolCall) -> Self {
        let mut within = Vec::new();
        above(&call.resource, &mut within);
        Self {
            action: call.action.to_string(),
            effect: call.effect.code(),
            resource: shown(&call.resource),
            within,
            arguments: shown_arguments(call).into_iter().collect(),
        }
    }
}

fn above(entity: &Entity, found: &mut Vec<String>) {
    for parent in &entity.parents {
        let name = shown(parent);
        if !found.contains(&name) {
            found.push(name);
        }
        above(parent, found);
    }
}

fn shown(entity: &Entity) -> String {
    format!("{}::\"{}\"", entity.type_name, entity.id)
}
