//! The ledger is sent on to an OpenTelemetry collector: everything, whatever happens on the way, and each place once at least.

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

use std::{collections::BTreeSet, path::Path, time::Duration};

use actgate_control::store::Store;
use serde_json::{Value, json};
use support::{
    CONFIG, GATEWAY, Replica,
    collector::{Collector, Fault, Sink},
    postgres::Cluster,
};

/// A request of one call, that was let through.
fn record(number: i64) -> Value {
    json!({
        "v": 1, "id": format!("01a20e83-a248-7000-8000-{number:012x}"), "time": "2027-01-15T08:00:00.250Z",
        "service": "git", "stage": "decided",
        "attempted": {
            "method": "POST", "path": "/x", "subject": "demo/alice@demo", "actor": "demo/coder",
            "calls": [{ "action": "git.ref.update", "resource": format!("Git::Ref::\"r{number}\""), "arguments": {} }],
        },
        "decided": { "decision": "allow", "policies": [] }, "approved": null,
        "executed": { "status": 200, "details": "via_upstream", "upstream": "127.0.0.1:1", "duration_ms": 2 },
    })
}

async fn store(replica: &Replica, emitter: &str, numbers: std::ops::RangeInclusive<i64>) {
    let events: Vec<Value> =
        numbers.map(|number| json!({ "sequence": number, "record": record(number) })).collect();
    let batch = json!({ "emitter": emitter, "events": events });
    let reply = replica.post("/v1/events", &replica.gateway_token(GATEWAY), &batch).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// A configuration that sends on.
fn sending(endpoint: &str, more: &str) -> String {
    let otlp = format!("readers: [security], otlp: {{ endpoint: '{endpoint}'{more} }} }}");
    let config = CONFIG.replace("readers: [security] }", &otlp);
    assert_ne!(config, CONFIG);
    config
}

async fn replica(folder: &Path, config: &str) -> Replica {
    Replica::start_with(folder, Store::sqlite(&folder.join("control.db")).await.unwrap(), config).await
}

/// The different places that have arrived, as spans and as log records.
fn arrived(sink: &Sink) -> (usize, usize) {
    let spans: BTreeSet<String> =
        sink.spans().into_iter().map(|span| format!("{} {}", span.emitter, span.id)).collect();
    let logs: BTreeSet<String> = sink.logs().into_iter().map(|log| log.id).collect();
    (spans.len(), logs.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_collector_gets_everything_over_its_own_death_and_ours() {
    let Some(mut collector) = Collector::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = sending(&collector.endpoint, "");
    let first = replica(folder.path(), &config).await;
    store(&first, "envoy-1", 1..=450).await;
    let sink = collector.sink.clone();
    sink.wait_for(|sink| arrived(sink) == (450, 1350)).await;
    // Nobody sent anything twice.
    assert_eq!((sink.spans().len(), sink.logs().len()), (450, 1350));

    collector.kill();
    store(&first, "envoy-1", 451..=500).await;
    first.stop().await;
    let second = replica(folder.path(), &config).await;
    store(&second, "envoy-1", 501..=520).await;
    collector.restart().await;
    sink.wait_for(|sink| arrived(sink) == (520, 1560)).await;
    assert_eq!(sink.spans().len(), 520);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_on_the_way_is_sent_again() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("otlp.token"), "Bearer canary\n").unwrap();
    let config = sending(&sink.endpoint(), ", headers: { authorization: { file: otlp.token }, x-tenant: a }");
    // Overloaded, away, behind a proxy that is not ready, and an answer that never comes.
    let faults =
        [Fault::Status(503), Fault::Status(429), Fault::Status(401), Fault::Status(404), Fault::Silence];
    sink.fail("/v1/traces", &faults);
    let one = replica(folder.path(), &config).await;
    store(&one, "envoy-1", 1..=10).await;
    store(&one, "envoy-2", 1..=10).await;
    // The logs do not wait for the traces.
    sink.wait_for(|sink| arrived(sink).1 == 30).await;
    sink.wait_for(|sink| sink.spans().iter().filter(|span| span.emitter == "envoy-2").count() >= 10).await;
    sink.wait_for(|sink| sink.spans().iter().filter(|span| span.emitter == "envoy-1").count() >= 10).await;
    assert!(sink.header("authorization").iter().all(|value| value == "Bearer canary"));
    assert!(sink.header("x-tenant").iter().all(|value| value == "a"));
    assert!(sink.header("content-type").iter().all(|value| value == "application/x-protobuf"));
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_refused_for_good_takes_no_other_with_it() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().unwrap();
    let one = replica(folder.path(), &sending(&sink.endpoint(), ", signals: [traces]")).await;
    sink.poison("01a20e83-a248-7000-8000-000000000025");
    store(&one, "envoy-1", 1..=100).await;
    sink.wait_for(|sink| arrived(sink).0 == 99).await;
    store(&one, "envoy-1", 101..=110).await;
    sink.wait_for(|sink| arrived(sink).0 == 109).await;
    assert!(sink.logs().is_empty());
    one.stop().await;

    // Who refuses everything is no collector: nothing is given up.
    let folder = tempfile::tempdir().unwrap();
    let wall = Sink::start().await;
    wall.poison("git.ref.update");
    let other = replica(folder.path(), &sending(&wall.endpoint(), ", signals: [traces]")).await;
    store(&other, "envoy-1", 1..=3).await;
    wall.wait_for(|wall| wall.requests() > 6).await;
    wall.poison("nothing of this kind");
    wall.wait_for(|wall| arrived(wall).0 == 3).await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_one_sends_and_the_other_takes_over() {
    let Some(cluster) = Cluster::start().await else { return };
    let sink = Sink::start().await;
    let url = cluster.database("collector").await;
    let folder = tempfile::tempdir().unwrap();
    let config = sending(&sink.endpoint(), "");
    let start =
        async || Replica::start_with(folder.path(), Store::postgres(&url).await.unwrap(), &config).await;
    let (first, second) = (start().await, start().await);
    // Longer than both look for something to send: each would find it.
    sink.slow_down(Duration::from_secs(2));
    store(&first, "envoy-1", 1..=100).await;
    sink.wait_for(|sink| arrived(sink) == (100, 300)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((sink.spans().len(), sink.logs().len()), (100, 300));
    first.stop().await;
    store(&second, "envoy-1", 101..=120).await;
    // A replica that stops lets go; one that dies is waited for as long as its lease lasts.
    sink.wait_for(|sink| arrived(sink) == (120, 360)).await;
    second.stop().await;
}
