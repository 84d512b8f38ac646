//! Reading, and what people are told.

use super::*;

const ALLOWED: &str = r#"{"v":1,"stage":"decided","attempted":{"method":"GET","path":"/secrets/v1/kv/dev/db","subject":"demo/alice@demo","actor":"demo/spiffe://demo/agent/coder","calls":[{"action":"secrets.read","resource":"Secrets::Secret::\"kv/dev/db\"","arguments":{}}]},"decided":{"decision":"allow","policies":[]},"executed":{"status":200,"details":"via_upstream","upstream":"127.0.0.1:1"}}"#;
const HELD: &str = r#"{"v":1,"stage":"decided","attempted":{"method":"GET","path":"/x"},"decided":{"decision":"hold","reason":"approval_required","groups":["security"]},"executed":{"status":403,"details":"actgate_approval_required","upstream":""}}"#;
const REJECTED: &str = r#"{"v":1,"stage":"rejected_by_proxy","attempted":{"method":null,"path":null},"executed":{"status":400,"details":"http1.codec_error","upstream":null}}"#;
const LOST: &str = r#"{"v":1,"stage":"decided","attempted":{},"decided":{"decision":"allow"},"executed":{"status":503,"details":"upstream_reset_before_response_started{connection_termination}","upstream":"127.0.0.1:1"}}"#;

fn ledger_of(text: &str) -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::from_now(&path).unwrap();
    fs::write(&path, text).unwrap();
    (folder, ledger)
}

#[test]
fn records_say_what_happened() {
    let (_folder, ledger) = ledger_of(&format!("{ALLOWED}\n{HELD}\n{REJECTED}\n{LOST}\n"));
    let told: Vec<_> = ledger
        .records()
        .unwrap()
        .iter()
        .map(|record| format!("{} | {} | {}", record.attempted(), record.decided(), record.executed()))
        .collect();
    assert_eq!(
        told,
        [
            "alice@demo by coder: secrets.read Secrets::Secret::\"kv/dev/db\" | allow | forwarded, upstream answered 200",
            "nobody: GET /x | hold: approval_required (security) | not forwarded, answered 403",
            "nobody:   | rejected_by_proxy | not forwarded, answered 400",
            "nobody:   | allow | forwarded, outcome unknown (upstream_reset_before_response_started{connection_termination})",
        ]
    );
}

#[test]
fn a_line_that_is_still_being_written_is_not_read() {
    let (_folder, ledger) = ledger_of(&format!("{ALLOWED}\n{{\"v\":1,"));
    assert_eq!(ledger.records().unwrap().len(), 1);
}

#[test]
fn a_line_that_is_no_record_is_an_error() {
    for line in ["[]", "{\"v\":1,", "x"] {
        let (_folder, ledger) = ledger_of(&format!("{ALLOWED}\n{line}\n"));
        let error = ledger.records().unwrap_err();
        assert!(matches!(error, DemoError::Ledger { line: 2, .. }), "{error}");
    }
}

#[test]
fn reading_begins_where_it_was_told() {
    let (folder, _) = ledger_of(&format!("{ALLOWED}\n"));
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::from_now(&path).unwrap();
    fs::write(&path, format!("{ALLOWED}\n{HELD}\n")).unwrap();
    let records = ledger.records().unwrap();
    assert_eq!(records.iter().map(Record::decision).collect::<Vec<_>>(), ["hold"]);
}
