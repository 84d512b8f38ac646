//! The chain of one emitter's records, as docs/ledger.md defines it: computed here anew, since the service is what is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

const DOMAIN: &[u8] = b"actgate-ledger/v1\0";

/// A place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link([u8; 32]);

// === impl Link ===

impl Link {
    pub(super) fn origin(gateway: &str, emitter: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        for name in [gateway, emitter] {
            hash.update(name.as_bytes());
            hash.update(b"\0");
        }
        Self(hash.finalize().into())
    }

    pub(super) fn next(&self, sequence: i64, record: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.0);
        hash.update(sequence.to_be_bytes());
        hash.update(Sha256::digest(record.as_bytes()));
        Self(hash.finalize().into())
    }

    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}
