//! The demo world: real servers behind a real Envoy, for make run, make up and the end-to-end tests.
