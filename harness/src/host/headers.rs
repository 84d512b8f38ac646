//! A header map as Envoy keeps one.

use super::pairs::Pair;

/// Header fields in order, names in lower case, pseudo-headers first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Pair>);

/// Fields of which Envoy keeps one, joining what is added to it: the O(1) headers of `envoy/http/header_map.h` and
/// those that its extensions register.
const JOINED: [&str; 26] = [
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expect",
    "grpc-message",
    "grpc-status",
    "grpc-timeout",
    "host",
    "keep-alive",
    "location",
    "proxy-connection",
    "server",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-request-id",
];

// === impl Headers ===

impl Headers {
    /// Fields as they are, in this order.
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let fields = fields.into_iter();
        Self(fields.map(|(name, value)| (lower(name.as_ref()), value.as_ref().to_vec())).collect())
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
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = lower(name);
        let single = name.starts_with(b":") || JOINED.iter().any(|joined| joined.as_bytes() == name);
        if single && let Some((_, own)) = self.0.iter_mut().find(|(own, _)| *own == name) {
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
    pub(super) fn assign(&mut self, pairs: &[Pair]) {
        self.0.clear();
        for (name, value) in pairs {
            self.add(name, value);
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

fn lower(name: &[u8]) -> Vec<u8> {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
