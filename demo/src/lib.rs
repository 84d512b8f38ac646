//! The demo world: real servers behind a real Envoy or `actgate serve`, for make run, make up and the end-to-end tests.
//!
//! Every server belongs to one stack, whose files lie in one state folder (`.run`, or a folder of its own
//! where several stacks run at once), listens on loopback only, and ends with whoever started it.
//!
//! A backend is one file like [`vault`], [`git`] or [`registry`]: it starts its server, fills it, and says what
//! Envoy's template needs to know.

pub mod actgate;
pub mod control;
pub mod envoy;
pub mod error;
pub mod gateway;
pub mod git;
pub mod http;
pub mod layout;
pub mod ledger;
pub mod mcp;
pub mod pid;
pub mod port;
pub mod recorder;
pub mod registry;
pub mod serve;
pub mod server;
pub mod session;
pub mod tool;
pub mod vault;
pub mod world;
