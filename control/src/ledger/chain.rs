//! The chain of one emitter's records.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Keeps these hashes apart from all others, and from those of a later recipe.
const DOMAIN: &[u8] = b"actgate-ledger/v1\0";

/// A place in a chain: the hash over everything that came before it and it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link([u8; 32]);

// === impl Link ===

impl Link {
    /// Before the first record of an emitter.
    pub fn origin(gateway: &str, emitter: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        // A NUL ends each: neither name can hold one.
        for name in [gateway, emitter] {
            hash.update(name.as_bytes());
            hash.update(b"\0");
        }
        Self(hash.finalize().into())
    }

    /// After one more record.
    #[must_use]
    pub fn next(&self, sequence: i64, digest: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.0);
        hash.update(sequence.to_be_bytes());
        hash.update(digest);
        Self(hash.finalize().into())
    }

    /// As it is stored and shown.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// A number that tells records of one time apart.
    pub fn number(&self) -> i64 {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(self.0) {
            *to = from;
        }
        i64::from_be_bytes(bytes) & i64::MAX
    }

    /// Reads what [`Link::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

/// The digest of a record: of its bytes as they came.
pub fn record_digest(record: &str) -> [u8; 32] {
    Sha256::digest(record.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_changed_left_out_or_moved_ends_elsewhere() {
        let chain = |records: &[(i64, &str)]| {
            records.iter().fold(Link::origin("gateway", "a"), |link, (sequence, record)| {
                link.next(*sequence, &record_digest(record))
            })
        };
        let whole = chain(&[(1, "x"), (2, "y"), (3, "z")]);
        for other in [
            chain(&[(1, "x"), (3, "z")]),
            chain(&[(1, "x"), (2, "y!"), (3, "z")]),
            chain(&[(1, "y"), (2, "x"), (3, "z")]),
            chain(&[(1, "x"), (2, "y"), (4, "z")]),
            chain(&[(1, "x"), (2, "y")]),
            chain(&[]),
        ] {
            assert_ne!(other, whole);
        }
        assert_ne!(Link::origin("gateway", "a"), Link::origin("gatewaya", ""));
        assert_eq!(Link::parse(&whole.text()), Some(whole));
        assert_eq!(Link::parse("short"), None);
    }
}
