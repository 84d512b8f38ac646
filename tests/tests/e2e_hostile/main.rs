//! Hostile requests, byte for byte, to a real Envoy with the real plugin: none of them reaches the upstream, each
//! gets the right refusal and leaves one record.
//!
//! Each row differs from a request that passes in one thing. What passes on purpose (the last table) arrives
//! without what made it hostile.
#![allow(
    clippy::or_fun_call,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::expect_used,
    reason = "a failing test panics, and says so"
)]

mod bodies;
mod case;
mod headers;
mod http2;
mod passing;
mod paths;
mod tokens;

use actgate_demo::{
    ledger::Ledger,
    recorder::{Recorder, Script},
};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    verdict::{Verdicts, equal, holds},
};

use self::case::{Case, Kit};

/// A gateway before a recorder, and what its ledger says since.
struct Stage {
    gateway: Gateway,
    upstream: Recorder,
    kit: Kit,
    ledger: Ledger,
}

impl Stage {
    async fn set() -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let kit = Kit::new();
        let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
        let mut template = Template::read(setup.root());
        template.add_route("/secrets/v1/kv/dev/elsewhere", "permit:deploy");
        let state = State::new(&setup, &template);
        let token = state.upstream(upstream.address());
        let gateway = Gateway::start(state, Departure::none(&setup, kit.issuer()), token).await;
        let ledger = ledger::from_now(&gateway.ledger());
        Some(Self { gateway, upstream, kit, ledger })
    }

    /// Plays rows none of which may reach the upstream.
    async fn refuses(self, rows: impl FnOnce(&Kit) -> Vec<Case>) {
        let mut verdicts = Verdicts::default();
        let rows = rows(&self.kit);
        for row in &rows {
            let ledger = ledger::from_now(&self.gateway.ledger());
            let outcome = row.send(self.gateway.address()).await;
            let records = ledger::records(&ledger, 1).await;
            let verdict = match records.as_slice() {
                [record] => row.judge(&outcome, record),
                records => Err(format!("{} records, {outcome:?}", records.len())),
            };
            let seen = self.upstream.seen();
            let unseen = seen.connections == 0 && seen.is_nothing();
            let unseen = holds(
                unseen,
                format!(
                    "the upstream saw {:?}",
                    seen.bytes.values().map(|bytes| String::from_utf8_lossy(bytes)).collect::<Vec<_>>()
                ),
            );
            verdicts.row(row.name(), unseen.and(verdict));
            // A row that fails is not to make the next ones fail.
            self.upstream.forget();
        }
        // None of them came twice or late.
        let records = ledger::records(&self.ledger, rows.len()).await;
        verdicts.row("one record for each", equal("records", records.len(), rows.len()));
        let failed = self.gateway.stat("wasmcustom.actgate_requests_failed").await;
        verdicts.row("the gate itself never failed", equal("failed", failed, Some(0)));
        // The rows prove nothing unless what they were made from passes.
        let good = self.kit.good();
        let outcome = good.send(self.gateway.address()).await;
        let records = ledger::records(&self.ledger, rows.len() + 1).await;
        let verdict = match records.last() {
            Some(record) => good.judge(&outcome, record),
            None => Err("no record".to_owned()),
        };
        verdicts.row("the request they were made from passes", verdict);
        verdicts.row("and arrives", equal("requests", self.upstream.seen().requests.len(), 1));
        verdicts.conclude();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bent_tokens_are_refused() {
    let Some(stage) = Stage::set().await else { return };
    stage.refuses(tokens::rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_two_readers_read_differently_are_refused() {
    let Some(stage) = Stage::set().await else { return };
    stage.refuses(paths::rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_say_something_else_are_refused() {
    let Some(stage) = Stage::set().await else { return };
    stage.refuses(headers::rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_methods_and_framing_that_mislead_are_refused() {
    let Some(stage) = Stage::set().await else { return };
    stage.refuses(bodies::rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_read_as_strictly() {
    let Some(stage) = Stage::set().await else { return };
    stage.refuses(http2::rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_arrives_without_what_was_meant_to_mislead() {
    let Some(stage) = Stage::set().await else { return };
    passing::play(stage).await;
}
