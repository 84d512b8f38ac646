//! The deploy part of the rights table and hostile OCI requests, through a real Envoy with the real plugin to a real
//! registry: scored at the tags behind the gate.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::expect_used,
    reason = "a failing test panics, and says so"
)]

mod hostile;
mod raw;
mod skopeo;
mod stage;
