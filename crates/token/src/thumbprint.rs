//! SHA-256 names of certificates (RFC 8705 section 3.1) and of keys (RFC 7638).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::jws::decode;

#[cfg(test)]
mod tests;

/// The SHA-256 of a certificate's DER, or of a key in the one form of RFC 7638.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

// === impl Thumbprint ===

impl Thumbprint {
    /// From hexadecimal, as proxies write it.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let (pairs, []) = text.as_chunks::<2>() else { return None };
        let mut octets = [0; 32];
        if pairs.len() != octets.len() {
            return None;
        }
        for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
            *octet = (nibble(*high)? << 4) | nibble(*low)?;
        }
        Some(Self(octets))
    }

    /// Of a public key (RFC 7638 section 3.2, RFC 8037 section 2).
    ///
    /// INVARIANT: the members are canonical base64url and known names, which `VerifyingKey` sees to: nothing in them has to
    /// be escaped.
    pub(crate) fn of_key(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let canonical = match text("kty")? {
            "EC" => {
                let (curve, x, y) = (text("crv")?, text("x")?, text("y")?);
                format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            "OKP" => format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, text("crv")?, text("x")?),
            "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text("e")?, text("n")?),
            _ => return None,
        };
        Some(Self(Sha256::digest(canonical).into()))
    }

    /// From base64url, as tokens write it.
    pub(crate) fn from_base64url(text: &str) -> Option<Self> {
        decode(text)?.try_into().ok().map(Self)
    }

    pub(crate) const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    /// As base64url.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
