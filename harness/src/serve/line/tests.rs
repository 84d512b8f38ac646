use super::of;

const HELD: &str = r#"{"v":1,"time":"2026-11-24T17:03:57.951Z","stage":"decided","attempted":{"method":"GET",
    "path":"/secrets/v1/kv/prod/db","subject":"demo/alice@demo","actor":"demo/spiffe://demo/agent/coder",
    "calls":[{"action":"secrets.read","resource":"Secrets::Secret::\"kv/prod/db\""}]},
    "decided":{"decision":"hold","reason":"approval_required","groups":["security"]},
    "executed":{"status":403,"details":"actgate_approval_required","upstream":"","duration_ms":2}}"#;

#[test]
fn a_line_says_who_what_and_what_became_of_it() {
    assert_eq!(
        of(HELD, false),
        "17:03:57 hold    alice@demo by spiffe://demo/agent/coder: secrets.read Secrets::Secret::\"kv/prod/db\"  \
         approval_required (security)  403, 2 ms"
    );
    assert!(of(HELD, true).contains("\u{1b}[33mhold"));
}

#[test]
fn what_no_filter_saw_has_a_line_too() {
    let record = r#"{"v":1,"time":"2026-11-24T17:03:57.951Z","stage":"rejected_by_proxy",
        "attempted":{"method":"GET","path":"/a\u001b[2J"},"executed":{"status":400,"details":"http1.codec_error"}}"#;
    assert_eq!(of(record, false), "17:03:57 reject  nobody: GET /a\u{fffd}[2J  400 http1.codec_error, 0 ms");
}
