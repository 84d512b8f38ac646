//! Secret values in an envelope: bound by the digest, and told to nobody.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{EnvelopeError, canonical};
use crate::mcp::SessionKey;

/// What is hashed before a secret, so that no other use of the key gives the same value.
const DOMAIN: &[u8] = b"actgate-secret/v1\0";

/// Shorter keys could be found by trial where the secret is known.
const MIN_KEY_BYTES: usize = 32;

/// The key under which secret values enter an envelope. A plain hash of a guessable secret could be found by trial.
#[derive(Clone)]
pub struct SecretKey(Hmac<Sha256>);

/// The key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// It is not base64url without padding.
    #[error("the key is not base64url without padding")]
    Encoding,
    /// It has too few bytes.
    #[error("the key has {0} bytes, and {MIN_KEY_BYTES} is the least")]
    Short(usize),
}

// === impl SecretKey ===

impl SecretKey {
    /// Reads a key as base64url.
    ///
    /// # Errors
    /// A key that is none, or too short.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SecretKeyError::Encoding)?;
        if bytes.len() < MIN_KEY_BYTES {
            return Err(SecretKeyError::Short(bytes.len()));
        }
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| SecretKeyError::Short(bytes.len()))?;
        Ok(Self(mac))
    }

    /// The key of session seals that goes with it: the same at every gate that has this one.
    pub fn session_key(&self) -> SessionKey {
        SessionKey::of(self.0.clone())
    }

    /// What stands for a secret value: `{"hmac-sha-256": "..."}`. The same value under another name gives another hash.
    ///
    /// # Errors
    /// A value without a canonical form.
    pub fn seal(&self, name: &str, value: &Value) -> Result<Value, EnvelopeError> {
        let mut mac = self.0.clone();
        mac.update(DOMAIN);
        mac.update(name.as_bytes());
        mac.update(b"\0");
        mac.update(&canonical(value)?);
        Ok(json!({ "hmac-sha-256": URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()) }))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}
