use serde_json::json;

use super::*;

fn record() -> Value {
    json!({
        "v": 1, "id": "01a20e83-a248-7000-8000-f01a53894ec7", "time": "2026-11-24T17:03:57.512Z", "trace": null,
        "bundle": "sha-256:x", "service": "git", "stage": "decided",
        "attempted": {
            "method": "POST", "authority": "gateway", "path": "/git/payments.git/git-receive-pack",
            "subject": "demo/alice@demo", "actor": "demo/spiffe://demo/agent/coder", "chain": [], "task": "t-1",
            "calls": [
                { "action": "git.ref.update", "resource": "Git::Ref::\"a\"", "arguments": {} },
                { "action": "git.ref.create", "resource": "Git::Ref::\"b\"", "arguments": {} },
                { "action": "git.ref.update", "resource": "Git::Ref::\"c\"", "arguments": "[too long]" },
            ],
        },
        "decided": { "decision": "deny", "policies": ["git.x"], "reason": "policy_denied", "status": 403 },
        "approved": null,
        "executed": { "status": 403, "details": "actgate_policy_denied", "flags": "-", "upstream": "", "duration_ms": 0 },
    })
}

#[test]
fn a_record_is_found_by_who_what_and_when() {
    let found = facts(&record().to_string()).unwrap();
    let expected = Facts {
        id: Some("01a20e83-a248-7000-8000-f01a53894ec7".into()),
        at: 1_795_539_837_512,
        service: Some("git".into()),
        subject: Some("demo/alice@demo".into()),
        actor: Some("demo/spiffe://demo/agent/coder".into()),
        task: Some("t-1".into()),
        actions: vec!["git.ref.update".into(), "git.ref.create".into()],
        calls: [("git.ref.update".to_owned(), 2), ("git.ref.create".to_owned(), 1)].into(),
        approved: false,
        executed: false,
        decision: "deny".into(),
        reason: Some("policy_denied".into()),
        status: 403,
        is_attempt: false,
    };
    assert_eq!(found, expected);
}

#[test]
fn what_never_reached_the_plugin_is_a_record_too() {
    let record = json!({
        "v": 1, "stage": "rejected_by_proxy", "time": "2026-11-24T17:03:57.512Z",
        "attempted": { "method": "GET", "authority": null, "path": "/x" },
        "executed": { "status": 400, "details": "http1.codec_error", "flags": "DPE", "upstream": null },
    });
    let found = facts(&record.to_string()).unwrap();
    assert_eq!((found.decision.as_str(), found.id, found.actions), ("rejected_by_proxy", None, vec![]));
}

#[test]
fn what_is_no_record_is_not_taken() {
    let changes: [(&str, Value); 15] = [
        ("/v", json!(2)),
        ("/id", json!("not-a-uuid")),
        ("/time", json!("yesterday")),
        ("/time", json!("2026-13-24T17:03:57Z")),
        ("/stage", json!("approved")),
        ("/stage", json!("aborted")),
        ("/attempted", json!([])),
        ("/attempted/subject", json!(7)),
        ("/attempted/calls/0", json!({ "action": "x" })),
        ("/attempted/calls/0/action", json!("")),
        ("/decided", json!(null)),
        ("/decided/decision", json!("maybe")),
        ("/decided/reason", json!("nul \u{0}")),
        ("/approved", json!({ "id": "x" })),
        ("/executed/status", json!("403")),
    ];
    for (pointer, value) in changes {
        let mut changed = record();
        *changed.pointer_mut(pointer).unwrap() = value;
        facts(&changed.to_string()).unwrap_err();
    }
    for missing in ["v", "id", "time", "stage", "attempted", "decided", "executed"] {
        let mut changed = record();
        changed.as_object_mut().unwrap().remove(missing);
        facts(&changed.to_string()).unwrap_err();
    }
    // A denial says why.
    let mut changed = record();
    changed["decided"].as_object_mut().unwrap().remove("reason");
    facts(&changed.to_string()).unwrap_err();
    facts("{").unwrap_err();
    assert_eq!(facts(&"x".repeat(MAX_RECORD_BYTES + 1)), Err(RecordFault::Length));
}

#[test]
fn a_fault_does_not_repeat_what_is_wrong() {
    let mut changed = record();
    changed["attempted"]["subject"] = json!(["s3cret"]);
    let RecordFault::Schema(told) = facts(&changed.to_string()).unwrap_err() else {
        panic!("a schema fault")
    };
    assert!(told.contains("/attempted/subject") && !told.contains("s3cret"), "{told}");
}
