//! Actgate as an Envoy filter: proxy-wasm callbacks on one side, the sans-I/O gate of `actgate-authz` on the other.

#![expect(missing_docs, reason = "the SDK's macro makes an entry point that cannot be documented")]

mod answer;
mod cryptography;
mod delivery;
mod host;
mod http;
mod ids;
mod keys;
mod memory;
mod metrics;
mod outcome;
mod proofs;
mod room;
mod root;
mod sessions;
#[cfg(feature = "trap")]
mod trap;

use proxy_wasm::types::LogLevel;
#[cfg(target_family = "wasm")]
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

/// A request allocates a hundred times and more, in a module that has one thread.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
