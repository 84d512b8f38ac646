//! Probe filters: the same wasm in the wasmtime host and in a real Envoy, and what can be seen of it from outside.

pub mod client;
pub mod envoy;
pub mod module;
pub mod scenario;
pub mod simulated;
