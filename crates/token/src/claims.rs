//! What a token says: the registered claims by their types, and the facts that policies read.

use serde_json::{Map, Value};

use crate::error::TokenError;
use crate::issuer::IssuerRules;
use crate::time::UnixTime;

#[cfg(test)]
mod tests;

/// Where in the claims the facts for policies are, as JSON pointers (RFC 6901); `None` where an issuer does not
/// say such a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimMap {
    /// The task that the agent works on.
    pub task: Option<String>,
    /// What it is for, in words.
    pub purpose: Option<String>,
    /// The change or incident it belongs to.
    pub ticket: Option<String>,
    /// The subject's groups: an array of strings.
    pub groups: Option<String>,
    /// The issuer's idea of the risk.
    pub risk: Option<String>,
}

/// The facts for policies, from where the [`ClaimMap`] says. What the token does not have is absent; what it has
/// in another type, or empty, refuses the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskClaims {
    /// The task that the agent works on.
    pub task: Option<String>,
    /// What it is for, in words.
    pub purpose: Option<String>,
    /// The change or incident it belongs to.
    pub ticket: Option<String>,
    /// The subject's groups.
    pub groups: Vec<String>,
    /// The issuer's idea of the risk.
    pub risk: Option<String>,
}

/// The registered claims (RFC 7519 section 4.1) and `client_id`, by their types.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) expires: Option<UnixTime>,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) issued_at: Option<UnixTime>,
    pub(crate) id: Option<String>,
    pub(crate) client_id: Option<String>,
}

/// When a token is valid; checked when it is verified and again at every use of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) expires: UnixTime,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) issued_at: Option<UnixTime>,
}

// === impl ClaimMap ===

impl ClaimMap {
    /// A field whose pointer is not one, if there is any.
    pub(crate) fn invalid_pointer(&self) -> Option<(&'static str, &str)> {
        let Self { task, purpose, ticket, groups, risk } = self;
        [
            ("claims.task", task),
            ("claims.purpose", purpose),
            ("claims.ticket", ticket),
            ("claims.groups", groups),
            ("claims.risk", risk),
        ]
        .into_iter()
        .filter_map(|(field, pointer)| pointer.as_deref().map(|pointer| (field, pointer)))
        .find(|(_, pointer)| !is_pointer(pointer))
    }
}

// === impl TaskClaims ===

impl TaskClaims {
    pub(crate) fn read(claims: &Value, map: &ClaimMap) -> Result<Self, TokenError> {
        let ClaimMap { task, purpose, ticket, groups, risk } = map;
        let at = |pointer: &Option<String>| pointer.as_deref().and_then(|pointer| claims.pointer(pointer));
        Ok(Self {
            task: at(task).map(|value| name(value, "task")).transpose()?,
            // Words for people: they may have lines.
            purpose: at(purpose).map(|value| words(value, "purpose")).transpose()?,
            ticket: at(ticket).map(|value| name(value, "ticket")).transpose()?,
            groups: at(groups).map(|value| names(value, "groups")).transpose()?.unwrap_or_default(),
            risk: at(risk).map(|value| name(value, "risk")).transpose()?,
        })
    }
}

// === impl Claims ===

impl Claims {
    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, TokenError> {
        // Nothing here reads it. Others do, and what a token is must not depend on who reads it.
        if claims.get("nonce").is_some_and(|nonce| !nonce.is_string()) {
            return Err(invalid("nonce", "not a string"));
        }
        let text = |claim: &'static str| claims.get(claim).map(|value| name(value, claim)).transpose();
        let date =
            |claim: &'static str| claims.get(claim).map(|value| numeric_date(value, claim)).transpose();
        Ok(Self {
            issuer: text("iss")?,
            subject: text("sub")?,
            audiences: match claims.get("aud") {
                None => Vec::new(),
                Some(value @ Value::String(_)) => vec![name(value, "aud")?],
                Some(value) => names(value, "aud")?,
            },
            expires: date("exp")?,
            not_before: date("nbf")?,
            issued_at: date("iat")?,
            id: text("jti")?,
            client_id: text("client_id")?,
        })
    }
}

// === impl Validity ===

