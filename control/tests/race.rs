//! An approval admits one claim, however many race for it through however many replicas.

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
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use actgate_control::store::Store;
use serde_json::{Value, json};
use support::{BOB, GATEWAY, Replica, again, claim, postgres::Cluster};
use tokio::task::JoinSet;

/// Claims at once in a round.
const CLAIMS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_claims_over_two_replicas_one_is_granted_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Store::sqlite(&folder.path().join("control.db")).await.unwrap();
    race(folder.path(), open().await, open().await, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_claims_over_two_replicas_one_is_granted_on_postgresql() {
    let Some(cluster) = Cluster::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.database("race").await;
    let (one, two) = (Store::postgres(&url).await.unwrap(), Store::postgres(&url).await.unwrap());
    race(folder.path(), one, two, 50).await;
}

async fn race(folder: &Path, one: Store, two: Store, rounds: u32) {
    let one = Arc::new(Replica::start(folder, one).await);
    let two = Arc::new(Replica::start(folder, two).await);
    let bob = one.token_of(BOB).await;
    let mut times = Vec::new();
    for round in 0..rounds {
        let call = claim(round);
        let id = one.pending(&call).await;
        let approve = {
            let (one, bob, id) = (Arc::clone(&one), bob.clone(), id.clone());
            async move {
                let reply = one.post(&format!("/v1/approvals/{id}/approve"), &bob, &json!({})).await;
                // It may be used by the time of the answer.
                let state = reply.json()["state"].clone();
                assert!(state == "approved" || state == "consumed", "{}", reply.text);
            }
        };
        // Every other round, the yes comes while they race already.
        let is_late = round % 2 == 1;
        let mut running = JoinSet::new();
        let mut approve = Some(approve);
        if !is_late {
            approve.take().unwrap().await;
        }
        for number in 0..CLAIMS {
            let replica = Arc::clone(if number % 2 == 0 { &one } else { &two });
            let claim = again(&call);
            running.spawn(async move {
                let begun = Instant::now();
                let reply = replica.claim(&claim).await;
                (claim, reply, begun.elapsed())
            });
        }
        if let Some(approve) = approve {
            approve.await;
        }
        let mut granted: Vec<Value> = Vec::new();
        while let Some(done) = running.join_next().await {
            let (claim, reply, time) = done.unwrap();
            times.push(time);
            match (reply.status, reply.json()["state"].as_str()) {
                (200, Some("granted")) => granted.push(claim),
                (409, Some("in_flight")) => {}
                (200, Some("pending")) if is_late => {}
                (status, _) => panic!("round {round}: {status} {}", reply.text),
            }
            assert_eq!(reply.json()["id"], id, "round {round}");
        }
        if is_late && granted.is_empty() {
            // All were too early.
            let last = again(&call);
            assert_eq!(two.claim(&last).await.json()["state"], "granted");
            granted.push(last);
        }
        assert_eq!(granted.len(), 1, "round {round}");
        let report = json!({ "claim": granted[0]["claim"], "outcome": "forwarded" });
        assert_eq!(two.post("/v1/outcomes", &two.gateway_token(GATEWAY), &report).await.status, 204);
    }
    times.sort();
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{} claims, {CLAIMS} at once: p50 {half:?}, p99 {most:?}", times.len());

    // One at a time, for the figure of an idle service.
    let call = claim(rounds);
    one.pending(&call).await;
    let mut alone: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let (attempt, begun) = (again(&call), Instant::now());
        assert_eq!(one.claim(&attempt).await.status, 200);
        alone.push(begun.elapsed());
    }
    alone.sort();
    println!("alone: p50 {:?}, p99 {:?}", alone[100], alone[198]);
    for replica in [one, two] {
        Arc::into_inner(replica).unwrap().stop().await;
    }
}
