//! MCP through a real Envoy: the official SDK's client before it, a server on the same SDK behind it, and what became of
//! the server's files.
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test panics, and says so"
)]

mod client;
mod drift;
mod hostile;
mod raw;
mod stage;
mod starting_point;
mod stream;
