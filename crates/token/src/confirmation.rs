//! To what a token is bound (`cnf`, RFC 7800): whoever presents it has to show that too.

use serde_json::Value;

use crate::error::TokenError;
use crate::thumbprint::Thumbprint;

#[cfg(test)]
mod tests;

/// Everything that a token is bound to. Where there are several, each has to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// The client certificate of the connection (`x5t#S256`, RFC 8705).
    pub certificate: Option<Thumbprint>,
    /// The key of a proof with the request (`jkt`, RFC 9449).
    pub key: Option<Thumbprint>,
}

/// What a request shows of its sender, beside the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenKey {
    /// Nobody here checks proofs of possession.
    Unasked,
    /// The request has none.
    Absent,
    /// A proof with this key verified.
    Proven(Thumbprint),
}

// === impl Confirmation ===

impl Confirmation {
    /// What `cnf` says; nothing where there is none. A binding of another kind cannot be checked here.
    pub(crate) fn read(cnf: Option<&Value>) -> Result<Self, TokenError> {
        let Some(cnf) = cnf else { return Ok(Self::default()) };
        let members = cnf.as_object().filter(|members| !members.is_empty());
        let mut confirmation = Self::default();
        for (name, value) in members.ok_or(TokenError::BindingUnchecked)? {
            let place = match name.as_str() {
                "x5t#S256" => &mut confirmation.certificate,
                "jkt" => &mut confirmation.key,
                _ => return Err(TokenError::BindingUnchecked),
            };
            let thumbprint = value.as_str().and_then(Thumbprint::from_base64url);
            *place = Some(thumbprint.ok_or(TokenError::BindingUnchecked)?);
        }
        Ok(confirmation)
    }

    /// Holds what the request has shown against it. The certificate is asked for only where one is needed.
    pub(crate) fn check(
        &self,
        certificate: impl FnOnce() -> Option<Thumbprint>,
        key: ProvenKey,
    ) -> Result<(), TokenError> {
        if let Some(bound) = self.certificate {
            match certificate() {
                None => return Err(TokenError::BindingUnchecked),
                Some(presented) if presented != bound => return Err(TokenError::BindingMismatch),
                Some(_) => {}
            }
        }
        match (self.key, key) {
            (None, ProvenKey::Unasked | ProvenKey::Absent) => Ok(()),
            // A proof proves nothing of a token that anybody may present (RFC 9449 section 7.1).
            (None, ProvenKey::Proven(_)) => Err(TokenError::Unbound),
            (Some(_), ProvenKey::Unasked) => Err(TokenError::BindingUnchecked),
            (Some(_), ProvenKey::Absent) => Err(TokenError::ProofMissing),
            (Some(bound), ProvenKey::Proven(proven)) if proven == bound => Ok(()),
            (Some(_), ProvenKey::Proven(_)) => Err(TokenError::BindingMismatch),
        }
    }
}
