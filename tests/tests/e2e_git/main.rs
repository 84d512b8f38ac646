//! the real plugin to git's own server, scored at the refs behind the gate.
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::expect_used,
    reason = "a failing test panics, and says so"
)]

mod desk;
mod endpoints;
mod hostile;
mod large;
mod many;
mod run;
mod stage;

mod push_body;
mod pushing;
mod reading;
