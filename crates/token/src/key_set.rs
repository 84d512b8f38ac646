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
pub const MAX_SET_BYTES: usize = 512 * 1024;

/// Most keys in a set. Public issuers publish 2 to 10 and rotate daily at most; a flood of keys would make every
/// look-up slow.
const MAX_KEYS: usize = 64;

/// The usable keys of one issuer; there is at least one.
#[derive(Clone)]
pub struct KeySet {
    keys: Arc<[Arc<VerifyingKey>]>,
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
    /// Reads a JWK set that somebody wrote down and says which of its keys were left out. Two different keys of one
    /// `kid` are an error there, for people to clear up.
    pub fn parse(json: &str) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        Self::read(json, |key_id| Err(KeySetError::DuplicateKeyId { key_id }))
    }

    /// Reads a JWK set that an issuer publishes. There is nobody to clear anything up: keys of one `kid` are all left
    /// out, and the others count.
    pub fn parse_published(json: &str) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        Self::read(json, |_| Ok(()))
    }

    fn read(
        json: &str,
        ambiguous: impl Fn(String) -> Result<(), KeySetError>,
    ) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        if json.len() > MAX_SET_BYTES {
            return Err(KeySetError::TooLarge { bytes: json.len() });
        }
        let set: RawSet<'_> = serde_json::from_str(json)
            .map_err(|error| KeySetError::Malformed { problem: error.to_string() })?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys { count: set.keys.len() });
        }

        let mut keys: Vec<(usize, Arc<VerifyingKey>)> = Vec::with_capacity(set.keys.len());
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
            if keys.iter().any(|(_, other)| other.is_interchangeable(&key)) {
                skipped.push(SkippedKey { index, key_id, reason: SkipReason::Duplicate });
                continue;
            }
            // INVARIANT: a `kid` names one key, so that who signed a token is never a matter of order.
            let is_taken = key_id.as_ref().is_some_and(|id| {
                keys.iter().any(|(_, other)| other.id() == Some(id.as_str()))
                    || skipped.iter().any(|other: &SkippedKey| {
                        other.reason == SkipReason::Ambiguous && other.key_id.as_ref() == Some(id)
                    })
            });
            let Some(key_id) = key_id.filter(|_| is_taken) else {
                keys.push((index, Arc::new(key)));
                continue;
            };
            ambiguous(key_id.clone())?;
            let reason = SkipReason::Ambiguous;
            let others = keys.extract_if(.., |(_, other)| other.id() == Some(key_id.as_str()));
            skipped.extend(others.map(|(index, _)| SkippedKey {
                index,
                key_id: Some(key_id.clone()),
                reason,
            }));
            skipped.push(SkippedKey { index, key_id: Some(key_id.clone()), reason });
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey { skipped });
        }
        Ok((Self { keys: keys.into_iter().map(|(_, key)| key).collect() }, skipped))
    }

    /// The usable keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().map(Arc::as_ref)
    }

    /// The key for a token's header, among those that are `suitable`.
    ///
    /// Without a `kid` only a lone candidate is taken: trying one key after the other would let a sender choose.
    pub(crate) fn choose(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        suitable: impl Fn(&VerifyingKey) -> bool,
    ) -> Result<&Arc<VerifyingKey>, NoKey> {
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
