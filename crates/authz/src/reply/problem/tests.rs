use serde_json::{Value, json};

use super::*;
use crate::reason::TokenReason;

fn body(reply: &LocalReply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn header<'a>(reply: &'a LocalReply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_policy_denial_tells_what_the_agent_can_act_on() {
    let mut denial = Denial::new(Reason::PolicyDenied, "a policy forbids to secrets.list X::\"y\"");
    denial.action = Some("secrets.list".into());
    denial.resource = Some("X::\"y\"".into());
    denial.policies = vec!["p".into()];
    denial.advice = Some("read one".into());
    denial.internal = Some("never shown".into());
    let reply = problem(&denial, "id-1");
    assert_eq!(reply.status, 403);
    assert_eq!(header(&reply, "content-type"), Some("application/problem+json"));
    assert_eq!(header(&reply, "www-authenticate"), None);
    assert_eq!(
        body(&reply),
        json!({
            "type": "urn:actgate:reason:policy_denied", "title": "Denied by policy", "status": 403,
            "detail": "a policy forbids to secrets.list X::\"y\"", "reason": "policy_denied",
            "action": "secrets.list", "resource": "X::\"y\"", "policies": ["p"], "advice": "read one",
            "decision_id": "id-1",
        })
    );
    assert!(!String::from_utf8(reply.body).unwrap().contains("never shown"));
}

#[test]
fn a_hold_names_the_groups() {
    let mut denial = Denial::new(Reason::ApprovalRequired, "x");
    denial.groups = vec!["security".into()];
    assert_eq!(body(&problem(&denial, "i"))["approval"], json!({ "groups": ["security"] }));
}

#[test]
fn challenges_follow_rfc_6750() {
    let missing = problem(&Denial::new(Reason::TokenMissing, "x"), "i");
    assert_eq!(header(&missing, "www-authenticate"), Some("Bearer realm=\"actgate\""));
    let expired = problem(&Denial::new(Reason::Token(TokenReason::Expired), "x"), "i");
    assert!(header(&expired, "www-authenticate").unwrap().contains("error=\"invalid_token\""));
    let scope = problem(&Denial::new(Reason::ScopeInsufficient, "x"), "i");
    assert_eq!(scope.status, 403);
    assert!(header(&scope, "www-authenticate").unwrap().contains("error=\"insufficient_scope\""));
    let down = problem(&Denial::new(Reason::GateUnavailable, "x"), "i");
    assert_eq!((down.status, header(&down, "retry-after")), (503, Some("1")));
}
