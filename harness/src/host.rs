//! A host of the proxy-wasm ABI 0.2.1 that behaves as Envoy does wherever a filter can tell.
//!
//! A [`Module`] is compiled once; a [`Vm`] is one instance of it with a plugin's configuration, as one Envoy worker
//! has it. A request goes through it as a whole ([`Vm::exchange`]) or step by step ([`Vm::open`]). Time, randomness
//! and upstreams are given by the caller, so that the same input gives the same output; all state lives in the
//! wasmtime `Store`.
//!
//! What Envoy does was read in `source/extensions/common/wasm/context.cc`, in `filter_manager.cc` and in
//! proxy-wasm-cpp-host, and is held to it by probe filters that run here and in a real Envoy (`tests/tests/probes.rs`).
//!
//! # Step by step
//!
//! A proxy that does not have an exchange all at once drives a [`Vm`] itself. No method blocks, calls back or does
//! I/O; a VM is `Send`, serves many streams, and belongs to one of them at a time, so that a proxy keeps it behind a
//! lock or in a task of its own.
//!
//! 1. [`Vm::set_time`] before anything else: the clock stands still in between.
//! 2. [`Vm::open`] makes a stream. It also loads a VM that trapped anew, once its back-off is over.
//! 3. What comes from the client goes in: [`Vm::request_headers`], [`Vm::request_data`], [`Vm::request_trailers`]. What
//!    comes from the upstream: [`Vm::response_headers`], [`Vm::response_data`], [`Vm::response_trailers`]. The last
//!    piece of a message says so: `end` with a head or a part, or trailers, which are always the end. A proxy that
//!    learns of the end by itself, as in HTTP/1, gives an empty part with `end`.
//! 4. After *every* call, [`Vm::ready`] names the streams with something to carry on, and [`Vm::take_events`] gives it, in
//!    order. It need not be the stream that the call was about: the answer to a callout can let another one go.
//!    - `Request*` events go to the upstream, byte for byte: what was not an event may not be sent. A reply that is
//!      made behind the filter instead (no route, the sentinel, no upstream) is given back by [`Vm::reply`].
//!    - `Response*` events go to the client, local replies of the plugin among them. One that begins while the request
//!      is still under way ends the request: the upstream is to be dropped, and what else the client sends is read and
//!      thrown away, or the connection closed.
//!    - [`Event::Reset`] breaks both sides off.
//! 5. [`Vm::take_callouts`] gives the requests that the plugin makes, [`Vm::answer_callout`] takes their outcomes, at any
//!    later time. [`Callout::timeout`] is the proxy's to keep.
//! 6. A filter may hold a body back. [`Vm::takes_request_data`] and [`Vm::takes_response_data`] say whether more of it
//!    may come now; as long as they say no, the proxy does not read on, and memory does not grow.
//! 7. [`Vm::is_ended`] says that the client has everything that it will ever get. [`Vm::abort`] is for either side going
//!    away before. Both times [`Vm::close`] forgets the stream, and gives what an access log needs.
//! 8. Every [`Vm::tick_period`] milliseconds, [`Vm::tick`].
//!
//! ```no_run
//! use actgate_harness::host::{Entropy, Event, Headers, Module, ModuleOptions, Plugin, Shared, Vm};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let module = Module::read("target/actgate.wasm".as_ref(), &ModuleOptions::default())?;
//! let now = 1_800_000_000_000_000_000;
//! let mut vm = Vm::load(&module, Plugin::new("actgate", "{}"), Shared::new(), Entropy::seeded(1), now)?;
//!
//! let stream = vm.open([(&["source", "address"][..], b"127.0.0.1:4000".to_vec())]);
//! let head = Headers::new([(":method", "GET"), (":path", "/"), (":authority", "localhost"), (":scheme", "http")]);
//! vm.request_headers(stream, head, true);
//! for event in vm.take_events(stream) {
//!     match event {
//!         Event::RequestHeaders { .. } | Event::RequestData { .. } | Event::RequestTrailers(_) => {
//!             // to the upstream, whose response comes back by `vm.response_headers` and so on
//!         }
//!         Event::ResponseHeaders { .. } | Event::ResponseData { .. } | Event::ResponseTrailers(_) => {
//!             // to the client
//!         }
//!         Event::Reset => {}
//!     }
//! }
//! let info = vm.close(stream);
//! println!("{:?} {:?}", info.code, info.filter_state);
//! # Ok(())
//! # }
//! ```

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
mod trace;
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
pub use trace::{Taken, Trace};
pub use usage::Usage;
pub use vm::{Vm, VmError};
