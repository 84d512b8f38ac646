//! What is measured: filter chains, and requests to them.

use crate::error::BenchError;
use crate::tokens::Signer;

/// A filter chain, on a listener of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Chain {
    /// Nothing but the router.
    Router,
    /// The same once more, for the noise.
    RouterAgain,
    /// A proxy-wasm filter that does nothing.
    WasmNoop,
    /// A proxy-wasm filter that makes the plugin's hostcalls, and the sentinel.
    WasmHostcalls,
    /// Envoy's own `jwt_authn` and `rbac`.
    Jwt,
    /// The same with `jwt_cache_config`.
    JwtCached,
    /// The plugin and the sentinel.
    Actgate,
    /// The same with the ledger.
    ActgateLedger,
    /// The same, with records sent to a service too.
    ActgateBuffered,
    /// The same, with each attempt stored by it first.
    ActgateDurable,
    /// The router before a real upstream.
    Upstream,
    /// The plugin and the sentinel before a real upstream.
    ActgateUpstream,
    /// The router before an MCP server's place.
    McpRouter,
    /// Envoy's own `mcp` and `rbac` before it.
    McpNative,
    /// The plugin and the sentinel before it.
    McpActgate,
}

/// What is asked of a chain, and what must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// A secret that may be read, with one token all the time.
    Permitted,
    /// The same, with a token that was not seen before.
    PermittedFresh,
    /// A secret that nobody may read.
    Denied,
    /// A secret that wants an approval.
    Held,
    /// Without a token.
    Anonymous,
    /// A call of a tool that may be called, of 1 KiB.
    ToolPermitted,
    /// The same of a tool that may not.
    ToolDenied,
}

/// One chain under one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) chain: Chain,
    pub(crate) asks: Asks,
    /// The variant that it is held against.
    pub(crate) baseline: &'static str,
}

/// Two variants whose difference says something, and what the design allows it to be, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) variant: &'static str,
    pub(crate) baseline: &'static str,
    pub(crate) says: &'static str,
    pub(crate) budget: Option<f64>,
}

/// What everything is held against.
pub(crate) const BASELINE: &str = "router";
/// Whose difference from it is nothing but noise.
pub(crate) const NOISE: &str = "router-again";

/// A request with a fresh token has to miss a cache that keeps the 1024 tokens used last.
const FRESH_TOKENS: usize = 4096;

const fn variant(
    name: &'static str,
    chain: Chain,
    asks: Asks,
    baseline: &'static str,
    about: &'static str,
) -> Variant {
    Variant { name, about, chain, asks, baseline }
}

/// All of them.
pub(crate) const VARIANTS: [Variant; 20] = [
    variant("router", Chain::Router, Asks::Permitted, BASELINE, "the router alone"),
    variant("router-again", Chain::RouterAgain, Asks::Permitted, BASELINE, "the same: noise"),
    variant("wasm-noop", Chain::WasmNoop, Asks::Permitted, BASELINE, "an empty wasm filter"),
    variant(
        "wasm-hostcalls",
        Chain::WasmHostcalls,
        Asks::Permitted,
        BASELINE,
        "the plugin's hostcalls without the plugin, and the sentinel",
    ),
    variant("jwt", Chain::Jwt, Asks::Permitted, BASELINE, "jwt_authn ES256, no cache, and rbac"),
    variant("jwt-cached", Chain::JwtCached, Asks::Permitted, BASELINE, "jwt_authn with its cache, and rbac"),
    variant("allow", Chain::Actgate, Asks::Permitted, BASELINE, "actgate: permitted, token known"),
    variant("deny", Chain::Actgate, Asks::Denied, BASELINE, "actgate: denied by policy"),
    variant("hold", Chain::Actgate, Asks::Held, BASELINE, "actgate: approval required"),
    variant("no-token", Chain::Actgate, Asks::Anonymous, BASELINE, "actgate: no token"),
    variant("cold", Chain::Actgate, Asks::PermittedFresh, BASELINE, "actgate: a new ES256 token every time"),
    variant("ledger", Chain::ActgateLedger, Asks::Permitted, BASELINE, "actgate: permitted, with the ledger"),
    variant(
        "buffered",
        Chain::ActgateBuffered,
        Asks::Permitted,
        BASELINE,
        "actgate: permitted, with the ledger, sent in batches",
    ),
    variant(
        "durable",
        Chain::ActgateDurable,
        Asks::Permitted,
        BASELINE,
        "actgate: permitted, stored by the ledger's service first",
    ),
    variant("upstream", Chain::Upstream, Asks::Permitted, BASELINE, "the router before a real upstream"),
    variant(
        "upstream-allow",
        Chain::ActgateUpstream,
        Asks::Permitted,
        "upstream",
        "actgate before a real upstream",
    ),
    variant(
        "mcp-router",
        Chain::McpRouter,
        Asks::ToolPermitted,
        BASELINE,
        "a tool call of 1 KiB: the router",
    ),
    variant(
        "mcp-native",
        Chain::McpNative,
        Asks::ToolPermitted,
        "mcp-router",
        "the same: Envoy's mcp and rbac",
    ),
    variant(
        "mcp-allow",
        Chain::McpActgate,
        Asks::ToolPermitted,
        "mcp-router",
        "the same: actgate, permitted",
    ),
    variant(
        "mcp-deny",
        Chain::McpActgate,
        Asks::ToolDenied,
        "mcp-router",
        "the same: actgate, denied by policy",
    ),
];

