//! SPIFFE IDs: refused unless they are in their one form, never normalised.

#[cfg(test)]
mod tests;

/// Longest SPIFFE ID (SPIFFE-ID section 2.3: implementations must support 2048 bytes and must not make longer).
const MAX_BYTES: usize = 2048;

/// Longest trust domain name (SPIFFE-ID section 2.3, after the host of RFC 3986).
const MAX_TRUST_DOMAIN_BYTES: usize = 255;

/// A workload's SPIFFE ID, such as `spiffe://example.org/agent/coder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiffeId<'a> {
    trust_domain: &'a str,
    path: &'a str,
}

/// Not a SPIFFE ID of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SPIFFE ID of a workload in its canonical form")]
pub struct InvalidSpiffeId;

// === impl SpiffeId ===

impl<'a> SpiffeId<'a> {
    /// Reads the ID of a workload: a trust domain and a path of at least one segment (SPIFFE-ID section 2).
    pub fn parse(id: &'a str) -> Result<Self, InvalidSpiffeId> {
        if id.len() > MAX_BYTES {
            return Err(InvalidSpiffeId);
        }
        let (trust_domain, path) =
            id.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')).ok_or(InvalidSpiffeId)?;
        if is_trust_domain(trust_domain) && path.split('/').all(is_segment) {
            Ok(Self { trust_domain, path })
        } else {
            Err(InvalidSpiffeId)
        }
    }

    /// The name of the trust domain.
    pub fn trust_domain(&self) -> &'a str {
        self.trust_domain
    }

    /// The path, without the slash it begins with.
    pub fn path(&self) -> &'a str {
        self.path
    }
}

/// The trust domain that `id` is the ID of (`spiffe://example.org`), if it is one.
pub(crate) fn trust_domain_of(id: &str) -> Option<&str> {
    id.strip_prefix("spiffe://").filter(|name| is_trust_domain(name))
}

fn is_trust_domain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_TRUST_DOMAIN_BYTES
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'))
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
