//! A session notices what is not as it should be.

use hyper::HeaderMap;
use serde_json::json;

use super::*;

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() }
}

fn step(expect: Expectation) -> Step {
    Step { expect, ..secrets::STEPS[0] }
}

#[test]
fn a_value_has_to_be_the_very_one() {
    let step = step(Expectation::Value { pointer: "/data/password", text: "a" });
    assert_eq!(step.judge(&answer(200, &json!({ "data": { "password": "a" } }))), Ok(()));
    for (status, body) in [
        (200, json!({ "data": { "password": "b" } })),
        (200, json!({})),
        (403, json!({ "data": { "password": "a" } })),
    ] {
        step.judge(&answer(status, &body)).unwrap_err();
    }
}

#[test]
fn a_refusal_has_to_be_for_its_reason() {
    let hold = step(Expectation::Refusal { status: 403, reason: "approval_required", groups: &["security"] });
    let body = json!({ "reason": "approval_required", "approval": { "groups": ["security"] } });
    assert_eq!(hold.judge(&answer(403, &body)), Ok(()));
    for (status, body) in [
        (401, body),
        (403, json!({ "reason": "policy_denied" })),
        (403, json!({ "reason": "approval_required" })),
        (403, json!({ "reason": "approval_required", "approval": { "groups": ["security", "more"] } })),
        (403, Value::Null),
    ] {
        hold.judge(&answer(status, &body)).unwrap_err();
    }
}

#[test]
fn secrets_and_tokens_in_the_ledger_are_found() {
    let tokens = ["head.payload.signature".to_owned()];
    let check = |text: &str| without_secrets(text, tokens.iter());
    assert_eq!(check("alice read kv/dev/db; head"), Ok(()));
    for text in ["x payload y", "signature", "dev-3f1c9a70", "prod-b8e25d64", "found-in-a-chat"] {
        check(text).unwrap_err();
    }
}

#[test]
fn what_was_executed_has_to_be_what_changed() {
    let record = |action: &str, resource: &str, path: &str, upstream: &str| {
        let call =
            json!({ "action": action, "resource": resource, "arguments": { "args": { "path": path } } });
        Record::of(json!({ "attempted": { "calls": [call] }, "executed": { "upstream": upstream } }))
    };
    let push = |upstream| record("git.ref.update", "Git::Ref::\"payments/refs/heads/main\"", "", upstream);
    let records = [
        push("127.0.0.1:1"),
        push(""),
        record("deploy.manifest.put", "Deploy::Tag::\"payments:staging\"", "", "127.0.0.1:1"),
        record("mcp.file.write", "Mcp::Tool::\"mcp/write_file\"", "a.md", "127.0.0.1:1"),
        record("git.fetch", "Git::Repo::\"payments\"", "", "127.0.0.1:1"),
    ];
    let changes = [
        behind::Change::File("a.md", "hello"),
        behind::Change::Nothing,
        behind::Change::Tag("payments:staging", "release-2"),
        behind::Change::Ref("payments refs/heads/main"),
    ];
    assert_eq!(executed::agree(&records, changes.into_iter()), Ok(()));
    // One that the ledger does not know, one that did not change, and one that the ledger has twice.
    executed::agree(&records[1..], changes.into_iter()).unwrap_err();
    executed::agree(&records, changes.into_iter().skip(1)).unwrap_err();
    let twice = [&records[..], &records[..1]].concat();
    executed::agree(&twice, changes.into_iter()).unwrap_err();
}
