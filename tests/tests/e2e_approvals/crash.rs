//! Envoy dies between a claim and its outcome: never two forwards, and what was burnt is written down.

use std::time::Duration;

use actgate_demo::recorder::Script;
use actgate_tests::e2e::verdict::text;
use tokio::time::{Instant, sleep};

use crate::stage::{BOB, Payment, Stage, id_of};

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

    let start = Instant::now();
    let mut in_flight: usize = 0;
    let next = loop {
        let reply = stage.send(&payment).await;
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
    let burnt = stage.approval(&id).await;
    assert_eq!((text(&burnt, "/state"), text(&burnt, "/outcome")), ("consumed", "not_forwarded"));
    assert!(burnt["events"].to_string().contains("control"), "who wrote it down: {}", burnt["events"]);
    assert_eq!(stage.paid(), 1, "twice");
}
