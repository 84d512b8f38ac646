//! `actgate ledger` over the service and over a gateway's log. The command is built by `make tools`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code"
)]

mod support;

use std::path::{Path, PathBuf};

use actgate_control::store::Store;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};
use support::{CAROL, GATEWAY, Replica};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn command() -> Option<PathBuf> {
    let command = Path::new(env!("CARGO_BIN_EXE_actgate-control")).with_file_name("actgate");
    if !command.exists() {
        assert!(std::env::var_os("CI").is_none(), "the command is missing: run `make tools`");
        eprintln!("SKIPPED: the command is missing (`make tools` builds it)");
        return None;
    }
    Some(command)
}

async fn run(command: &Path, replica: Option<(&Replica, &str)>, arguments: &[&str]) -> Ran {
    let mut run = tokio::process::Command::new(command);
    run.arg("ledger").args(arguments).env_remove("ACTGATE_CONTROL_TOKEN");
    if let Some((replica, token)) = replica {
        run.env("ACTGATE_CONTROL", format!("http://{}", replica.address)).env("ACTGATE_CONTROL_TOKEN", token);
    }
    let output = run.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn record(number: i64, decision: &str, upstream: &str) -> Value {
    let why =
        if decision == "allow" { json!({}) } else { json!({ "reason": "policy_denied", "status": 403 }) };
    let mut decided = json!({ "decision": decision, "policies": [] });
    decided.as_object_mut().unwrap().extend(why.as_object().unwrap().clone());
    json!({
        "v": 1, "id": format!("01a20e83-a248-7000-8000-{number:012x}"),
        "time": format!("2027-01-15T08:00:{number:02}.000Z"), "service": "git", "stage": "decided",
        "attempted": {
            "method": "POST", "path": "/x", "subject": "demo/alice@demo", "actor": "demo/coder",
            "calls": [{ "action": "git.ref.update", "resource": "Git::Ref::\"main\"", "arguments": {} }],
        },
        "decided": decided, "approved": null,
        "executed": { "status": if upstream.is_empty() { 403 } else { 200 }, "upstream": upstream },
    })
}

/// Ten records, three of them refused.
fn records() -> Vec<Value> {
    (1..=10)
        .map(|number| {
            if number % 3 == 0 { record(number, "deny", "") } else { record(number, "allow", "127.0.0.1:1") }
        })
        .collect()
}

async fn send(replica: &Replica, records: &[Value]) {
    let events: Vec<Value> = records
        .iter()
        .zip(1..)
        .map(|(record, number)| json!({ "sequence": number, "record": record }))
        .collect();
    let batch = json!({ "emitter": "envoy-1", "events": events });
    let reply = replica.post("/v1/events", &replica.gateway_token(GATEWAY), &batch).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

#[tokio::test]
async fn the_service_and_a_log_say_the_same_and_what_differs_is_found() {
    let Some(command) = command() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("control.db");
    let replica = Replica::start(folder.path(), Store::sqlite(&file).await.unwrap()).await;
    let token = replica.token_of(CAROL).await;
    let service = Some((&replica, token.as_str()));
    let all = records();
    send(&replica, &all).await;
    replica.app.keep_up_once().await.unwrap();
    let log = folder.path().join("ledger.jsonl");
    std::fs::write(&log, lines(&all)).unwrap();
    let log = log.to_str().unwrap();

    for (source, arguments) in [(service, vec![]), (None, vec!["--log", log])] {
        let with = |verb: &[&'static str]| [verb, arguments.as_slice()].concat();
        let tail = run(&command, source, &with(&["tail", "-n", "3"])).await;
        assert_eq!((tail.code, tail.out.lines().count()), (0, 3), "{}{}", tail.out, tail.err);
        assert!(
            tail.out.lines().last().unwrap().contains("08:00:10") && tail.out.contains("deny"),
            "{}",
            tail.out
        );
        let search =
            run(&command, source, &with(&["search", "--decision", "deny", "--format", "json"])).await;
        assert_eq!(search.out.lines().count(), 3, "{}", search.out);
        let gap = run(&command, source, &with(&["gap", "--format", "json"])).await;
        let gap: Value = serde_json::from_str(&gap.out).unwrap();
        assert_eq!((&gap["total"]["attempted"], &gap["total"]["executed"]), (&json!(10), &json!(7)));
        assert_eq!(
            (&gap["rows"][0]["not_executed"], &gap["rows"][0]["action"]),
            (&json!(3), &json!("git.ref.update"))
        );
        let export = run(&command, source, &with(&["export"])).await;
        let mut exported: Vec<&str> = export.out.lines().collect();
        exported.sort_unstable();
        let mut expected: Vec<String> = all.iter().map(Value::to_string).collect();
        expected.sort_unstable();
        assert_eq!(exported, expected);
        let csv = run(&command, source, &with(&["export", "--format", "csv"])).await;
        assert_eq!(csv.out.lines().count(), 11);
    }

    let verify = run(&command, service, &["verify", "--log", log]).await;
    assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    assert!(verify.out.contains("10 records of 1 emitter, 1 checkpoint"), "{}", verify.out);

    // What a gateway wrote down and the service never got.
    let lost = lines(&[all.clone(), vec![record(11, "allow", "127.0.0.1:1")]].concat());
    std::fs::write(log, lost).unwrap();
    let verify = run(&command, service, &["verify", "--log", log]).await;
    assert!(verify.code == 1 && verify.out.contains("lost on the way: 1"), "{}", verify.out);
    std::fs::write(log, lines(&all)).unwrap();

    // Somebody who holds the database: changes, and then makes the chain fit.
    let mut other = sqlx::AnyConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let edit = r#"UPDATE ledger SET record = REPLACE(record, '"deny"', '"hold"') WHERE sequence = 9"#;
    other.execute(edit).await.unwrap();
    let verify = run(&command, service, &["verify"]).await;
    assert!(verify.code == 1 && verify.out.contains("gateway-demo envoy-1 9"), "{}", verify.out);
    other.execute("DELETE FROM ledger WHERE sequence = 9").await.unwrap();
    let verify = run(&command, service, &["verify", "--log", log]).await;
    for found in ["numbers that are missing", "before them removed", "lost on the way: 1"] {
        assert!(verify.code == 1 && verify.out.contains(found), "{found}: {}", verify.out);
    }
    other.execute("DELETE FROM ledger WHERE sequence = 10").await.unwrap();
    let verify = run(&command, service, &["verify"]).await;
    assert!(verify.code == 1 && verify.out.contains("end before"), "{}", verify.out);
    other.close().await.unwrap();

    // Another key than the one that was known.
    let key = folder.path().join("keys.json");
    std::fs::write(&key, replica.get("/v1/keys", "none").await.text).unwrap();
    let verify = run(&command, service, &["verify", "--key", key.to_str().unwrap()]).await;
    assert!(verify.code == 1 && verify.out.contains("the key has not signed"), "{}", verify.out);
    assert_eq!(run(&command, None, &["verify"]).await.code, 2);
    replica.stop().await;
}

#[tokio::test]
async fn a_log_is_checked_by_itself() {
    let Some(command) = command() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("ledger.jsonl");
    let check = async |text: String| {
        std::fs::write(&log, text).unwrap();
        run(&command, None, &["verify", "--log-only", "--log", log.to_str().unwrap()]).await
    };
    let all = records();
    assert_eq!(check(lines(&all)).await.code, 0);
    let mut open = all[0].clone();
    open.as_object_mut().unwrap().remove("executed");
    for (more, found) in [
        (all[3].clone(), "there twice"),
        (record(20, "deny", "127.0.0.1:1"), "without a permit"),
        (
            {
                open["id"] = json!("another");
                open
            },
            "without an outcome",
        ),
    ] {
        let ran = check(lines(&[all.clone(), vec![more]].concat())).await;
        assert!(ran.code == 1 && ran.out.contains(found), "{found}: {}", ran.out);
    }
    let ran = check("no record\n".to_owned()).await;
    assert_eq!(ran.code, 2, "{}", ran.err);
}
