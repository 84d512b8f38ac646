//! `actgate serve`: the demo's session, the hostile requests that Envoy is tried with, and long streams.
#![allow(
    dead_code,
    clippy::or_fun_call,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::expect_used,
    reason = "a failing test panics, and says so; the rows are shared with the tests of Envoy"
)]

mod approvals;
#[path = "../e2e_hostile/bodies.rs"]
mod bodies;
#[path = "../e2e_hostile/case.rs"]
mod case;
mod delivery;
mod git;
#[path = "../e2e_hostile/headers.rs"]
mod headers;
#[path = "../e2e_hostile/http2.rs"]
mod http2;
mod lifecycle;
#[path = "../e2e_hostile/paths.rs"]
mod paths;
mod process;
mod stage;
mod streams;
#[path = "../e2e_hostile/tokens.rs"]
mod tokens;

use std::fs;

use actgate_demo::{
    gateway::Kind,
    recorder::{Recorder, Script},
    session::{self, Report},
    world::{Ports, World},
};
use actgate_tests::e2e::{
    ledger,
    setup::{Needs, Setup},
    verdict::{Verdicts, equal, holds},
};

use self::{case::Case, case::Kit, stage::Stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_session_goes_as_it_does_before_envoy() {
    let Some(setup) = Setup::find(Needs::Vault) else { return };
    if Setup::find(Needs::Registry).is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let layout = setup.layout().clone().with_state(folder.path());
    let ports = Ports { gateway: 0, admin: 0, control: 0 };
    let world = World::start(&layout, Kind::Wasmtime, ports, |_| {}).await;
    let world = world.unwrap_or_else(|error| panic!("{error}"));
    let mut report = Report::new(Vec::new(), false);
    let wrong = session::play(&world, &mut report, false).await.unwrap_or_else(|error| panic!("{error}"));
    world.stop().await.expect("an end");
    assert_eq!(wrong, 0, "{}", String::from_utf8_lossy(&report.into_inner()));
}

/// Plays rows none of which may reach the upstream.
async fn refuses(rows: impl FnOnce(&Kit) -> Vec<Case>, otherwise: &[&str]) {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let stage = Stage::start(&setup, kit.issuer(), upstream.address()).await;
    let mut verdicts = Verdicts::default();
    for row in rows(&kit).iter().filter(|row| !otherwise.contains(&row.name())) {
        let ledger = ledger::from_now(&stage.ledger());
        let outcome = row.send(stage.address()).await;
        let records = ledger::records(&ledger, 1).await;
        let verdict = match records.as_slice() {
            [record] => row.judge(&outcome, record),
            records => Err(format!("{} records, {outcome:?}", records.len())),
        };
        let seen = upstream.seen();
        let unseen = holds(seen.connections == 0 && seen.is_nothing(), "the upstream saw something");
        verdicts.row(row.name(), unseen.and(verdict));
        upstream.forget();
    }
    // The rows prove nothing unless what they were made from passes.
    let ledger = ledger::from_now(&stage.ledger());
    let good = kit.good();
    let outcome = good.send(stage.address()).await;
    let records = ledger::records(&ledger, 1).await;
    let verdict = records.first().map_or(Err("no record".to_owned()), |record| good.judge(&outcome, record));
    verdicts.row("the request they were made from passes", verdict);
    verdicts.row("and arrives", equal("requests", upstream.seen().requests.len(), 1));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn bent_tokens_are_refused() {
    refuses(tokens::rows, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_two_readers_read_differently_are_refused() {
    // There is no route here but a service's own.
    refuses(paths::rows, &["another service's route", "below another service's route"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_say_something_else_are_refused() {
    refuses(headers::rows, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_methods_and_framing_that_mislead_are_refused() {
    // Envoy writes a folded line anew; here it is refused (docs/serve.md).
    refuses(bodies::rows, &["TE folded"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_that_misleads_is_refused() {
    refuses(http2::rows, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_taken_and_a_bad_one_is_not() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let mut stage = Stage::start(&setup, kit.issuer(), upstream.address()).await;
    assert_eq!(stage.status(&kit).await, 200);
    let policy = stage.policy();
    let text = fs::read_to_string(&policy).expect("a policy");
    fs::write(&policy, format!("{text}\npermit (principal, action, resource")).expect("a policy");
    stage.says("the one before it stays in force").await;
    assert_eq!(stage.status(&kit).await, 200);
    fs::write(&policy, format!("{text}\n@id(\"test.nobody\") forbid (principal, action, resource);"))
        .expect("a policy");
    stage.says("the changed configuration is in force").await;
    assert_eq!(stage.status(&kit).await, 403);
    assert_eq!(upstream.seen().requests.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_fails_is_a_503_and_a_record() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::Close).await.expect("a recorder");
    let stage = Stage::start(&setup, kit.issuer(), upstream.address()).await;
    let ledger = ledger::from_now(&stage.ledger());
    assert_eq!(stage.status(&kit).await, 503);
    upstream.next(Script::Raw(b"nonsense\r\n\r\n".to_vec()));
    assert_eq!(stage.status(&kit).await, 502);
    assert_eq!(upstream.seen().requests.len(), 2, "one forward each");
    upstream.stop().await;
    assert_eq!(stage.status(&kit).await, 503);
    let flags: Vec<String> = ledger::records(&ledger, 3)
        .await
        .iter()
        .map(|record| record.value()["executed"]["flags"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(flags, ["UC", "UPE", "UF"]);
}