const fn compare(
    variant: &'static str,
    baseline: &'static str,
    says: &'static str,
    budget: Option<f64>,
) -> Comparison {
    Comparison { variant, baseline, says, budget }
}

/// The budget of docs/performance.md, and the differences that explain where the time goes.
pub(crate) const COMPARISONS: [Comparison; 12] = [
    compare("allow", BASELINE, "a warm permitted call adds at most 10 us", Some(10.0)),
    compare("cold", BASELINE, "a new ES256 token adds at most 100 us", Some(100.0)),
    compare("allow", "jwt", "never slower than jwt_authn without its cache", Some(0.0)),
    compare("deny", "allow", "a denial is no dearer than a permit", Some(0.0)),
    compare("allow", "jwt-cached", "against jwt_authn with its cache", None),
    compare("allow", "wasm-hostcalls", "the plugin's own work", None),
    compare("wasm-hostcalls", "wasm-noop", "its hostcalls and the sentinel", None),
    compare("ledger", "allow", "the ledger", None),
    compare("buffered", "ledger", "sending its records in batches", None),
    compare("durable", "buffered", "storing an attempt first", None),
    compare("mcp-allow", "mcp-router", "a warm tool call of 1 KiB adds at most 20 us", Some(20.0)),
    compare("mcp-allow", "mcp-native", "against Envoy's mcp and rbac, which know no caller", None),
];

// === impl Variant ===

impl Variant {
    /// The status of every answer.
    pub(crate) fn status(&self) -> u16 {
        match self.asks {
            // A tool that is refused has a result that says so.
            Asks::Permitted | Asks::PermittedFresh | Asks::ToolPermitted | Asks::ToolDenied => 200,
            Asks::Denied | Asks::Held => 403,
            Asks::Anonymous => 401,
        }
    }

    /// How many requests make a block where `warm` do for a cheap variant: a signature takes as long as ten others.
    pub(crate) fn block(&self, warm: usize) -> usize {
        match (self.asks, self.chain) {
            (Asks::PermittedFresh, _) => warm.div_ceil(8),
            _ => warm,
        }
    }

    /// The requests that go round.
    pub(crate) fn requests(&self, signer: &Signer, warm: &str) -> Result<Vec<Vec<u8>>, BenchError> {
        let (path, token) = match self.asks {
            Asks::Permitted | Asks::PermittedFresh => (PERMITTED_PATH, Some(warm)),
            Asks::Denied => ("/secrets/v1/kv/other/db", Some(warm)),
            Asks::Held => ("/secrets/v1/kv/prod/db", Some(warm)),
            Asks::Anonymous => (PERMITTED_PATH, None),
            Asks::ToolPermitted => return Ok(vec![tool_call(PERMITTED_TOOL, warm)]),
            Asks::ToolDenied => return Ok(vec![tool_call(DENIED_TOOL, warm)]),
        };
        if self.asks != Asks::PermittedFresh {
            return Ok(vec![request(path, token)]);
        }
        (0..FRESH_TOKENS).map(|_| Ok(request(path, Some(&signer.mint()?)))).collect()
    }
}

