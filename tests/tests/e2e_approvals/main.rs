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
mod crash;
mod failing;
mod liar;
mod pack;
mod people;
mod stage;
