//! What the end-to-end tests share: a real Envoy with the real plugin, and clients that send exact bytes.
//!
//! Every gateway has a state folder of its own and free ports, so that any number of tests run beside each
//! other. Tokens are minted in the test's process with a key that nobody else has.

pub mod bundle;
pub mod gateway;
pub mod h1;
pub mod h2;
pub mod ledger;
pub mod relay;
pub mod served;
pub mod setup;
pub mod template;
pub mod tls;
pub mod tokens;
pub mod upstream;
pub mod verdict;
