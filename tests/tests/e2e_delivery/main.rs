//! Records on their way from a real Envoy to a real ledger's service: all of them, the same on both sides, and stored
//! before anything goes on where that is asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a failing test panics, and says so"
)]

mod buffered;
mod durable;
mod faults;
mod liar;
#[expect(unreachable_pub, reason = "shared with the tests of the service alone")]
#[path = "../../../control/tests/support/postgres.rs"]
mod postgres;
mod stage;
