//! A header map as Envoy keeps one.

use super::pairs::Pair;

/// Header fields in order, names in lower case, pseudo-headers first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Pair>);

/// Which part of a message fields are of: that decides which of them Envoy has one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The head of a request.
    Request,
    /// The head of a response.
    Response,
    /// The trailers of a request.
    RequestTrailers,
    /// The trailers of a response.
    ResponseTrailers,
}

/// Fields of a request of which Envoy keeps one, joining what is added to it: the O(1) headers of
/// `envoy/http/header_map.h` and those that its extensions register.
const REQUEST: [&str; 34] = [
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "proxy-connection",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// The same of a response.
const RESPONSE: [&str; 29] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-connection",
    "proxy-status",
    "server",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "x-envoy-upstream-service-time",
    "x-request-id",
];

/// The same of the trailers of a response. Those of a request have none.
const RESPONSE_TRAILERS: [&str; 2] = ["grpc-message", "grpc-status"];

// === impl Headers ===

impl Headers {
    /// Fields as they are, in this order.
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let fields = fields.into_iter();
        Self(fields.map(|(name, value)| (lower(name.as_ref()), value.as_ref().to_vec())).collect())
    }

    /// Fields as a codec collects them from the wire.
    pub fn received<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        section: Section,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut headers = Self::default();
        for (name, value) in fields {
            headers.add(section, name.as_ref(), value.as_ref());
        }
        headers
    }

    /// The fields.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first value of a name.
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        let name = lower(name);
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The first value of a name, where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.first(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value of a name, joined by commas, as properties show it.
    pub fn joined(&self, name: &[u8]) -> Option<Vec<u8>> {
        let name = lower(name);
        let values: Vec<&[u8]> =
            self.iter().filter(|(own, _)| *own == name).map(|(_, value)| value).collect();
        if values.is_empty() { None } else { Some(values.join(&b","[..])) }
    }

    /// Adds a field; to one of which there is only one, the value.
    pub fn add(&mut self, section: Section, name: &[u8], value: &[u8]) {
        let name = lower(name);
        if section.joins(&name)
            && let Some((_, own)) = self.0.iter_mut().find(|(own, _)| *own == name)
        {
            if !own.is_empty() && !value.is_empty() {
                own.push(b',');
            }
            own.extend_from_slice(value);
            return;
        }
        self.insert(name, value);
    }

    /// Sets a field to one value.
    pub fn replace(&mut self, name: &[u8], value: &[u8]) {
        let name = lower(name);
        self.0.retain(|(own, _)| *own != name);
        self.insert(name, value);
    }

    /// Removes every field of a name.
    pub fn remove(&mut self, name: &[u8]) {
        let name = lower(name);
        self.0.retain(|(own, _)| *own != name);
    }

    /// Takes the place of everything.
    pub(super) fn assign(&mut self, section: Section, pairs: &[Pair]) {
        self.0.clear();
        for (name, value) in pairs {
            self.add(section, name, value);
        }
    }

    fn insert(&mut self, name: Vec<u8>, value: &[u8]) {
        // Pseudo-headers come before all others.
        let place = if name.starts_with(b":") {
            self.0.iter().position(|(own, _)| !own.starts_with(b":")).unwrap_or(self.0.len())
        } else {
            self.0.len()
        };
        self.0.insert(place, (name, value.to_vec()));
    }
}

// === impl Section ===

impl Section {
    fn joins(self, name: &[u8]) -> bool {
        let single: &[&str] = match self {
            Self::Request => &REQUEST,
            Self::Response => &RESPONSE,
            Self::RequestTrailers => &[],
            Self::ResponseTrailers => &RESPONSE_TRAILERS,
        };
        name.starts_with(b":") || single.iter().any(|own| own.as_bytes() == name)
    }
}

fn lower(name: &[u8]) -> Vec<u8> {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
