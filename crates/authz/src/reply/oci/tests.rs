use serde_json::Value;

use super::*;
use crate::reason::{CallReason, Reason, TokenReason};

const REALM: &str = "https://registry.example/v2/";

fn refuse(denial: &Denial) -> (LocalReply, Value) {
    let reply = errors(denial, "id-1", REALM);
    let body = serde_json::from_slice(&reply.body).unwrap();
    (reply, body)
}

fn header<'a>(reply: &'a LocalReply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_client_prints_reason_and_advice() {
    let mut denial = Denial::new(Reason::ApprovalRequired, "approval by x is required");
    denial.groups = vec!["x".into()];
    denial.advice = Some("wait".into());
    let (reply, body) = refuse(&denial);
    assert_eq!((reply.status, reply.details.as_str()), (403, "actgate_approval_required"));
    assert_eq!(header(&reply, "content-type"), Some("application/json"));
    assert_eq!(header(&reply, "www-authenticate"), None);
    let error = &body["errors"][0];
    assert_eq!(error["code"], "DENIED");
    let message = "approval_required: approval by x is required (advice: wait) [id-1]";
    assert_eq!(error["message"], message);
    assert_eq!(error["detail"], problem::document(&denial, "id-1"));
    assert_eq!(error["detail"]["approval"]["groups"][0], "x");
}

#[test]
fn a_challenge_has_a_realm_that_is_a_url() {
    let (missing, body) = refuse(&Denial::new(Reason::TokenMissing, "x"));
    assert_eq!(missing.status, 401);
    assert_eq!(header(&missing, "www-authenticate"), Some("Bearer realm=\"https://registry.example/v2/\""));
    assert_eq!(body["errors"][0]["code"], "UNAUTHORIZED");
    let (expired, _) = refuse(&Denial::new(Reason::Token(TokenReason::Expired), "x"));
    let challenge = header(&expired, "www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm=\"https://registry.example/v2/\", error=\"invalid_token\""));
}

#[test]
fn every_reason_has_a_code() {
    let codes = [
        (Reason::Call(CallReason::RouteUnknown), "DENIED"),
        (Reason::Call(CallReason::PathNotCanonical), "UNSUPPORTED"),
        (Reason::Call(CallReason::BodyTooLarge), "SIZE_INVALID"),
        (Reason::GateUnavailable, "UNAVAILABLE"),
    ];
    for (reason, code) in codes {
        assert_eq!(refuse(&Denial::new(reason, "x")).1["errors"][0]["code"], code);
    }
    let (down, _) = refuse(&Denial::new(Reason::GateUnavailable, "x"));
    assert_eq!(header(&down, "retry-after"), Some("1"));
}

#[test]
fn the_realm_is_where_the_client_is() {
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"127.0.0.1:10000"),
        (b":path", b"/v2/"),
    ];
    let head = RequestHead::parse(&headers).unwrap();
    assert_eq!(realm(&head, "/v2/"), "http://127.0.0.1:10000/v2/");
}
