//! Requests and catalogs for tests.

use serde_json::Value;

use crate::{
    CallError, RequestHead, Route, ToolCalls,
    adapter::Adapter,
    catalog::{Catalog, CatalogFault, Limits, RawCatalog},
    service::{Service, Services},
};

/// A request with the pseudo-headers that every request has.
pub(crate) struct Request {
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let headers =
            [(":method", method), (":scheme", "https"), (":authority", "tools.example"), (":path", target)];
        Self {
            headers: headers
                .iter()
                .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
                .collect(),
        }
    }

    pub(crate) fn with(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name.as_bytes());
        self
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&RequestHead<'_>) -> T) -> Result<T, CallError> {
        let pairs: Vec<(&[u8], &[u8])> =
            self.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        RequestHead::parse(&pairs).map(|head| read(&head))
    }

    /// The code of the refusal of the head alone, or `ok`.
    pub(crate) fn code(&self) -> &'static str {
        self.read(|_| ()).map_or_else(|error| error.code(), |()| "ok")
    }

    /// Selects, routes and extracts as the gate does.
    pub(crate) fn calls(&self, services: &Services, body: &[u8]) -> Result<ToolCalls, CallError> {
        self.route(services)?.extract(body)
    }

    pub(crate) fn route(&self, services: &Services) -> Result<Route, CallError> {
        self.read(|head| {
            let service = services.select(head)?;
            service.adapter.route(head, service)
        })?
    }
}

pub(crate) fn catalog(document: Value) -> Result<Catalog, Vec<CatalogFault>> {
    let raw: RawCatalog = serde_json::from_value(document).unwrap();
    Catalog::try_from(raw, Limits::default())
}

/// A service without a host.
pub(crate) fn service(name: &str, prefix: &str, document: Value) -> Service {
    Service {
        name: name.to_owned(),
        host: None,
        prefix: prefix.to_owned(),
        token_header: None,
        adapter: Adapter::Rest(catalog(document).unwrap()),
    }
}

/// A catalog of plain routes: method and path, each an action of its own.
pub(crate) fn plain(routes: &[(&str, &str)]) -> Value {
    let routes: Vec<Value> = routes
        .iter()
        .map(|(method, path)| {
            serde_json::json!({
                "method": method, "path": path, "action": "act", "effect": "read",
                "resource": { "type": "Thing", "id": "it" },
            })
        })
        .collect();
    serde_json::json!({ "service": "tools", "routes": routes })
}
