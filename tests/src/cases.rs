//! Case files as tests: each one through the gate alone, and through a real Envoy.

pub mod artifact;
pub mod envoy;
pub mod routes;
pub mod suite;
