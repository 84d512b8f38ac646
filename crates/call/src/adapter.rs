//! The protocols that are understood: each turns a request into tool calls.

use crate::{
    error::CallError,
    git::{self, GitRoute, PushReader},
    head::RequestHead,
    mcp::{self, McpRoute},
    rest::{self, RestRoute},
    service::Service,
    tool_call::ToolCalls,
};

/// How the requests of a service are read. A closed set: a new protocol makes the compiler list the places to think.
#[derive(Debug, Clone)]
pub enum Adapter {
    /// A REST-like API, described by a catalog.
    Rest(rest::Catalog),
    /// Git over HTTP.
    Git(git::Catalog),
    /// MCP over Streamable HTTP.
    Mcp(mcp::Catalog),
}

/// What is known of a request from its head alone. It owns what it needs, so that it outlives the head while a body
/// arrives.
#[derive(Debug, Clone)]
pub enum Route {
    /// A route of a REST catalog.
    Rest(RestRoute),
    /// An endpoint of a repository.
    Git(GitRoute),
    /// The endpoint of an MCP server.
    Mcp(McpRoute),
}

/// How much of the body is needed to know the tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyNeed {
    /// There is no body: any byte of one is [`CallError::BodyNotAllowed`].
    None,
    /// The body says nothing about the call and streams through.
    Ignore,
    /// The beginning of the body is needed, at most so many bytes of it; the rest streams through.
    Prefix {
        /// The most that is read.
        max: usize,
    },
    /// The whole body is needed, at most so many bytes.
    Whole {
        /// The most that is read.
        max: usize,
    },
}

// === impl Adapter ===

impl Adapter {
    /// Finds what a request means, as far as its head says.
    ///
    /// # Errors
    /// Every request that the service's description does not know, exactly.
    pub fn route(&self, head: &RequestHead<'_>, service: &Service) -> Result<Route, CallError> {
        // INVARIANT: an adapter refuses an escaped slash (`CanonicalPath::has_escaped_slash`) in every segment for
        // which its description does not ask for one.
        match self {
            Self::Rest(catalog) => catalog.route(head, service).map(Route::Rest),
            Self::Git(catalog) => catalog.route(head, service).map(Route::Git),
            Self::Mcp(catalog) => catalog.route(head, service).map(Route::Mcp),
        }
    }

    /// How many kinds of requests it knows.
    pub fn route_count(&self) -> usize {
        match self {
            Self::Rest(catalog) => catalog.routes().count(),
            Self::Git(_) => git::Endpoint::ALL.len(),
            Self::Mcp(catalog) => catalog.route_count(),
        }
    }

    /// The actions whose attempts are stored before they go on.
    pub fn durable_actions(&self) -> Vec<std::sync::Arc<str>> {
        match self {
            Self::Rest(catalog) => catalog
                .routes()
                .filter(|rule| rule.durable)
                .flat_map(|rule| {
                    rule.calls().map(|call| std::sync::Arc::clone(call.action)).collect::<Vec<_>>()
                })
                .collect(),
            Self::Mcp(catalog) => catalog
                .rules()
                .filter(|(_, rule)| rule.durable)
                .map(|(_, rule)| std::sync::Arc::clone(&rule.action))
                .collect(),
            Self::Git(_) => Vec::new(),
        }
    }

    /// Whether the header `name` has another use here than to carry the caller's token: it is refused, or its value is
    /// an argument, which would show the token to policies and the ledger.
    pub(crate) fn uses_header(&self, name: &str) -> bool {
        match self {
            Self::Rest(catalog) => catalog.uses_header(name),
            Self::Git(catalog) => catalog.uses_header(name),
            Self::Mcp(catalog) => catalog.uses_header(name),
        }
    }
}

// === impl Route ===

impl Route {
    /// How much of the body is needed.
    pub fn body_need(&self) -> BodyNeed {
        match self {
            Self::Rest(route) => route.body_need(),
            Self::Git(route) => route.body_need(),
            Self::Mcp(route) => route.body_need(),
        }
    }

    /// The tool calls, given as much of the body as [`Route::body_need`] asks for (nothing for
    /// [`BodyNeed::Ignore`]).
    ///
    /// # Errors
    /// A body that is not what the route says.
    pub fn extract(&self, body: &[u8]) -> Result<ToolCalls, CallError> {
        match self {
            Self::Rest(route) => route.extract(body),
            Self::Git(route) => route.extract(body),
            Self::Mcp(route) => route.read_body(body).calls,
        }
    }

    /// What reads the body as it arrives, where its beginning decides ([`BodyNeed::Prefix`]). A route without one is
    /// given its whole body.
    pub fn prefix_reader(&self) -> Option<PushReader> {
        match self {
            Self::Rest(_) | Self::Mcp(_) => None,
            Self::Git(route) => route.reader(),
        }
    }
}
