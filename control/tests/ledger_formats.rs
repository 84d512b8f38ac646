//! What `actgate ledger export` writes, read by those it is for: OCSF's published schema, CloudEvents' own SDK, and a real
//! OpenTelemetry collector. The command is built by `make tools`; set-up brings the rest.

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

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use actgate_control::store::Store;
use serde_json::{Value, json};
use support::{CAROL, GATEWAY, Replica, collector::Collector};

/// The records that every format is tried with, one a line.
const RECORDS: &str = include_str!("../../tests/data/ledger-records.jsonl");

/// The command, and the Python that set-up brought.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let command = Path::new(env!("CARGO_BIN_EXE_actgate-control")).with_file_name("actgate");
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.run/formats/bin/python");
    for (program, target) in [(&command, "tools"), (&python, "setup")] {
        if !program.exists() {
            assert!(
                std::env::var_os("CI").is_none(),
                "{} is missing: run `make {target}`",
                program.display()
            );
            eprintln!("SKIPPED: {} is missing (`make {target}` brings it)", program.display());
            return None;
        }
    }
    Some((command, python))
}

fn run(program: &Path, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap_or_default();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything in a format: of the log, and of a service that has the same records.
async fn exported(command: &Path, format: &str) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("ledger.jsonl");
    std::fs::write(&log, RECORDS).unwrap();
    let arguments = ["ledger", "export", "--format", format];
    let of_log = run(command, &[arguments.as_slice(), &["--log", log.to_str().unwrap()]].concat(), &[], "");

    let store = Store::sqlite(&folder.path().join("control.db")).await.unwrap();
    let replica = Replica::start(folder.path(), store).await;
    // Attempts that were stored before they went on have a place of their own.
    let records = RECORDS.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (attempts, records): (Vec<Value>, Vec<Value>) =
        records.partition(|record| record["stage"] == "attempted");
    let events: Vec<Value> = records
        .into_iter()
        .zip(1..)
        .map(|(record, number)| json!({ "sequence": number, "record": record }))
        .collect();
    let batch = json!({ "emitter": "envoy-7f3a/1", "events": events });
    let sent = replica.post("/v1/events", &replica.gateway_token(GATEWAY), &batch).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    for record in attempts {
        let attempt = json!({ "emitter": "envoy-7f3a/attempts", "record": record });
        let sent = replica.post("/v1/attempts", &replica.gateway_token(GATEWAY), &attempt).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
    }
    let token = replica.token_of(CAROL).await;
    let (command, address) = (command.to_owned(), format!("http://{}", replica.address));
    let environment = move || {
        let arguments: Vec<&str> = arguments.to_vec();
        run(&command, &arguments, &[("ACTGATE_CONTROL", &address), ("ACTGATE_CONTROL_TOKEN", &token)], "")
    };
    // Runs in `of_service` would hold up the service, which answers on this thread.
    let of_service = std::thread::scope(|scope| {
        let running = scope.spawn(environment);
        tokio::task::block_in_place(|| running.join().unwrap())
    });
    replica.stop().await;
    [of_log, of_service]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_api_activities_as_ocsf_publishes_them() {
    let Some((command, python)) = programs() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/ocsf.py");
    let version = actgate_ledger::OCSF_VERSION;
    let arguments = [script.to_str().unwrap(), version, "security_control", "trace"];
    let published: Value = serde_json::from_str(&run(&python, &arguments, &[], "")).unwrap();
    let schema = jsonschema::validator_for(&published).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for text in exported(&command, "ocsf").await {
        assert!(text.lines().count() > 30, "{text}");
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let faults: Vec<String> = schema
                .iter_errors(&event)
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            assert!(faults.is_empty(), "{faults:?}\n{line}");
            kinds.insert(event["metadata"]["event_code"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    // The schema is one that refuses: what is missing, what it does not know, and what it has no number for.
    let [_, text] = exported(&command, "ocsf").await;
    let sound: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let change = |change: fn(&mut Value)| {
        let mut odd = sound.clone();
        change(&mut odd);
        schema.is_valid(&odd)
    };
    assert!(change(|_| {}));
    assert!(!change(|event| drop(event.as_object_mut().unwrap().remove("src_endpoint"))));
    assert!(!change(|event| event["actgate"] = json!(1)));
    assert!(!change(|event| event["disposition_id"] = json!(700)));
    assert!(!change(|event| event["time"] = json!("2026-11-24T22:31:01Z")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_cloudevents_to_their_own_sdk() {
    let Some((command, python)) = programs() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/cloudevents_sdk.py");
    let [of_log, of_service] = exported(&command, "cloudevents").await;
    let [batch, _] = exported(&command, "cloudevents-batch").await;
    let mut ids = Vec::new();
    for (text, form) in [(of_log, "lines"), (of_service, "lines"), (batch, "batch")] {
        let read = run(&python, &[script.to_str().unwrap(), form], &[], &text);
        let read: Vec<Value> = serde_json::from_str(&read).unwrap();
        assert!(read.len() > 30);
        for event in &read {
            assert_eq!(event["data"]["id"], event["id"]);
            assert_eq!(event["data"]["action_id"], event["extension"]);
        }
        // In the log's order, what has an id; of the service, newest first.
        let mut told: Vec<String> = read
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .filter(|id| !id.starts_with("unseen-"))
            .collect();
        told.sort_unstable();
        ids.push(told);
    }
    assert!(ids[0] == ids[1] && ids[0] == ids[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_reads_the_lines_of_otlp() {
    let Some((command, _)) = programs() else { return };
    let Some(collector) = Collector::start().await else { return };
    for (signal, path) in [("otlp-traces", "/v1/traces"), ("otlp-logs", "/v1/logs")] {
        for text in exported(&command, signal).await {
            for line in text.lines() {
                assert_eq!(collector.post_json(path, line).await, 200);
            }
        }
    }
    // Twice each: of the log and of the service.
    let calls = collector.sink.wait_for(|sink| sink.spans().len() == 32).await.spans();
    let first = calls.iter().find(|span| span.parent == "00f067aa0ba902b7").unwrap();
    assert_eq!(
        (first.trace.as_str(), first.name.as_str()),
        ("4bf92f3577b34da6a3ce929d0e0e4736", "git.ref.update")
    );
    let logs = collector.sink.wait_for(|sink| sink.logs().len() == 2 * 39).await.logs();
    assert!(logs.iter().all(|log| log.id.contains('.')));
}
