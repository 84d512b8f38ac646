//! Actgate as an Envoy filter: proxy-wasm callbacks on one side, the sans-I/O gate of `actgate-authz` on the other.

#![expect(missing_docs, reason = "the SDK's macro makes an entry point that cannot be documented")]

mod answer;
mod cryptography;
mod host;
mod http;
mod ids;
mod keys;
mod metrics;
mod room;
mod root;
mod sessions;
#[cfg(feature = "trap")]
mod trap;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
