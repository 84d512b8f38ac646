//! Grants: signed for one claim, with a key that signs nothing else.

use std::{io, path::Path};

use serde_json::{Value, json};

use crate::key::SigningKey;

#[cfg(test)]
mod tests;

/// The `typ` of a grant: no other token is one.
pub const GRANT_TYPE: &str = "actgate-grant+jwt";

/// A grant is used at once; this is what a slow network may take.
pub const GRANT_SECONDS: i64 = 30;

/// The approval service's key.
#[derive(Debug)]
pub struct GrantKey(SigningKey);

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
        SigningKey::random().map(Self)
    }

    /// Reads the key from a file, or makes one; see [`SigningKey::in_file`].
    ///
    /// # Errors
    /// The file's.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        SigningKey::in_file(path).map(Self)
    }

    /// The public half, for the gateways' `approvals.key`.
    pub fn public_jwk(&self) -> Value {
        self.0.public_jwk()
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
        let body = json!({
            "iss": issuer, "aud": audience, "iat": issued, "exp": issued.saturating_add(GRANT_SECONDS), "jti": id,
            "digest": digest, "claim": claim, "approval": approval,
            "sub": subject, "act": { "sub": actor }, "groups": groups, "approvers": approvers,
        });
        self.0.sign(GRANT_TYPE, &body)
    }
}
