//! From bytes to a token that is believed.

use std::sync::Arc;

use serde_json::Value;

use crate::cache::TokenCache;
use crate::claims::{self, Claims, TaskClaims, Validity};
use crate::confirmation::Confirmation;
use crate::delegation::Chain;
use crate::error::TokenError;
use crate::issuer::{IssuerKind, IssuerRules, VerifierError};
use crate::jwk::VerifyingKey;
use crate::jws::UnverifiedToken;
use crate::rules::{Issuer, RuleSet};
use crate::signature::{InvalidSignature, PureRust, SignaturePort};
use crate::time::UnixTime;

#[cfg(test)]
mod tests;

/// Verifies tokens by the rules of a set of issuers.
#[derive(Clone, Debug)]
pub struct Verifier {
    rules: Arc<RuleSet>,
}

/// A token whose signature, audience, times, type, required claims and actors hold.
///
/// INVARIANT: only [`Verifier::verify_with`] makes one, after the signature was checked.
#[derive(Debug)]
pub struct VerifiedToken {
    rules: Arc<RuleSet>,
    issuer: Arc<Issuer>,
    key: Arc<VerifyingKey>,
    id: Option<String>,
    client_id: Option<String>,
    validity: Validity,
    scope: Option<Vec<String>>,
    authorization_details: Option<Vec<Value>>,
    claims: TaskClaims,
    chain: Chain,
    confirmation: Confirmation,
}

// === impl Verifier ===

impl Verifier {
    /// Checks the rules against each other. A verifier without issuers refuses every token.
    pub fn new(issuers: Vec<IssuerRules>) -> Result<Self, VerifierError> {
        RuleSet::new(issuers).map(|rules| Self { rules: Arc::new(rules) })
    }

    /// Verifies a compact JWS (without the `Bearer` before it), with cryptography in Rust.
    ///
    /// A token that is in the cache is not verified again, but its times are checked at every use.
    pub fn verify(
        &self,
        cache: &mut TokenCache,
        credential: &[u8],
        now: UnixTime,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        self.verify_with(&PureRust, cache, credential, now)
    }

    /// As [`Self::verify`], with the cryptography of the host.
    pub fn verify_with(
        &self,
        signatures: &impl SignaturePort,
        cache: &mut TokenCache,
        credential: &[u8],
        now: UnixTime,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        // Rules can be replaced while a cache lives on: what another verifier accepted is verified afresh.
        if let Some(token) = cache.find(credential).filter(|token| token.is_of(&self.rules)) {
            if let Err(error) = token.validity.check(token.issuer.rules(), now) {
                cache.remove(credential);
                return Err(error);
            }
            if token.issuer.has_key(&token.key, cache.keys(), now)? {
                return Ok(token);
            }
            // The key was withdrawn: what it signed is believed no longer, whoever believed it before.
            cache.remove(credential);
        }

        // The order is the security: shape, then whose token it claims to be, then that issuer's types,
        // algorithms and keys, then the proof. Nothing a token says is believed before its proof.
        let token = UnverifiedToken::parse(credential)?;
        let claims = Claims::read(token.claims())?;
        let issuer = self.rules.select(&claims)?;
        issuer.check_header(token.header())?;
        let key = issuer.key_for(token.header(), cache.keys_mut(), now)?;
        signatures.check(&key, &token).map_err(|InvalidSignature| TokenError::SignatureInvalid {
            issuer: Arc::clone(issuer.alias()),
        })?;
        let token = Arc::new(self.believe(issuer, key, token, claims, now)?);
        cache.insert(credential, &token);
        Ok(token)
    }

