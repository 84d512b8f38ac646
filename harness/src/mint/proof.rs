//! Proofs of possession (DPoP, RFC 9449): what a client makes for each request with a token that is bound to its key.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::signing::{encode, sign};
use super::{MintError, Profile, TokenKey};

/// A proof for one request.
#[derive(Debug, Clone)]
pub struct ProofSpec {
    /// `htm`
    pub method: String,
    /// `htu`: the address without query and fragment.
    pub uri: String,
    /// `jti`
    pub id: String,
    /// `iat`, in seconds since 1970.
    pub issued_at: i64,
    /// Members of the header in place of those that belong there; `null` takes one away.
    pub header: Map<String, Value>,
    /// Claims in place of those that belong there; `null` takes one away.
    pub claims: Map<String, Value>,
}

// === impl TokenKey ===

impl TokenKey {
    /// The public key alone, as a proof brings it.
    ///
    /// # Errors
    /// The key cannot be written.
    pub fn bare_jwk(&self) -> Result<Value, MintError> {
        let mut jwk = self.jwk(Profile::Generic)?;
        if let Some(members) = jwk.as_object_mut() {
            members.retain(|name, _| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()));
        }
        Ok(jwk)
    }

    /// What a token says that only the holder of this key may use (`cnf`): the key id is the thumbprint of RFC 7638.
    pub fn confirmation(&self) -> Value {
        json!({ "jkt": self.kid() })
    }
}

// === impl ProofSpec ===

impl ProofSpec {
    /// Signs the proof of a request with `token`.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn sign(&self, key: &TokenKey, token: &str) -> Result<String, MintError> {
        let header = json!({ "typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": key.bare_jwk()? });
        let claims = json!({
            "jti": self.id,
            "htm": self.method,
            "htu": self.uri,
            "iat": self.issued_at,
            "ath": encode(Sha256::digest(token)),
        });
        sign(key, &changed(header, &self.header).to_string(), &changed(claims, &self.claims).to_string())
    }
}

fn changed(mut object: Value, changes: &Map<String, Value>) -> Value {
    if let Some(members) = object.as_object_mut() {
        for (name, value) in changes {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
    }
    object
}
