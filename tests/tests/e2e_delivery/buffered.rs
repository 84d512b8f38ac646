//! `delivery: buffered`: every record arrives, as it is in the log.

use std::time::Duration;

use actgate_demo::recorder::Script;
use actgate_tests::e2e::{
    h1::{self, Outcome, Wire},
    verdict::text,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::stage::{LIMIT, Stage, buffered, request};

const DEV: &str = "/secrets/v1/kv/dev/db";

/// Requests that end in as many ways as there are: how many leave a line in the log.
async fn every_ending(stage: &Stage) -> usize {
    let address = stage.gateway.address();
    let token = stage.issuer.good();
    let mut lines = 0;
    for (method, path, body) in [
        ("GET", DEV, None),
        ("PUT", DEV, Some("{\"value\": 1}")),
        ("GET", "/secrets/v1/kv/prod/db", None),
        ("DELETE", DEV, None),
        ("GET", "/secrets/v1/nowhere", None),
        ("GET", "/elsewhere", None),
        ("GET", "/secrets/v1/kv/dev/%64b", None),
        ("PUT", "/secrets/v1/kv/prod/db", Some("{\"value\": 1}")),
        ("PUT", DEV, Some("no json")),
    ] {
        stage.send(method, path, body).await;
        lines += 1;
    }
    let chunked = format!(
        "PUT {DEV} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n5\r\n{{\"a\":\r\n3\r\n 1}}\r\n0\r\n\r\n"
    );
    let bodies = [
        chunked.into_bytes(),
        request("GET", DEV, "nobody", None),
        format!("GET {DEV} HTTP/1.1\r\nhost: gateway.demo\r\n\r\n").into_bytes(),
    ];
    for bytes in bodies {
        assert!(matches!(h1::send(address, &bytes).await, Outcome::Reply(_)));
        lines += 1;
    }
    // Upstreams that close, break off in the middle of their answer, or say something else than HTTP.
    for script in [
        Script::Close,
        Script::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf of ".to_vec()),
        Script::Raw(b"no HTTP at all\r\n\r\n".to_vec()),
        Script::Respond { status: 404, headers: Vec::new(), body: vec![b'x'; 100_000] },
    ] {
        let breaks_off = matches!(&script, Script::Raw(bytes) if bytes.starts_with(b"HTTP"));
        stage.upstream.next(script);
        let outcome =
            h1::send_within(address, &request("GET", DEV, &token, None), Duration::from_secs(1)).await;
        assert!(breaks_off || matches!(outcome, Outcome::Reply(_)), "{outcome:?}");
        lines += 1;
    }
    // Clients that leave: while their body is awaited, while the answer is, and in the middle of a refused body.
    for path in [DEV, "/secrets/v1/kv/prod/db"] {
        let mut client = Wire::connect(address).await;
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 5000\r\n\r\n{{\"half\":"
        );
        client.write(head.as_bytes()).await;
        sleep(Duration::from_millis(200)).await;
        drop(client);
        lines += 1;
    }
    let mut client = Wire::connect(address).await;
    stage.upstream.next(Script::Hang);
    let seen = stage.upstream.seen().requests.len();
    client.write(&request("GET", DEV, &token, None)).await;
    assert!(stage.upstream.saw_requests(seen + 1, LIMIT).await);
    drop(client);
    lines + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_arrives_as_it_is_in_the_log() {
    let Some(stage) = Stage::set(buffered(), |_| {}).await else { return };
    let count = every_ending(&stage).await;
    let lines = stage.log_of(count).await;
    let found = stage.records_where(count, |_| true).await;
    let raw = crate::stage::raw(&stage).await;
    let mut missing: Vec<&String> =
        lines.iter().filter(|line| !raw.contains(&format!("\"record\":{line}"))).collect();
    for line in &missing {
        let line: Value = serde_json::from_str(line).unwrap();
        let other = found.iter().find(|record| record["id"] == line["id"]);
        eprintln!("in the log: {}\nat the service: {:?}", line, other.map(ToString::to_string));
    }
    missing.retain(|line| !line.contains("rejected_by_proxy"));
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(found.len(), count);
    // Each worker counts for itself, from 1.
    let page = stage.control.look(crate::stage::CAROL, "/v1/emitters").await.unwrap();
    let emitters = page["emitters"].as_array().unwrap();
    assert!(emitters.iter().all(|emitter| text(emitter, "/emitter").starts_with("edge/")), "{emitters:?}");
    let last: i64 = emitters.iter().map(|emitter| emitter["last"].as_i64().unwrap()).sum();
    assert_eq!(usize::try_from(last).unwrap(), count);
    let sent = stage.gateway.stat("wasmcustom.actgate_ledger_records_sent").await;
    assert_eq!(sent, Some(u64::try_from(count).unwrap()));
    assert_eq!(stage.gateway.stat("wasmcustom.actgate_ledger_records_lost").await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_misses_arrives_when_it_is_back() {
    let Some(stage) = Stage::set(buffered(), |_| {}).await else { return };
    stage.send("GET", DEV, None).await;
    assert_eq!(stage.records_where(1, |_| true).await.len(), 1);
    let halted = stage.kill_control();
    for _ in 0..40 {
        let bytes = request("GET", DEV, &halted.issuer.good(), None);
        match h1::send(halted.gateway.address(), &bytes).await {
            Outcome::Reply(reply) => assert_eq!(reply.status, 200, "the gateway does not need the service"),
            outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
        }
    }
    let start = Instant::now();
    while halted.gateway.stat("wasmcustom.actgate_ledger_batches_failed").await == Some(0) {
        assert!(start.elapsed() < LIMIT, "nothing is sent");
        sleep(Duration::from_millis(50)).await;
    }
    let stage = halted.restart_control().await;
    assert_eq!(stage.records_where(41, |_| true).await.len(), 41);
    // The wire is cut in the middle of batches.
    for _ in 0..20 {
        stage.wire.cut();
        stage.send("GET", DEV, None).await;
        stage.wire.mend();
        stage.send("GET", DEV, None).await;
    }
    let records = stage.records_where(81, |_| true).await;
    assert_eq!(records.len(), 81);
    let mut ids: Vec<&str> = records.iter().map(|record| text(record, "/id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 81, "each once");
    assert_eq!(stage.gateway.stat("wasmcustom.actgate_ledger_records_lost").await, Some(0));
}
