//! An issuer's public keys (RFC 7517 section 5): each is judged alone, so that a bad one does not spoil the set.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::algorithm::Algorithm;
use crate::json;
use crate::jwk::{SkipReason, VerifyingKey};

#[cfg(test)]
mod tests;

/// Largest JWK set that is read: 64 RSA-4096 keys with a certificate chain each fit.
const MAX_SET_BYTES: usize = 512 * 1024;

/// Most keys in a set. Public issuers publish 2 to 10 and rotate daily at most; a flood of keys would make every
/// look-up slow.
const MAX_KEYS: usize = 64;

/// The usable keys of one issuer; there is at least one.
#[derive(Clone)]
pub struct KeySet {
    keys: Arc<[VerifyingKey]>,
}

/// A JWK that was left out, so that it does not spoil the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Position in `keys`.
    pub index: usize,
    /// Its `kid`, if one could be read.
    pub key_id: Option<String>,
    /// Why.
    pub reason: SkipReason,
}

/// Why a JWK set cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Two different keys have the same `kid`.
    #[error("two different keys have the `kid` `{key_id}`")]
    DuplicateKeyId {
        /// The `kid`.
        key_id: String,
    },
    /// Not a JSON object with an array `keys`.
    #[error("not a JWK set: {problem}")]
    Malformed {
        /// What the JSON reader says.
        problem: String,
    },
    /// No key that could verify anything.
    #[error("no usable key among {} in the set", skipped.len())]
    NoUsableKey {
        /// Every key of the set and why it is of no use.
        skipped: Vec<SkippedKey>,
    },
    /// More bytes than a set may have.
    #[error("a JWK set of {bytes} bytes; at most {MAX_SET_BYTES} are read")]
    TooLarge {
        /// Size of the set.
        bytes: usize,
    },
    /// More keys than a set may have.
    #[error("a JWK set of {count} keys; at most {MAX_KEYS} are read")]
    TooManyKeys {
        /// Number of keys.
        count: usize,
    },
}

/// Why no key was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The key is there and pinned to another algorithm.
    Pinned,
    /// No such key, or no single one.
    Unknown,
}

/// The set as it is written, its keys unread: each is judged alone.
#[derive(Deserialize)]
struct RawSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

// === impl KeySet ===

impl KeySet {
    /// Reads a JWK set and says which of its keys were left out.
    pub fn parse(json: &str) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        if json.len() > MAX_SET_BYTES {
            return Err(KeySetError::TooLarge { bytes: json.len() });
        }
        let set: RawSet<'_> = serde_json::from_str(json)
            .map_err(|error| KeySetError::Malformed { problem: error.to_string() })?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys { count: set.keys.len() });
        }

        let mut keys: Vec<VerifyingKey> = Vec::with_capacity(set.keys.len());
        let mut skipped = Vec::new();
        for (index, raw) in set.keys.into_iter().enumerate() {
            let jwk = json::object(raw.get().as_bytes()).unwrap_or_default();
            let key = match VerifyingKey::parse(&jwk) {
                Ok(key) => key,
                Err(reason) => {
                    let key_id = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
                    skipped.push(SkippedKey { index, key_id, reason });
                    continue;
                }
            };
            let key_id = key.id().map(str::to_owned);
            if keys.iter().any(|other| other.id() == key.id() && other.is_same(&key)) {
                skipped.push(SkippedKey { index, key_id, reason: SkipReason::Duplicate });
                continue;
            }
            // INVARIANT: a `kid` names one key, so that who signed a token is never a matter of order.
            match key_id.filter(|id| keys.iter().any(|other| other.id() == Some(id))) {
                Some(key_id) => return Err(KeySetError::DuplicateKeyId { key_id }),
                None => keys.push(key),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey { skipped });
        }
        Ok((Self { keys: keys.into() }, skipped))
    }

    /// The usable keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// The key for a token's header, among those that are `suitable`.
    ///
    /// Without a `kid` only a lone candidate is taken: trying one key after the other would let a sender choose.
    pub(crate) fn choose(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        suitable: impl Fn(&VerifyingKey) -> bool,
    ) -> Result<&VerifyingKey, NoKey> {
        let mut candidates = self.keys.iter().filter(|key| suitable(key));
        if let Some(key_id) = key_id {
            let key = candidates.find(|key| key.id() == Some(key_id)).ok_or(NoKey::Unknown)?;
            return if key.algorithm() == algorithm { Ok(key) } else { Err(NoKey::Pinned) };
        }
        let mut candidates = candidates.filter(|key| key.algorithm() == algorithm);
        match (candidates.next(), candidates.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) | (None, _) => Err(NoKey::Unknown),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter()).finish()
    }
}

// === impl KeySetError ===

impl KeySetError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateKeyId { .. } => "key_set_duplicate_key_id",
            Self::Malformed { .. } => "key_set_malformed",
            Self::NoUsableKey { .. } => "key_set_no_usable_key",
            Self::TooLarge { .. } => "key_set_too_large",
            Self::TooManyKeys { .. } => "key_set_too_many_keys",
        }
    }
}
