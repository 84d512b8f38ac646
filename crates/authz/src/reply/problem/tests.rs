use serde_json::{Value, json};

use super::*;
use crate::decision::ProofChallenge;
use crate::reason::{Reason, TokenReason};

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

#[test]
fn a_proof_is_challenged_as_rfc_9449_has_it() {
    let challenge = |reason, algorithms: Option<&str>| {
        let mut denial = Denial::new(reason, "x");
        denial.proof = algorithms.map(|names| Box::new(ProofChallenge { algorithms: names.to_owned() }));
        header(&problem(&denial, "i"), "www-authenticate").map(str::to_owned)
    };
    assert_eq!(
        challenge(Reason::Token(TokenReason::ProofReplayed), Some("ES256 EdDSA")).as_deref(),
        Some(
            "DPoP realm=\"actgate\", error=\"invalid_dpop_proof\", \
            error_description=\"The proof of possession was used before\", algs=\"ES256 EdDSA\""
        )
    );
    assert_eq!(
        challenge(Reason::Token(TokenReason::Expired), Some("ES256")).as_deref(),
        Some(
            "DPoP realm=\"actgate\", error=\"invalid_token\", error_description=\"The token has expired\", algs=\"ES256\""
        )
    );
    assert_eq!(
        challenge(Reason::Token(TokenReason::ProofUnrecorded), Some("ES256")),
        None,
        "503 is no challenge"
    );
    assert_eq!(
        challenge(Reason::Token(TokenReason::BindingUnchecked), None).as_deref(),
        Some(
            "Bearer realm=\"actgate\", error=\"invalid_token\", \
            error_description=\"The token's binding cannot be checked\""
        )
    );
}
