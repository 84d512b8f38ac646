//! A host of the proxy-wasm ABI 0.2.1 that behaves as Envoy does wherever a filter can tell.
//!
//! A [`Module`] is compiled once; a [`Vm`] is one instance of it with a plugin's configuration, as one Envoy worker
//! has it. A request goes through it as a whole ([`Vm::exchange`]) or step by step ([`Vm::open`]). Time, randomness
//! and upstreams are given by the caller, so that the same input gives the same output; all state lives in the
//! wasmtime `Store`.
//!
//! What Envoy does was read in `source/extensions/common/wasm/context.cc`, in `filter_manager.cc` and in
//! proxy-wasm-cpp-host, and is held to it by probe filters that run here and in a real Envoy (`tests/tests/probes.rs`).

mod abi;
mod exchange;
mod foreign;
mod guest;
mod headers;
mod metrics;
mod module;
mod pairs;
mod plugin;
mod properties;
mod shared;
mod state;
mod status;
mod stream;
mod usage;
mod vm;

pub use exchange::{Answer, End, Exchange, Forwarded, Request, Response, Upstream};
pub use headers::{Headers, Section};
pub use metrics::{Metric, MetricKind};
pub use module::{Module, ModuleError, ModuleOptions};
pub use plugin::{Entropy, Plugin};
pub use shared::Shared;
pub use state::{Callout, CalloutOutcome, LogLevel, LogLine};
pub use stream::{Event, LocalReply, StreamId, StreamInfo};
pub use usage::Usage;
pub use vm::{Vm, VmError};
