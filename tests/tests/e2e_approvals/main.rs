//! Approvals end to end: a real Envoy with the plugin, a real approval service, and real clients.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

mod calls;
mod canaries;
mod clients;
mod crash;
mod failing;
mod figures;
mod fleet;
mod liar;
mod pack;
mod pages;
mod people;
#[expect(
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "shared with the tests of the service alone"
)]
#[path = "../../../control/tests/support/postgres.rs"]
mod postgres;
mod stage;
mod waiting;