/// The path of what alice may read through the coder.
const PERMITTED_PATH: &str = "/secrets/v1/kv/dev/db";

/// A request as an agent's HTTP client sends it.
pub(crate) fn request(path: &str, token: Option<&str>) -> Vec<u8> {
    let mut text = format!(
        "GET {path} HTTP/1.1\r\nhost: gateway.example\r\nuser-agent: agent/1.0\r\naccept: */*\r\n\
         accept-encoding: gzip, deflate\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    );
    if let Some(token) = token {
        text.push_str("authorization: Bearer ");
        text.push_str(token);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A tool that alice may call through the coder.
pub(crate) const PERMITTED_TOOL: &str = "write_file";
/// One that nobody may call.
pub(crate) const DENIED_TOOL: &str = "delete_file";

/// The size of a message, without its head.
const MESSAGE_BYTES: usize = 1024;

/// A tool call as an MCP client of a version with sessions sends it.
pub(crate) fn tool_call(tool: &str, token: &str) -> Vec<u8> {
    let message = |content: &str| {
        let content =
            if tool == PERMITTED_TOOL { format!(r#","content":"{content}""#) } else { String::new() };
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"_meta":{{"progressToken":7}},"name":"{tool}","arguments":{{"path":"drafts/notes.md"{content}}}}}}}"#
        )
    };
    let room = MESSAGE_BYTES.saturating_sub(message("").len());
    // White space where there is no content: a call that is denied is no shorter.
    let body = format!("{:MESSAGE_BYTES$}", message(&"x".repeat(room)));
    let mut bytes = format!(
        "POST {MCP_PATH} HTTP/1.1\r\nhost: gateway.example\r\nuser-agent: agent/1.0\r\n\
         accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         accept-encoding: gzip, deflate\r\nmcp-protocol-version: 2025-11-25\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend(body.into_bytes());
    bytes
}

/// The endpoint of the demo's MCP server.
const MCP_PATH: &str = "/mcp";

/// The request of [`Asks::Permitted`].
pub(crate) fn permitted(token: &str) -> Vec<u8> {
    request(PERMITTED_PATH, Some(token))
}

// === impl Chain ===

impl Chain {
    /// All of them.
    pub(crate) const ALL: [Self; 15] = [
        Self::Router,
        Self::RouterAgain,
        Self::WasmNoop,
        Self::WasmHostcalls,
        Self::Jwt,
        Self::JwtCached,
        Self::Actgate,
        Self::ActgateLedger,
        Self::ActgateBuffered,
        Self::ActgateDurable,
        Self::Upstream,
        Self::ActgateUpstream,
        Self::McpRouter,
        Self::McpNative,
        Self::McpActgate,
    ];

    /// Whether it serves tools.
    pub(crate) const fn speaks_mcp(self) -> bool {
        matches!(self, Self::McpRouter | Self::McpNative | Self::McpActgate)
    }

    /// A request that it lets through.
    pub(crate) fn probe(self, token: &str) -> Vec<u8> {
        if self.speaks_mcp() { tool_call(PERMITTED_TOOL, token) } else { permitted(token) }
    }

    /// The name of its listener.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::RouterAgain => "router-again",
            Self::WasmNoop => "wasm-noop",
            Self::WasmHostcalls => "wasm-hostcalls",
            Self::Jwt => "jwt",
            Self::JwtCached => "jwt-cached",
            Self::Actgate => "actgate",
            Self::ActgateLedger => "actgate-ledger",
            Self::ActgateBuffered => "actgate-buffered",
            Self::ActgateDurable => "actgate-durable",
            Self::Upstream => "upstream",
            Self::ActgateUpstream => "actgate-upstream",
            Self::McpRouter => "mcp-router",
            Self::McpNative => "mcp-native",
            Self::McpActgate => "mcp-actgate",
        }
    }
}
