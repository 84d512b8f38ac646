//! The services of `actgate.yaml`, and which of them the requests of an Envoy route are for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::{Document, Place};

/// A service, as far as Envoy is concerned.
#[derive(Debug, Clone)]
pub(super) struct Service<'a> {
    pub(super) name: &'a str,
    pub(super) observe: bool,
    pub(super) strip_prefix: bool,
    /// Whether its pushes are held while somebody is asked for approval.
    pub(super) holds_pushes: bool,
    /// Where the configuration says its name.
    pub(super) place: Place<'a>,
    host: Option<&'a str>,
    /// Without its trailing slash: prefixes end on a segment.
    prefix: &'a str,
}

/// All services, and those that some route leads to.
#[derive(Debug)]
pub(super) struct Services<'a> {
    services: Vec<Service<'a>>,
    served: BTreeSet<&'a str>,
}

/// The paths of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paths<'a> {
    /// All that begin so, in the middle of a segment too.
    Prefix(&'a str),
    /// This one.
    Exact(&'a str),
    /// This one and all below it.
    Segments(&'a str),
}

// === impl Services ===

impl<'a> Services<'a> {
    pub(super) fn of(config: &'a Document) -> Self {
        let root = config.root();
        let asks = root.member("approvals").is_some_and(|approvals| approvals.member("control").is_some());
        let list = root.member("services");
        let services =
            list.iter().flat_map(Place::items).filter_map(|place| Service::read(&place, asks)).collect();
        Self { services, served: BTreeSet::new() }
    }

    /// The service that the gate selects for what such a route gets (the rule of `actgate_call::Services`:
    /// host with port, host, any; then the longest prefix), noted as served.
    pub(super) fn serve(&mut self, domain: &str, paths: Paths<'_>) -> Option<Service<'a>> {
        let covering = self.services.iter().filter(|service| service.covers(paths));
        let chosen = covering
            .filter_map(|service| Some((service.host_rank(domain)?, service.prefix.len(), service)))
            .max_by_key(|(rank, length, _)| (*rank, *length))
            .map(|(_, _, service)| service.clone())?;
        self.served.insert(chosen.name);
        Some(chosen)
    }

    /// A service below the paths of a route that is too wide for it.
    pub(super) fn below(&self, paths: Paths<'_>) -> Option<&Service<'a>> {
        let wide = paths.text();
        self.services
            .iter()
            .find(|service| service.prefix.starts_with(wide.strip_suffix('/').unwrap_or(wide)))
    }

    pub(super) fn unserved(&self) -> impl Iterator<Item = &Service<'a>> {
        self.services.iter().filter(|service| !self.served.contains(service.name))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.services.iter().map(|service| service.name)
    }
}

// === impl Service ===

impl<'a> Service<'a> {
    fn read(place: &Place<'a>, asks: bool) -> Option<Self> {
        let member = |name: &str| place.member(name);
        let prefix = member("prefix")?.as_str()?;
        let name = member("name")?;
        Some(Self {
            name: name.as_str()?,
            observe: member("mode").and_then(|mode| mode.as_str()) == Some("observe"),
            strip_prefix: member("strip_prefix").is_some_and(|strip| strip.value() == &Value::Bool(true)),
            holds_pushes: asks && member("adapter").and_then(|adapter| adapter.as_str()) == Some("git"),
            place: name,
            host: member("host").and_then(|host| host.as_str()),
            prefix: prefix.strip_suffix('/').unwrap_or(prefix),
        })
    }

    /// What a route of these paths must put in place of its match, where the service's prefix is stripped;
    /// none where the match does not end on a segment, so that no replacement is right.
    pub(super) fn stripped<'p>(&self, paths: Paths<'p>) -> Option<&'p str> {
        let rest = paths.text().strip_prefix(self.prefix)?;
        let ends_on_segment = match paths {
            Paths::Prefix(_) | Paths::Exact(_) => rest.starts_with('/'),
            Paths::Segments(_) => false,
        };
        ends_on_segment.then_some(rest)
    }

    /// The prefix as configured: always with its slash.
    pub(super) fn shown_prefix(&self) -> String {
        format!("{}/", self.prefix)
    }

    fn covers(&self, paths: Paths<'_>) -> bool {
        let rest = paths.text().strip_prefix(self.prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// How particularly the service's host meets an Envoy domain; none if it does not.
    fn host_rank(&self, domain: &str) -> Option<u8> {
        let Some(host) = self.host else { return Some(1) };
        let bare =
            |name: &str| name.rsplit_once(':').map_or_else(|| name.to_owned(), |(host, _)| host.to_owned());
        if host.eq_ignore_ascii_case(domain) {
            return Some(3);
        }
        if host.eq_ignore_ascii_case(&bare(domain)) {
            return Some(2);
        }
        // A wildcard gets the hosts that it matches beside others; a service of any host is meant first.
        let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
        let matches = match (domain.strip_prefix('*'), domain.strip_suffix('*')) {
            (Some(end), _) => host.ends_with(end) || bare(&host).ends_with(end),
            (None, Some(start)) => host.starts_with(start),
            (None, None) => false,
        };
        matches.then_some(0)
    }
}

// === impl Paths ===

impl<'a> Paths<'a> {
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Prefix(text) | Self::Exact(text) | Self::Segments(text) => text,
        }
    }
}