    pub(crate) fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// Holds the claims of a token whose signature verified against the issuer's rules.
    fn believe(
        &self,
        issuer: &Arc<Issuer>,
        key: Arc<VerifyingKey>,
        token: UnverifiedToken<'_>,
        claims: Claims,
        now: UnixTime,
    ) -> Result<VerifiedToken, TokenError> {
        let rules = issuer.rules();
        let all = token.into_claims();
        if let Some(claim) = rules.profile.required_claims().iter().find(|claim| !all.contains_key(**claim)) {
            return Err(TokenError::ClaimMissing { claim });
        }
        let Claims { issuer: _, subject, audiences, expires, not_before, issued_at, id, client_id } = claims;
        let subject = subject.ok_or(TokenError::ClaimMissing { claim: "sub" })?;
        let expires = expires.ok_or(TokenError::ClaimMissing { claim: "exp" })?;

        rules.profile.check_claims(&all, &subject)?;
        if !audiences.iter().any(|audience| rules.audiences.contains(audience)) {
            return Err(TokenError::AudienceMismatch { issuer: Arc::clone(issuer.alias()) });
        }
        let validity = Validity { expires, not_before, issued_at };
        validity.check(rules, now)?;
        // Whoever holds a bound token has proven nothing until the binding is checked (RFC 7800 section 3): that is done
        // by `Caller::resolve`, and a token is of no use without a caller.
        let confirmation = Confirmation::read(all.get("cnf"))?;
        let chain = Chain::read(&self.rules, issuer, &subject, all.get("act"))?;
        let scope = claims::scope(&all)?;
        let authorization_details = claims::authorization_details(&all)?;
        let claims = TaskClaims::read(&Value::Object(all), &rules.claims)?;
        Ok(VerifiedToken {
            rules: Arc::clone(&self.rules),
            issuer: Arc::clone(issuer),
            key,
            id,
            client_id,
            validity,
            scope,
            authorization_details,
            claims,
            chain,
            confirmation,
        })
    }
}

// === impl VerifiedToken ===

impl VerifiedToken {
    /// Alias of the issuer.
    pub fn issuer_alias(&self) -> &str {
        self.issuer.alias()
    }

    /// The issuer as it is configured: `iss`, or the trust domain for JWT-SVIDs.
    pub fn issuer(&self) -> &str {
        &self.issuer.rules().issuer
    }

    /// What the issuer's tokens stand for.
    pub fn kind(&self) -> IssuerKind {
        self.issuer.rules().kind
    }

    /// `sub`.
    pub fn subject(&self) -> &str {
        self.chain.subject.subject()
    }

    /// `jti`.
    pub fn jti(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// `client_id`: never an actor, whatever it says.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// `kid` of the key that signed it.
    pub fn key_id(&self) -> Option<&str> {
        self.key.id()
    }

    /// The words of `scope`; `None` without such a claim, which narrows nothing.
    pub fn scope(&self) -> Option<&[String]> {
        self.scope.as_deref()
    }

    /// The elements of `authorization_details`, each an object with a string `type`; `None` without such a claim.
    pub fn authorization_details(&self) -> Option<&[Value]> {
        self.authorization_details.as_deref()
    }

    /// The facts for policies.
    pub fn claims(&self) -> &TaskClaims {
        &self.claims
    }

    /// `exp`.
    pub fn expires(&self) -> UnixTime {
        self.validity.expires
    }

    /// `iat`.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.validity.issued_at
    }

    /// What whoever presents the token has to hold.
    pub fn confirmation(&self) -> &Confirmation {
        &self.confirmation
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether it was verified by these very rules.
    pub(crate) fn is_of(&self, rules: &Arc<RuleSet>) -> bool {
        Arc::ptr_eq(&self.rules, rules)
    }

    /// Roughly the memory it takes, for the bound of the cache.
    pub(crate) fn weight(&self) -> usize {
        let TaskClaims { task, purpose, ticket, groups, risk } = &self.claims;
        let Chain { subject, actor, earlier } = &self.chain;
        let names = [&self.id, &self.client_id, task, purpose, ticket, risk];
        let names = names.into_iter().flatten().chain(groups).chain(self.scope.iter().flatten());
        let identities = [subject, actor].into_iter().chain(earlier);
        let details = self.authorization_details.iter().flatten();

        let weights = names
            .map(|name| size_of::<String>().saturating_add(name.len()))
            .chain(identities.map(|identity| {
                size_of_val(identity).saturating_add(identity.entity_id().len().saturating_mul(2))
            }))
            .chain(details.map(value_weight));
        weights.fold(size_of::<Self>(), usize::saturating_add)
    }
}

fn value_weight(value: &Value) -> usize {
    // A member of an object also has its name and a node of the map.
    const MEMBER: usize = 2 * size_of::<String>();
    let inner = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(value_weight).fold(0, usize::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| MEMBER.saturating_add(name.len()).saturating_add(value_weight(value)))
            .fold(0, usize::saturating_add),
    };
    inner.saturating_add(size_of::<Value>())
}
