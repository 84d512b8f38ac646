//! What is asked: a request becomes tool calls.
//!
//! ```text
//! RequestHead::parse -> Services::select -> Adapter::route -> Route::body_need -> Route::extract -> ToolCalls
//! ```
//!
//! Everything here reads bytes of an attacker. A request that two readers could understand differently is refused,
//! never repaired: what was decided on is what goes upstream, byte for byte.

pub mod adapter;
pub mod catalog;
mod content;
pub mod envelope;
pub mod error;
mod escape;
#[cfg(test)]
mod fixture;
pub mod form;
pub mod git;
pub mod head;
pub mod json;
pub mod mcp;
pub mod path;
pub mod query;
pub mod rest;
pub mod service;
pub mod shape;
pub mod tool_call;

pub use adapter::{Adapter, BodyNeed, Route};
pub use envelope::{CallDigest, Envelope};
pub use error::CallError;
pub use head::RequestHead;
pub use path::CanonicalPath;
pub use query::Query;
pub use service::{Service, Services, ServicesError};
pub use tool_call::{Attribute, Effect, Entity, ToolCall, ToolCalls};
