//! Grants: signed for one claim, with a key that signs nothing else.

use std::{fmt, fs, io, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_compact::{KeyPair, PublicKey, Seed};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::secret::write_private;

#[cfg(test)]
mod tests;

/// The `typ` of a grant: no other token is one.
pub const GRANT_TYPE: &str = "actgate-grant+jwt";

/// A grant is used at once; this is what a slow network may take.
pub const GRANT_SECONDS: i64 = 30;

/// The approval service's key.
pub struct GrantKey {
    pair: KeyPair,
    id: String,
}

/// What a grant says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantClaims<'a> {
    /// Of the grant.
    pub id: &'a str,
    /// The approval service.
    pub issuer: &'a str,
    /// The gateway.
    pub audience: &'a str,
    /// When it is signed.
    pub issued: i64,
    /// The call.
    pub digest: &'a str,
    /// The attempt.
    pub claim: &'a str,
    /// The approval that was consumed.
    pub approval: &'a str,
    /// On whose behalf.
    pub subject: &'a str,
    /// The agent.
    pub actor: &'a str,
    /// The groups that have approved.
    pub groups: &'a [String],
    /// The people who did.
    pub approvers: &'a [String],
}

// === impl GrantKey ===

impl GrantKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut seed = [0_u8; Seed::BYTES];
        getrandom::fill(&mut seed)?;
        Ok(Self::of(KeyPair::from_seed(Seed::new(seed))))
    }

    /// Reads the key (PKCS #8, PEM) from a file; where there is none, makes one that only this user can read.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no Ed25519 key.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(pem) => match KeyPair::from_pem(&pem) {
                Ok(pair) => Ok(Self::of(pair)),
                Err(_) => {
                    Err(io::Error::new(io::ErrorKind::InvalidData, "it is no Ed25519 key (PKCS #8, PEM)"))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Self::random().map_err(io::Error::other)?;
                write_private(path, made.pair.to_pem().as_bytes())?;
                Ok(made)
            }
            Err(error) => Err(error),
        }
    }

    fn of(pair: KeyPair) -> Self {
        let id = thumbprint(&pair.pk);
        Self { pair, id }
    }

    /// The public half, for the gateways' `approvals.key`.
    pub fn public_jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.pk.as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.id, "x": x })
    }

    /// The key set of this key alone (RFC 7517 section 5).
    pub fn public_set(&self) -> Value {
        json!({ "keys": [self.public_jwk()] })
    }

    /// Signs: a compact JWS.
    pub fn sign(&self, claims: &GrantClaims<'_>) -> String {
        let GrantClaims {
            id,
            issuer,
            audience,
            issued,
            digest,
            claim,
            approval,
            subject,
            actor,
            groups,
            approvers,
        } = claims;
        let header = json!({ "alg": "EdDSA", "typ": GRANT_TYPE, "kid": self.id });
        let body = json!({
            "iss": issuer, "aud": audience, "iat": issued, "exp": issued.saturating_add(GRANT_SECONDS), "jti": id,
            "digest": digest, "claim": claim, "approval": approval,
            "sub": subject, "act": { "sub": actor }, "groups": groups, "approvers": approvers,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&body));
        let signature = self.pair.sk.sign(&signed, None);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

impl fmt::Debug for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// RFC 7638, over the members that RFC 8037 section 2 names.
fn thumbprint(key: &PublicKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_ref());
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}
