//! Git over HTTP: reading is one call on the repository, a push is one call for each ref that it changes.
//!
//! What is not on the wire cannot be decided: whether an update is a fast-forward, and which files it touches. An
//! approval, or a rule of the server itself, stands in for that.

mod calls;
mod capabilities;
mod catalog;
#[cfg(test)]
mod fixture;
pub mod pkt_line;
mod receive_pack;
mod refname;
mod route;
pub mod vocabulary;

pub use self::{
    catalog::{Catalog, RawCatalog},
    receive_pack::{MAX_COMMANDS, MAX_PREFIX_BYTES, PushClient, PushReader},
    refname::RefKind,
    route::{Endpoint, GitRoute},
};
