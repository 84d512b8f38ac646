//! Envoy dies between a claim and its outcome: never two forwards, and what was burnt is written down.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use actgate_demo::{control::ControlUpstream, recorder::Script};
use actgate_tests::e2e::verdict::text;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    liar::Liar,
    stage::{BOB, Payment, Stage, id_of},
};

/// Longer than a claim may go without an outcome, with a clock of whole seconds and a sweep every five.
const WRITTEN_OFF: Duration = Duration::from_secs(75);

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_burns_the_approval_and_nothing_passes_twice() {
    let Some(stage) = Stage::set().await else { return };
    let payment = Payment::usual();
    let id = stage.held(&payment).await;
    stage.approve(BOB, &id).await;
    // The payment is made, and its answer never comes.
    stage.upstream.next(Script::Hang);
    let (address, bytes) = (stage.gateway.address(), payment.bytes(&stage.issuer));
    let caller = tokio::spawn(async move { actgate_tests::e2e::h1::send(address, &bytes).await });
    assert!(stage.upstream.saw_requests(1, Duration::from_secs(10)).await, "it does not pass");
    let stage = stage.after_a_crash().await;
    caller.abort();
    assert_eq!(text(&stage.approval(&id).await, "/state"), "consumed");

    is_written_off(&stage, &payment, &id).await;
    assert_eq!(stage.paid(), 1, "twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_never_arrives_is_burnt_too() {
    let Some(stage) = Stage::set().await else { return };
    let payment = Payment::usual();
    let id = stage.held(&payment).await;
    stage.approve(BOB, &id).await;
    let service = stage.control.upstream().clone();
    let between = Liar::start(Box::new({
        let service = service.clone();
        move |claim| {
            claim_of(&service, claim).expect("an answer of the service");
            None
        }
    }))
    .await;
    let stage = stage.asking(between.address()).await;
    let (address, bytes) = (stage.gateway.address(), payment.bytes(&stage.issuer));
    let caller = tokio::spawn(async move { actgate_tests::e2e::h1::send(address, &bytes).await });
    // Granted by the service, and not yet heard of by the gateway.
    let start = Instant::now();
    while text(&stage.approval(&id).await, "/state") != "consumed" {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing is claimed");
        sleep(Duration::from_millis(10)).await;
    }
    let stage = stage.after_a_crash().await.asking(service.address).await;
    caller.abort();
    is_written_off(&stage, &payment, &id).await;
    assert_eq!(stage.paid(), 0, "without a grant");
}

/// Makes a claim in the gateway's place, and reads all of the answer.
fn claim_of(service: &ControlUpstream, claim: &Value) -> io::Result<()> {
    let (token, body) = (fs::read_to_string(&service.token_file)?, claim.to_string());
    let mut stream = TcpStream::connect(service.address)?;
    let head = format!(
        "POST /v1/claims HTTP/1.1\r\nhost: control\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        token.trim(),
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.read_to_end(&mut Vec::new()).map(|_| ())
}

/// While its outcome may yet come, the call is refused as in flight; after that it waits for people anew.
async fn is_written_off(stage: &Stage, payment: &Payment, id: &str) {
    let start = Instant::now();
    let mut in_flight: usize = 0;
    let next = loop {
        let reply = stage.send(payment).await;
        if let Some(next) = id_of(&reply) {
            break next;
        }
        assert_eq!((reply.status, text(&reply.json(), "/reason")), (409, "approval_in_flight"));
        in_flight += 1;
        assert!(start.elapsed() < WRITTEN_OFF, "it is in flight for ever");
        sleep(Duration::from_secs(1)).await;
    };
    assert!(in_flight > 0, "written off at once");
    assert_ne!(next, id);
    let burnt = stage.approval(id).await;
    assert_eq!((text(&burnt, "/state"), text(&burnt, "/outcome")), ("consumed", "not_forwarded"));
    assert!(burnt["events"].to_string().contains("control"), "who wrote it down: {}", burnt["events"]);
}
