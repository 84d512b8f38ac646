//! Cases: a file says what a client sends and with which token, and what must become of it; an engine plays it.
//!
//! The same files run through the gate alone ([`Native`]), through the plugin in the wasmtime host ([`Wasm`]) and
//! through a real Envoy, and all have to give the answer that the file asks for. `docs/cases.md` explains the format.

mod compare;
mod engine;
mod file;
mod format;
mod native;
mod pack;
mod play;
mod push;
mod setup;
mod wasm;

pub use compare::{Mismatch, disagreements};
pub use engine::{Engine, EngineError, Exchange, Outcome, Seen};
pub use file::{Case, Origin, Step};
pub use format::{
    Act, Events, Expectation, Fields, Offset, RefChange, Request, SeenRequest, TokenPlan, Upstream,
    UpstreamSaw, Verdict,
};
pub use native::Native;
pub use play::{Played, play};
pub use setup::Setup;
pub use wasm::Wasm;