impl Validity {
    /// Whether the token is valid `now`. What overflows is refused.
    pub(crate) fn check(&self, rules: &IssuerRules, now: UnixTime) -> Result<(), TokenError> {
        let Self { expires, not_before, issued_at } = *self;

        let latest_start = now.checked_add(rules.skew_seconds);
        for starts in [issued_at, not_before].into_iter().flatten() {
            if latest_start.is_none_or(|latest| latest < starts) {
                return Err(TokenError::NotYetValid { starts, now });
            }
        }
        // RFC 7519 section 4.1.4: not accepted on or after `exp`.
        let earliest_end = now.checked_sub(rules.skew_seconds);
        if earliest_end.is_none_or(|earliest| earliest >= expires) {
            return Err(TokenError::Expired { expires, now });
        }
        if issued_at.is_some_and(|issued_at| issued_at >= expires) {
            return Err(TokenError::ClaimInvalid { claim: "exp", problem: "not after `iat`" });
        }
        let max_seconds = rules.max_lifetime_seconds;
        let lifetime = expires.seconds_since(issued_at.unwrap_or(now));
        if lifetime.is_none_or(|lifetime| lifetime > max_seconds) {
            return Err(TokenError::LifetimeExceeded { max_seconds });
        }
        Ok(())
    }
}

/// The words of `scope` (RFC 6749 section 3.3, RFC 8693 section 4.2); `None` where there is no such claim.
pub(crate) fn scope(claims: &Map<String, Value>) -> Result<Option<Vec<String>>, TokenError> {
    let Some(value) = claims.get("scope") else { return Ok(None) };
    let scope = value.as_str().ok_or_else(|| invalid("scope", "not a string"))?;
    if scope.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
    };
    if !scope.split(' ').all(is_word) {
        return Err(invalid("scope", "not words with single spaces between them"));
    }
    Ok(Some(scope.split(' ').map(str::to_owned).collect()))
}

/// The elements of `authorization_details` (RFC 9396 section 2); `None` where there is no such claim.
pub(crate) fn authorization_details(claims: &Map<String, Value>) -> Result<Option<Vec<Value>>, TokenError> {
    let Some(value) = claims.get("authorization_details") else { return Ok(None) };
    let details = value.as_array().ok_or_else(|| invalid("authorization_details", "not an array"))?;
    if details.iter().any(|detail| detail.get("type").and_then(Value::as_str).is_none()) {
        return Err(invalid("authorization_details", "an element is not an object with a string `type`"));
    }
    Ok(Some(details.clone()))
}

/// Whether `text` names something: not empty, and nothing in it that would break a line of a log or hide in it.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn name(value: &Value, claim: &'static str) -> Result<String, TokenError> {
    let text = words(value, claim)?;
    if is_name(&text) { Ok(text) } else { Err(invalid(claim, "has control characters")) }
}

fn words(value: &Value, claim: &'static str) -> Result<String, TokenError> {
    let text = value.as_str().ok_or_else(|| invalid(claim, "not a string"))?;
    if text.is_empty() { Err(invalid(claim, "empty")) } else { Ok(text.to_owned()) }
}

fn names(value: &Value, claim: &'static str) -> Result<Vec<String>, TokenError> {
    let values = value.as_array().ok_or_else(|| invalid(claim, "not an array of strings"))?;
    values.iter().map(|value| name(value, claim)).collect()
}

/// A `NumericDate` in whole seconds, not before the epoch. Fractions are legal (RFC 7519 section 2) but no issuer
/// needs them and readers round them differently.
fn numeric_date(value: &Value, claim: &'static str) -> Result<UnixTime, TokenError> {
    value
        .as_i64()
        .filter(|seconds| *seconds >= 0)
        .map(UnixTime::new)
        .ok_or_else(|| invalid(claim, "not a whole number of seconds since the epoch"))
}

/// RFC 6901 section 3, but for the empty pointer, which is the claims as a whole.
fn is_pointer(pointer: &str) -> bool {
    pointer.starts_with('/') && pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

fn invalid(claim: &'static str, problem: &'static str) -> TokenError {
    TokenError::ClaimInvalid { claim, problem }
}
