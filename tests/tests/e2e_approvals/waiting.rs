//! Calls that wait for people on their own connection.

use std::time::Duration;

use actgate_harness::mint::TokenSpec;
use actgate_tests::e2e::{
    h1::{self, Outcome, Reply},
    tokens::alice,
    verdict::text,
};
use tokio::{task::JoinHandle, time::Instant};

use crate::stage::{BOB, Payment, Stage, id_of};

/// Sends without waiting for the answer.
fn begin(stage: &Stage, payment: &Payment) -> JoinHandle<Reply> {
    let (address, bytes) = (stage.gateway.address(), payment.bytes(&stage.issuer));
    tokio::spawn(async move {
        match h1::send_within(address, &bytes, Duration::from_secs(60)).await {
            Outcome::Reply(reply) => reply,
            outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_passes_when_people_say_yes() {
    let Some(stage) = Stage::waiting(40).await else { return };
    let payment = Payment::usual();
    // The link comes at once to whoever asks for that.
    let start = Instant::now();
    let id = stage.held(&payment.clone().with_header("prefer", "wait=0")).await;
    let quick = start.elapsed();
    let waiting = begin(&stage, &payment);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!waiting.is_finished(), "it does not wait");
    assert_eq!(stage.paid(), 0);
    stage.approve(BOB, &id).await;
    let approved = Instant::now();
    let reply = waiting.await.expect("an answer");
    assert_eq!((reply.status, stage.paid()), (200, 1), "{}", reply.json());
    assert!(approved.elapsed() < Duration::from_secs(10), "it waits on after the yes");
    assert!(quick < Duration::from_secs(10), "the link does not come at once");
    assert_eq!(stage.outcome(&id).await, "forwarded");

    // Nobody says anything: as long as the client would wait, and then the link.
    let start = Instant::now();
    let reply = stage.send(&payment.clone().with_header("prefer", "wait=2")).await;
    assert!(id_of(&reply).is_some_and(|next| next != id), "{}", reply.json());
    assert!(start.elapsed() >= Duration::from_secs(2), "it does not wait");

    // Somebody says no.
    let next = id_of(&reply).expect("an id");
    let waiting = begin(&stage, &payment);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.control.decide(BOB, &next, "deny", "not today").await.expect("a decision");
    let reply = waiting.await.expect("an answer");
    assert_eq!((reply.status, text(&reply.json(), "/reason")), (403, "approval_denied"));
    assert_eq!(stage.paid(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_runs_out_while_its_call_waits_passes_nothing() {
    let Some(stage) = Stage::waiting(40).await else { return };
    // The gate allows 30 s of skew: good for six seconds more.
    let short = TokenSpec { lifetime: 36, issued_at: alice().issued_at - 60, ..alice() };
    let payment = Payment { token: short, ..Payment::usual() };
    let id = stage.held(&payment.clone().with_header("prefer", "wait=0")).await;
    let waiting = begin(&stage, &payment);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(!waiting.is_finished(), "it does not wait");
    stage.approve(BOB, &id).await;
    let reply = waiting.await.expect("an answer");
    assert_eq!((reply.status, text(&reply.json(), "/reason")), (401, "token_expired"), "{}", reply.json());
    assert_eq!(stage.paid(), 0);
    // The claim had used the approval up, and the gateway says that nothing came of it.
    assert_eq!(stage.outcome(&id).await, "not_forwarded");
}
