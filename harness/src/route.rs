//! Services as the proxy in front of them knows them, and the sentinel that stands before each.

use serde_json::Value;

use crate::host::{Headers, LocalReply, StreamInfo};

/// A service, as the proxy in front of it has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub service: String,
    /// Its host; any where absent.
    pub host: Option<String>,
    /// The prefix under which it is reached.
    pub prefix: String,
    /// Whether the upstream is to see paths without the prefix.
    pub strip_prefix: bool,
    /// Whether it is git's own protocol, which has its own words for a refusal.
    pub speaks_git: bool,
    /// Whether it is MCP, which has its own words for a refusal, and whose endpoint is the prefix itself.
    pub speaks_mcp: bool,
    /// Whether its denials are only observed.
    pub observed: bool,
    /// Whether the upstream is to see the caller's token.
    pub forwards_credential: bool,
}

/// The filter state that the plugin's word is in.
const MARKER: &[u8] = b"wasm.actgate";

/// The services of a configuration.
pub fn read(config: &Value) -> Vec<Route> {
    let services = config.get("services").and_then(Value::as_array);
    services.into_iter().flatten().filter_map(Route::read).collect()
}

/// The service that a path belongs to, as Envoy's routes find it: the longest prefix of a fitting host.
pub fn find<'r>(routes: &'r [Route], host: &str, path: &str) -> Option<&'r Route> {
    let fits = |route: &&Route| {
        route.host.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(host)) && route.covers(path)
    };
    routes.iter().filter(fits).max_by_key(|route| (route.host.is_some(), route.prefix.len()))
}

/// The route of a head that the plugin let go; the sentinel's or the router's own answer otherwise.
///
/// # Errors
/// That answer.
pub fn admit<'r>(routes: &'r [Route], head: &Headers, info: &StreamInfo) -> Result<&'r Route, LocalReply> {
    let (host, path) = (head.text(":authority").unwrap_or_default(), head.text(":path").unwrap_or_default());
    let route = find(routes, host, path).ok_or_else(|| LocalReply::new(404, "route_not_found", ""))?;
    let marker = info.filter_state.get(MARKER).map(Vec::as_slice).unwrap_or_default();
    if route.admits(marker) {
        return Ok(route);
    }
    Err(LocalReply::new(403, "rbac_access_denied_matched_policy[none]", "RBAC: access denied"))
}

// === impl Route ===

impl Route {
    fn read(service: &Value) -> Option<Self> {
        let text = |name: &str| service.get(name).and_then(Value::as_str).map(str::to_owned);
        let truth = |name: &str| service.get(name).and_then(Value::as_bool).unwrap_or_default();
        Some(Self {
            service: text("name")?,
            host: text("host"),
            prefix: text("prefix")?,
            strip_prefix: truth("strip_prefix"),
            speaks_git: text("adapter").as_deref() == Some("git"),
            speaks_mcp: text("adapter").as_deref() == Some("mcp"),
            observed: text("mode").as_deref() == Some("observe"),
            forwards_credential: truth("forward_credential"),
        })
    }

    /// Whether a path is the prefix, without or with its slash, or below it.
    fn covers(&self, path: &str) -> bool {
        let bare = self.prefix.strip_suffix('/').unwrap_or(&self.prefix);
        let path = path.split('?').next().unwrap_or(path);
        path.strip_prefix(bare).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The path as the upstream is to see it.
    pub fn upstream_path(&self, path: &str) -> String {
        match path.strip_prefix(&self.prefix) {
            Some(rest) if self.strip_prefix => format!("/{rest}"),
            Some(_) | None => path.to_owned(),
        }
    }

    /// What the sentinel of Envoy's route demands: the plugin's word for this very service.
    fn admits(&self, marker: &[u8]) -> bool {
        let is = |word: &str| marker == format!("{word}:{}", self.service).as_bytes();
        is("permit") || (self.observed && is("observe"))
    }
}

#[cfg(test)]
mod tests;
