//! `actgate replay` as its users run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A folder of this test alone, with the good configuration in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good");
    assert!(Command::new("cp").arg("-r").arg(good).arg(&folder).status().unwrap().success());
    folder.join("good")
}

fn run(folder: &Path, more: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(["replay", "ledger.jsonl", "actgate.yaml"])
        .args(more)
        .current_dir(folder)
        .env_remove("ACTGATE_CONFIG")
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A denied attempt of the agent to write a note.
fn denied() -> Value {
    json!({
        "v": 1, "id": "one", "time": "2026-01-01T00:00:00.000Z", "trace": null, "bundle": "sha-256:x",
        "service": "notes", "stage": "decided",
        "attempted": {
            "method": "PUT", "authority": "gateway.example", "path": "/notes/drafts/plan",
            "subject": "demo/alice@demo", "actor": "demo/coder", "chain": [], "jti": "t", "ticket": "CHG-1",
            "calls": [{
                "action": "notes.write", "resource": "Notes::Note::\"drafts/plan\"",
                "arguments": { "title": "a \"title\"" },
            }],
        },
        "decided": { "decision": "deny", "policies": ["notes.writing-needs-security"], "reason": "policy_denied" },
        "approved": null,
        "executed": { "status": 403 },
    })
}

fn write(folder: &Path, records: &[Value]) {
    let lines: Vec<String> = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(folder.join("ledger.jsonl"), lines.concat()).unwrap();
}

/// Everybody may write, with that ticket and that title.
fn open(folder: &Path) {
    let policies = "@id(\"notes.open\")\npermit (principal, action, resource)\n\
                    when { context has title && context.title == \"a \\\"title\\\"\" && context.claims has ticket };\n";
    fs::write(folder.join("packs/notes/policies.cedar"), policies).unwrap();
}

#[test]
fn what_was_denied_and_would_go_through_fails_unless_it_is_meant() {
    let folder = folder("opened");
    let mut other = denied();
    other["id"] = json!("two");
    write(&folder, &[denied(), other]);
    let ran = run(&folder, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(ran.out, "2 records: 2 unchanged (2 on other grounds), 0 changed, 0 not replayed\n");

    open(&folder);
    let ran = run(&folder, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(
        ran.out,
        "notes.writing-needs-security\n   \
         deny -> allow    notes.write Notes::Note::\"drafts/plan\"  demo/alice@demo through demo/coder  one and 1 more\n\n\
         2 records: 0 unchanged (0 on other grounds), 2 changed, 0 not replayed\n"
    );
    assert!(ran.err.starts_with("error: 2 attempts that did not go through would now"), "{}", ran.err);
    for accepted in ["notes.writing-needs-security", "notes.open"] {
        assert_eq!(run(&folder, &["--accept", accepted]).code, 0, "{accepted}");
    }
    assert_eq!(run(&folder, &["--accept", "one"]).code, 1);
    assert_eq!(run(&folder, &["--accept", "one", "--accept", "two"]).code, 0);
    let ran = run(&folder, &["--accept", "three"]);
    assert!(ran.code == 1 && ran.err.contains("`--accept three` names no call"), "{}", ran.err);

    let ran = run(&folder, &["--format", "json"]);
    let replay: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &replay["changed"][1]["id"]), (1, &json!("two")));
    assert_eq!(replay["changed"][0]["after"]["policies"], json!(["notes.open"]));
}

#[test]
fn what_cannot_be_replayed_is_said_and_changes_nothing() {
    let folder = folder("unknown");
    open(&folder);
    let edited = |edit: fn(&mut Value)| {
        let mut record = denied();
        edit(&mut record);
        record
    };
    write(
        &folder,
        &[
            edited(|record| record["attempted"]["calls"][0]["arguments"]["title"] = json!("[redacted]")),
            edited(|record| record["attempted"]["calls"][0]["arguments"]["title"] = json!("long…")),
            edited(|record| record["attempted"]["calls"][0]["action"] = json!("notes.erase")),
            edited(|record| record["attempted"]["calls_total"] = json!(9)),
            edited(|record| record["attempted"]["subject"] = json!("elsewhere/alice@demo")),
            edited(|record| record["attempted"]["groups"] = json!("…")),
            edited(|record| record["stage"] = json!("rejected_by_proxy")),
            edited(|record| record["stage"] = json!("aborted")),
            edited(|record| {
                record["attempted"].as_object_mut().unwrap().remove("subject");
                record["decided"]["reason"] = json!("token_expired");
            }),
            edited(|record| {
                record["attempted"]["calls"] = json!([]);
                record["decided"]["reason"] = json!("body_too_large");
            }),
            // The catalog has a route for it, and nobody knows with what title it was asked.
            edited(|record| {
                record["attempted"]["calls"] = json!([]);
                record["decided"] = json!({ "decision": "deny", "policies": [], "reason": "route_unknown" });
            }),
        ],
    );
    let ran = run(&folder, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let expected = "\
11 records: 0 unchanged (0 on other grounds), 0 changed, 11 not replayed
  not replayed:     1  no issuer has the alias `elsewhere` now
  not replayed:     1  refused before it was known who asks (token_expired)
  not replayed:     1  refused before its calls were known (body_too_large)
  not replayed:     1  the catalog has a route for it now, and the record does not say with what it was asked
  not replayed:     1  the catalog makes other calls of it now
  not replayed:     1  the client left before it was decided
  not replayed:     1  the proxy rejected it before the gate
  not replayed:     1  the record does not show its argument `title`
  not replayed:     1  the record has only the beginning of a claim
  not replayed:     1  the record has only the beginning of its argument `title`
  not replayed:     1  the record has only the first of its calls
";
    assert_eq!(ran.out, expected);
}

#[test]
fn what_people_approved_is_replayed_with_their_groups() {
    let folder = folder("approved");
    let approved = |groups: &[&str]| {
        let mut record = denied();
        record["decided"] = json!({ "decision": "allow", "policies": ["notes.coders-write"] });
        record["approved"] =
            json!({ "id": "a", "grant": "g", "groups": groups, "approvers": ["demo/carol@demo"] });
        record
    };
    write(&folder, &[approved(&["security"]), approved(&["release-managers"])]);
    let held = "@id(\"notes.held\")\nforbid (principal, action, resource) unless { context.approvals.contains(\"security\") };\n";
    let open = "@id(\"notes.open\")\npermit (principal, action, resource);\n";
    fs::write(folder.join("packs/notes/policies.cedar"), format!("{open}{held}")).unwrap();
    let ran = run(&folder, &["--format", "json"]);
    let replay: Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {} {}", ran.out, ran.err));
    assert_eq!(
        (ran.code, &replay["unchanged"], &replay["other_grounds"]),
        (0, &json!(1), &json!(1)),
        "{replay}"
    );
    let changed = replay["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 1, "{replay}");
    assert_eq!(
        (&changed[0]["before"]["decision"], &changed[0]["after"]["decision"]),
        (&json!("allow"), &json!("hold"))
    );
    assert_eq!(changed[0]["loosened"], false);
}

#[test]
fn a_new_route_may_open_what_no_catalog_knew() {
    let folder = folder("new");
    let mut record = denied();
    record["attempted"]["method"] = json!("GET");
    record["attempted"]["calls"] = json!([]);
    record["decided"] = json!({ "decision": "deny", "policies": [], "reason": "route_unknown" });
    let mut asked = record.clone();
    asked["attempted"]["query"] = json!(true);
    write(&folder, &[record, asked]);
    fs::write(
        folder.join("packs/notes/policies.cedar"),
        "@id(\"notes.open\") permit (principal, action, resource);",
    )
    .unwrap();
    let ran = run(&folder, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("notes.open\n   deny -> allow    GET /notes/drafts/plan"), "{}", ran.out);
    assert!(ran.out.contains("1 changed, 1 not replayed"), "{}", ran.out);
}

#[test]
fn a_route_that_is_no_longer_there_is_a_denial() {
    let folder = folder("route");
    let mut record = denied();
    record["attempted"]["path"] = json!("/notes/a/b/c");
    record["decided"] = json!({ "decision": "allow", "policies": ["p"] });
    write(&folder, &[record]);
    let ran = run(&folder, &[]);
    assert!(ran.code == 0 && ran.out.contains("allow -> deny"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_ledger_that_is_none_says_where() {
    let folder = folder("wrong");
    fs::write(folder.join("ledger.jsonl"), "{\"v\":1\n\n{\"v\":2}\n").unwrap();
    let ran = run(&folder, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err.starts_with("ledger.jsonl:1:6: error: no JSON: EOF while parsing an object\n"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("ledger.jsonl:3:1: error: no record of a ledger"), "{}", ran.err);
    fs::remove_file(folder.join("ledger.jsonl")).unwrap();
    assert_eq!(run(&folder, &[]).code, 2);
}
