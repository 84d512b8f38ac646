//! Cases: a file says what a client sends and with which token, and what must become of it; an engine plays it.
//!
//! The same files run through the gate alone ([`Native`]), through the plugin in the wasmtime host ([`Wasm`]) and
//! through a real Envoy, and all have to give the answer that the file asks for. `docs/cases.md` explains the format.

mod answering;
mod compare;
mod engine;
mod file;
mod files;
mod format;
mod memory;
mod native;
mod observing;
mod pack;
mod play;
mod possession;
mod push;
mod question;
mod report;
mod run;
mod setup;
mod suite;
mod wasm;

pub use compare::{Mismatch, disagreements};
pub use engine::{Engine, EngineError, Exchange, Outcome, Seen};
pub use file::{Case, Origin, Step};
pub use files::{CaseFile, cases_in, find_cases};
pub use format::{
    Act, DpopPlan, Events, Expectation, Fields, Offset, RefChange, Request, SeenRequest, TokenPlan, Upstream,
    UpstreamSaw, Verdict,
};
pub use native::Native;
pub use observing::{Looker, Observing};
pub use play::{Interruption, Played, play};
pub(crate) use push::{CONTENT_TYPE as PUSH_TYPE, body as push_body};
pub use question::{Question, moment};
pub use report::{write_failures, write_json, write_junit, write_summary};
pub use run::{CaseReport, NamedCase, Progress, Report, read_cases, run};
pub use setup::Setup;
pub(crate) use setup::with_sessions;
pub use suite::{Engines, Failure, Suite};
pub use wasm::Wasm;
