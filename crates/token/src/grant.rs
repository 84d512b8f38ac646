//! A grant: people's yes to one exact call, as the approval service signs it for one attempt.
//!
//! A compact JWS of its own `typ`, signed with a key that signs nothing else. It admits nothing by itself: it says which
//! groups have approved, and the policy decides with them.

use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::jws::UnverifiedToken;
use crate::key_set::KeySet;
use crate::signature::{InvalidSignature, SignaturePort};
use crate::time::UnixTime;

#[cfg(test)]
mod tests;

/// The `typ` of a grant (RFC 8725 section 3.11): no other token is one.
pub const GRANT_TYPE: &str = "actgate-grant+jwt";

/// A grant is signed when it is asked for and used at once: longer is a mistake of the service's.
pub const MAX_GRANT_SECONDS: i64 = 60;

/// How far the service's clock may be ahead.
const SKEW_SECONDS: i64 = 5;

/// More groups than a configuration has, and more people than any quorum.
const MAX_NAMES: usize = 64;

/// Whose grants count, and for which gateway.
#[derive(Clone, Debug)]
pub struct GrantVerifier {
    /// `iss` of the approval service.
    pub issuer: String,
    /// `aud`: this gateway.
    pub audience: String,
    /// The service's keys.
    pub keys: KeySet,
}

/// The attempt that a grant must be for.
#[derive(Clone, Copy, Debug)]
pub struct GrantBinding<'a> {
    /// The digest of the call.
    pub digest: &'a str,
    /// The claim that this attempt made.
    pub claim: &'a str,
    /// The subject's entity id.
    pub subject: &'a str,
    /// The actor's entity id.
    pub actor: &'a str,
}

/// A grant that holds.
///
/// INVARIANT: only [`GrantVerifier::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    id: String,
    approval: String,
    groups: Vec<String>,
    approvers: Vec<String>,
}

/// Why a grant does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It is no compact JWS of the type [`GRANT_TYPE`].
    #[error("it is not a grant")]
    Malformed,
    /// It is not signed by a key of the service.
    #[error("its signature is not the approval service's")]
    Signature,
    /// A claim is missing or of a wrong form.
    #[error("its claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// It is another service's, or for another gateway.
    #[error("its claim `{0}` names another party")]
    Party(&'static str),
    /// It is not valid now, or for longer than grants are.
    #[error("it is not valid now")]
    Time,
    /// It is for another call, attempt or caller.
    #[error("its claim `{0}` is of another attempt")]
    Binding(&'static str),
    /// Somebody who is part of the call approved it.
    #[error("the call's own subject or actor approved it")]
    SelfApproval,
}

// === impl GrantVerifier ===

impl GrantVerifier {
    /// Verifies a grant for one attempt.
    ///
    /// # Errors
    /// Everything that is not exactly the service's word for this attempt, now.
    pub fn verify(
        &self,
        signatures: &impl SignaturePort,
        grant: &[u8],
        binding: GrantBinding<'_>,
        now: UnixTime,
    ) -> Result<Grant, GrantError> {
        let token = UnverifiedToken::parse(grant).map_err(|_| GrantError::Malformed)?;
        let header = token.header();
        if header.typ() != Some(GRANT_TYPE) {
            return Err(GrantError::Malformed);
        }
        let key = self
            .keys
            .choose(header.key_id(), header.algorithm(), |_| true)
            .map_err(|_| GrantError::Signature)?;
        signatures.check(key, &token).map_err(|InvalidSignature| GrantError::Signature)?;
        let claims = token.claims();
        Claims::read(claims).map_err(|_| GrantError::Malformed)?;
        if text(claims, "iss")? != self.issuer {
            return Err(GrantError::Party("iss"));
        }
        if text(claims, "aud")? != self.audience {
            return Err(GrantError::Party("aud"));
        }
        check_times(claims, now)?;
        let actor = claims.get("act").and_then(Value::as_object).ok_or(GrantError::Claim("act"))?;
        let bound = [
            ("digest", text(claims, "digest")?, binding.digest),
            ("claim", text(claims, "claim")?, binding.claim),
            ("sub", text(claims, "sub")?, binding.subject),
            ("act", text(actor, "sub")?, binding.actor),
        ];
        if let Some((claim, ..)) = bound.iter().find(|(_, is, should)| is != should) {
            return Err(GrantError::Binding(claim));
        }
        let approvers = names(claims, "approvers")?;
        if approvers.iter().any(|name| name == binding.subject || name == binding.actor) {
            return Err(GrantError::SelfApproval);
        }
        Ok(Grant {
            id: text(claims, "jti")?.to_owned(),
            approval: text(claims, "approval")?.to_owned(),
            groups: names(claims, "groups")?,
            approvers,
        })
    }
}

// === impl Grant ===

impl Grant {
    /// `jti`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The approval that was consumed.
    pub fn approval(&self) -> &str {
        &self.approval
    }

    /// The groups that have approved: at least one.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The people who did, as entity ids: at least one.
    pub fn approvers(&self) -> &[String] {
        &self.approvers
    }
}

fn check_times(claims: &Map<String, Value>, now: UnixTime) -> Result<(), GrantError> {
    let seconds = |claim| claims.get(claim).and_then(Value::as_i64).ok_or(GrantError::Claim(claim));
    let (issued, expires) = (UnixTime::new(seconds("iat")?), UnixTime::new(seconds("exp")?));
    let lifetime = expires.seconds_since(issued).ok_or(GrantError::Time)?;
    let ahead = issued.seconds_since(now).ok_or(GrantError::Time)?;
    let is_valid = now < expires && (1..=MAX_GRANT_SECONDS).contains(&lifetime) && ahead <= SKEW_SECONDS;
    if is_valid { Ok(()) } else { Err(GrantError::Time) }
}

fn text<'c>(claims: &'c Map<String, Value>, claim: &'static str) -> Result<&'c str, GrantError> {
    claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(GrantError::Claim(claim))
}

/// Distinct names, at least one.
fn names(claims: &Map<String, Value>, claim: &'static str) -> Result<Vec<String>, GrantError> {
    let values = claims.get(claim).and_then(Value::as_array).ok_or(GrantError::Claim(claim))?;
    if values.is_empty() || values.len() > MAX_NAMES {
        return Err(GrantError::Claim(claim));
    }
    let mut names: Vec<String> = Vec::with_capacity(values.len());
    for value in values {
        let name = value.as_str().filter(|name| !name.is_empty()).ok_or(GrantError::Claim(claim))?;
        if names.iter().any(|other| other == name) {
            return Err(GrantError::Claim(claim));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}
