//! MCP over Streamable HTTP: what a server's tools, resources and prompts are asked, decided from the message itself.
//!
//! ```text
//! Catalog::route (head) -> McpRoute::read (body) -> Message -> Mirror::check (headers) -> ToolCalls
//! ```
//!
//! Headers that repeat what the body says (`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`, `MCP-Protocol-Version`) are held
//! against it and never believed instead of it.

mod answer;
mod argument;
mod calls;
mod catalog;
mod client;
mod elicitation;
mod message;
mod method;
mod mirror;
mod pattern;
mod raw;
mod review;
mod route;
mod secret;
mod session;
mod uri;
mod version;
pub mod vocabulary;

pub use self::{
    answer::{
        AnswerError, Edited, Ending, Events, Inspection, ListKind, Listed, Scan, definition_digest, edit,
    },
    argument::{ArgumentRule, ArgumentType},
    calls::Possible,
    catalog::{Catalog, CatalogRule, Section},
    client::{Asked, Client, Page, Unsupported},
    elicitation::APPROVAL_PAGE,
    message::{MAX_BATCH, MAX_CALLS},
    raw::{RawArgument, RawArgumentType, RawCatalog, RawDrift, RawOthers, RawPath, RawResourceRule, RawRule},
    review::{Reviewed, Sighting},
    route::{MESSAGE, McpRoute, Reading, SESSION_END, STREAM},
    session::{SESSION, Session, SessionKey, SessionOwner},
    version::Version,
};

#[cfg(test)]
mod tests;
