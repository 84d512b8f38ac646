//! Cases, lifecycle, conformance and end-to-end tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    reason = "a failing test panics, and says so"
)]

pub mod cases;
pub mod costs;
pub mod differential;
pub mod e2e;
pub mod probes;
