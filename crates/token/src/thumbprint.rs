//! Which certificate a token is bound to (RFC 8705 section 3.1): whoever presents the token has to hold its key.

use serde_json::Value;

use crate::error::TokenError;
use crate::jws::decode;

#[cfg(test)]
mod tests;

/// The SHA-256 of a certificate's DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// What `cnf` binds a token to, nothing where there is none. A binding of another kind, or of several, cannot be
    /// checked here.
    pub(crate) fn of_confirmation(cnf: Option<&Value>) -> Result<Option<Self>, TokenError> {
        let Some(cnf) = cnf else { return Ok(None) };
        let members = cnf.as_object().filter(|members| members.len() == 1);
        let text = members.and_then(|members| members.get("x5t#S256")).and_then(Value::as_str);
        let octets = text.and_then(decode).and_then(|octets| octets.try_into().ok());
        octets.map(|octets| Some(Self(octets))).ok_or(TokenError::BindingUnchecked)
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
