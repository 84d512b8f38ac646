//! Generated exchanges through the wasmtime host and through a real Envoy with the same wasm: the client and the
//! upstream must see the same bytes.
//!
//! The host plays first. What there is to be seen after each of its moves paces the exchange in Envoy: the next piece is
//! sent when everything has arrived that the one before brings about, so that both see the same parts in the same
//! order, without any waiting for a time.

pub mod captured;
pub mod client;
pub mod envoy;
pub mod host;
pub mod live;
pub mod plan;
pub mod random;
pub mod real;
pub mod scripts;
pub mod seen;
pub mod upstream;
pub mod wire;
