//! What an issuer published, for the workers of a proxy to share.

use crate::moment::Moment;

/// A key set's text, and when it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub fetched: Moment,
    /// The text, which was a key set when it came.
    pub text: String,
}

// === impl Published ===

impl Published {
    /// Reads what another worker wrote.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (fetched, text) = bytes.split_first_chunk::<8>()?;
        let fetched = Moment::from_unix_nanos(u64::from_le_bytes(*fetched));
        Some(Self { fetched, text: str::from_utf8(text).ok()?.to_owned() })
    }

    /// Writes it for the others.
    pub fn write(&self) -> Vec<u8> {
        [&self.fetched.unix_nanos().to_le_bytes()[..], self.text.as_bytes()].concat()
    }
}
