//! An MCP client that reads lists: in a session, or without one where the server has none.

use std::time::Duration;

use actgate_harness::starting_point::Listing;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// Somebody waits at a terminal.
const WHOLE_CALL: Duration = Duration::from_secs(15);
/// More than any list that somebody reviews.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
/// More pages than any list that somebody reviews.
const MAX_PAGES: usize = 100;

const SESSIONS: &str = "2025-06-18";
const STATELESS: &str = "2026-07-28";

/// A connection to a server.
pub(super) struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
    session: Option<String>,
    version: Option<&'static str>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(WHOLE_CALL))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build());
        let token = std::env::var("ACTGATE_MCP_TOKEN").ok();
        Self { agent: config.build().into(), url: url.to_owned(), token, session: None, version: None }
    }

    /// Everything that the server lists.
    pub(super) fn listing(mut self) -> Result<Listing, String> {
        let hello = json!({
            "protocolVersion": SESSIONS, "capabilities": {},
            "clientInfo": { "name": "actgate", "version": env!("CARGO_PKG_VERSION") },
        });
        let capabilities = match self.ask("initialize", hello) {
            Ok(answer) => {
                self.version = Some(SESSIONS);
                self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), "")?;
                answer
            }
            Err(refused) => {
                self.version = Some(STATELESS);
                self.ask("server/discover", json!({})).map_err(|_| refused)?
            }
        };
        let has =
            |name: &str| capabilities.pointer("/capabilities").is_some_and(|all| all.get(name).is_some());
        let mut listing = Listing::default();
        if has("tools") {
            listing.tools = self.pages("tools/list", "tools")?;
        }
        if has("prompts") {
            listing.prompts = self.pages("prompts/list", "prompts")?;
        }
        if has("resources") {
            listing.resources = self.pages("resources/list", "resources")?;
            // Servers without templates may not know the method.
            listing.templates =
                self.pages("resources/templates/list", "resourceTemplates").unwrap_or_default();
        }
        Ok(listing)
    }

    fn pages(&mut self, method: &str, member: &str) -> Result<Vec<Value>, String> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let mut answer = self.ask(method, params)?;
            if let Some(Value::Array(page)) = answer.get_mut(member).map(Value::take) {
                all.extend(page);
            }
            cursor = answer.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(all);
            }
        }
        Err(format!("`{method}` has more than {MAX_PAGES} pages"))
    }

    fn ask(&mut self, method: &str, mut params: Value) -> Result<Value, String> {
        if self.version == Some(STATELESS)
            && let Value::Object(params) = &mut params
        {
            params.insert(
                "_meta".to_owned(),
                json!({
                    "io.modelcontextprotocol/protocolVersion": STATELESS,
                    "io.modelcontextprotocol/clientCapabilities": {},
                }),
            );
        }
        let answer =
            self.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }), method)?;
        let message = documents(&answer)
            .find(|message| message.get("result").is_some() || message.get("error").is_some())
            .ok_or_else(|| format!("`{method}` was not answered"))?;
        match message.get("error") {
            Some(error) => Err(format!("`{method}`: {}", error.get("message").unwrap_or(error))),
            None => Ok(message.get("result").cloned().unwrap_or_default()),
        }
    }

    fn send(&mut self, message: &Value, method: &str) -> Result<String, String> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(version) = self.version {
            request = request.header("mcp-protocol-version", version);
        }
        if self.version == Some(STATELESS) {
            request = request.header("mcp-method", method);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        let mut answer = request.send(message.to_string()).map_err(|error| error.to_string())?;
        if let Some(session) = answer.headers().get("mcp-session-id").and_then(|id| id.to_str().ok()) {
            self.session = Some(session.to_owned());
        }
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let body = body.map_err(|error| error.to_string())?;
        if status.is_success() || !body.trim().is_empty() {
            Ok(body)
        } else {
            Err(format!("it answered {status}"))
        }
    }
}

/// The messages of an answer: itself, or the data of its events.
fn documents(answer: &str) -> impl Iterator<Item = Value> {
    let whole = serde_json::from_str(answer).ok();
    let events = answer.replace("\r\n", "\n");
    let of_events: Vec<Value> = events
        .split("\n\n")
        .filter_map(|event| {
            let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
            serde_json::from_str(&data.join("\n")).ok()
        })
        .collect();
    whole.into_iter().chain(of_events)
}
