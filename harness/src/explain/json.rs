//! An explanation for machines.

use actgate_authz::{Answer, CallFacts, CallerFacts, Candidate, Hearing, Reading, Role, ScopePart};
use serde_json::{Map, Value, json};

use super::{Explanation, Placing, place_of_policy, place_of_route};
use crate::diagnostic::Diagnostic;

// === impl Explanation ===

impl Explanation<'_> {
    /// The whole of it as one object.
    pub fn json(&self, placing: &mut Placing<'_>) -> Value {
        let examination = self.examination;
        let route = self.route().map(|route| {
            let at = place_of_route(route, placing);
            json!({ "name": route.name, "at": place(&at) })
        });
        let calls: Vec<Value> = examination.calls.iter().map(call).collect();
        let hearings: Vec<Value> =
            examination.hearings.iter().map(|hearing| self.hearing_value(hearing, placing)).collect();
        let denial = self.denial();
        json!({
            "request": { "method": self.exchange.method, "path": self.exchange.path },
            "stage": examination.stage.code(),
            "service": examination.service,
            "observed": examination.is_observed,
            "caller": examination.caller.as_ref().map(caller),
            "route": route,
            "calls": calls,
            "hearings": hearings,
            "decision": examination.conclusion.decision,
            "reason": denial.map(|denial| denial.reason.code()),
            "status": denial.map(|denial| denial.reason.row().status),
            "detail": denial.map(|denial| &denial.detail),
            "advice": denial.and_then(|denial| denial.advice.as_ref()),
            "internal": denial.and_then(|denial| denial.internal.as_ref()),
            "policies": examination.conclusion.policies,
            "approval": self.approval().map(|groups| json!({ "groups": groups, "helps": !groups.is_empty() })),
        })
    }

    fn hearing_value(&self, hearing: &Hearing, placing: &mut Placing<'_>) -> Value {
        let Hearing { call, role, principal, candidates, near } = hearing;
        let candidates: Vec<Value> =
            candidates.iter().filter_map(|candidate| self.candidate_value(candidate, placing)).collect();
        let near = near.iter().filter_map(|near| {
            let parts: Vec<&str> = near
                .parts
                .iter()
                .map(|part| match part {
                    ScopePart::Principal => "principal",
                    ScopePart::Resource => "resource",
                })
                .collect();
            Some(json!({ "policy": self.policy(near.policy)?.id, "not_for_this": parts }))
        });
        let role = match role {
            Role::Subject => "subject",
            Role::Actor => "actor",
            Role::Both => "both",
        };
        json!({
            "call": call, "role": role, "principal": principal, "candidates": candidates,
            "near": near.collect::<Vec<_>>(),
        })
    }

    fn candidate_value(&self, candidate: &Candidate, placing: &mut Placing<'_>) -> Option<Value> {
        let policy = self.policy(candidate.policy)?;
        let conditions = policy.conditions.iter().zip(&candidate.answers).map(|(condition, answer)| {
            let (answer, why) = match answer {
                Answer::True => (json!(true), None),
                Answer::False => (json!(false), None),
                Answer::Failed(why) => (Value::Null, Some(why)),
                Answer::Unasked => (Value::Null, None),
            };
            json!({ "text": condition.text, "value": answer, "failure": why })
        });
        let values: Map<String, Value> = candidate
            .readings
            .iter()
            .map(|Reading { what, value }| (what.clone(), value.clone().into()))
            .collect();
        Some(json!({
            "policy": policy.id,
            "effect": if policy.forbids { "forbid" } else { "permit" },
            "at": place(&place_of_policy(policy, placing)),
            "applies": candidate.applies,
            "decides": self.decides(candidate),
            "conditions": conditions.collect::<Vec<_>>(),
            "values": values,
        }))
    }
}

fn place(finding: &Diagnostic) -> Value {
    json!({
        "file": finding.file,
        "line": finding.position.map(|position| position.line),
        "column": finding.position.map(|position| position.column),
    })
}

fn caller(caller: &CallerFacts) -> Value {
    let CallerFacts { subject, actor, earlier, issuer, expires, scope, claims, groups } = caller;
    let claims: Map<String, Value> =
        claims.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    json!({
        "subject": subject, "actor": actor, "earlier": earlier, "issuer": issuer, "expires": expires,
        "scope": scope, "claims": claims, "groups": groups,
    })
}

fn call(call: &CallFacts) -> Value {
    let CallFacts { action, effect, resource, within, arguments } = call;
    let arguments: Map<String, Value> = arguments.iter().cloned().collect();
    json!({ "action": action, "effect": effect, "resource": resource, "within": within, "arguments": arguments })
}
