//! The issuers whose tokens are accepted: which of them a token is from, and what its header may say.

use std::sync::Arc;

use crate::claims::Claims;
use crate::error::{TokenError, excerpt};
use crate::issuer::{IssuerKeys, IssuerRules, VerifierError};
use crate::jwk::VerifyingKey;
use crate::jws::Header;
use crate::key_ring::{KeyRing, Unavailable};
use crate::key_set::{KeySet, NoKey};
use crate::profile::{Profile, is_media_type};
use crate::spiffe::{SpiffeId, trust_domain_of};
use crate::time::UnixTime;

#[cfg(test)]
mod tests;

/// Every issuer; what a verified token was verified by.
#[derive(Debug)]
pub(crate) struct RuleSet {
    issuers: Vec<Arc<Issuer>>,
}

/// One issuer, its rules checked.
#[derive(Debug)]
pub(crate) struct Issuer {
    alias: Arc<str>,
    rules: IssuerRules,
}

// === impl RuleSet ===

impl RuleSet {
    pub(crate) fn new(issuers: Vec<IssuerRules>) -> Result<Self, VerifierError> {
        for (index, rules) in issuers.iter().enumerate() {
            rules.check(index)?;
            let earlier = issuers.get(..index).unwrap_or_default();
            if earlier.iter().any(|other| other.alias == rules.alias) {
                return Err(VerifierError::AliasDuplicate { issuer: index, alias: rules.alias.clone() });
            }
            if earlier.iter().any(|other| other.issuer == rules.issuer) {
                return Err(VerifierError::IssuerDuplicate { issuer: index, value: rules.issuer.clone() });
            }
            let known = |name: &String| issuers.iter().any(|other| other.issuer == *name);
            if let Some(value) = rules.act_issuers.iter().find(|name| !known(name)) {
                return Err(VerifierError::ActIssuerUnknown { issuer: index, value: value.clone() });
            }
        }
        let issuers = issuers.into_iter().map(|rules| Arc::new(Issuer::new(rules))).collect();
        Ok(Self { issuers })
    }

    /// The issuer with exactly this `issuer` value.
    pub(crate) fn named(&self, issuer: &str) -> Option<&Arc<Issuer>> {
        self.issuers.iter().find(|other| other.rules.issuer == issuer)
    }

    /// The issuer whose keys must have signed these claims: by `iss`, or by the trust domain of `sub` for
    /// JWT-SVIDs, whose `iss` means nothing (JWT-SVID section 3 leaves it out).
    pub(crate) fn select(&self, claims: &Claims) -> Result<&Arc<Issuer>, TokenError> {
        let by_iss = claims.issuer.as_deref().and_then(|iss| self.named(iss));
        if let Some(issuer) = by_iss.filter(|issuer| issuer.rules.profile != Profile::JwtSvid) {
            return Ok(issuer);
        }

        let takes_svids = self.issuers.iter().any(|issuer| issuer.rules.profile == Profile::JwtSvid);
        let subject = claims.subject.as_deref().filter(|sub| takes_svids && sub.starts_with("spiffe://"));
        if let Some(subject) = subject {
            let id = SpiffeId::parse(subject)
                .map_err(|_| TokenError::ClaimInvalid { claim: "sub", problem: "not a SPIFFE ID" })?;
            return self
                .issuers
                .iter()
                .find(|issuer| issuer.trust_domain() == Some(id.trust_domain()))
                .ok_or_else(|| TokenError::IssuerUnknown { issuer: excerpt(id.trust_domain()) });
        }
        match &claims.issuer {
            Some(issuer) => Err(TokenError::IssuerUnknown { issuer: excerpt(issuer) }),
            None => Err(TokenError::ClaimMissing { claim: "iss" }),
        }
    }
}

// === impl Issuer ===

impl Issuer {
    fn new(rules: IssuerRules) -> Self {
        Self { alias: Arc::from(rules.alias.as_str()), rules }
    }

    pub(crate) fn alias(&self) -> &Arc<str> {
        &self.alias
    }

    pub(crate) fn rules(&self) -> &IssuerRules {
        &self.rules
    }

    /// The trust domain, for an issuer of JWT-SVIDs.
    pub(crate) fn trust_domain(&self) -> Option<&str> {
        match self.rules.profile {
            Profile::JwtSvid => trust_domain_of(&self.rules.issuer),
            Profile::AtJwt | Profile::Generic | Profile::GitHubActions | Profile::Kubernetes => None,
        }
    }

    /// Whether the issuer says of its own actors who they are.
    pub(crate) fn vouches_for_actors(&self) -> bool {
        self.may_assert(&self.rules.issuer)
    }

    /// Whether the issuer may assert actors of `actor_issuer`.
    pub(crate) fn may_assert(&self, actor_issuer: &str) -> bool {
        self.rules.act_issuers.iter().any(|allowed| allowed == actor_issuer)
    }

    /// Type and algorithm of the header, before any key is touched.
    pub(crate) fn check_header(&self, header: &Header) -> Result<(), TokenError> {
        let accepted = match &self.rules.types {
            None => self.rules.profile.accepts_type(header.typ()),
            Some(types) => {
                header.typ().is_some_and(|typ| types.iter().any(|other| is_media_type(typ, other)))
            }
        };
        if !accepted {
            return Err(TokenError::TypeRefused { typ: header.typ().map(excerpt) });
        }
        if !self.rules.profile.accepts_parameters(header) {
            return Err(TokenError::Malformed { problem: "a JWT-SVID has no other header parameters" });
        }
        if !self.rules.accepts_algorithm(header.algorithm()) {
            return Err(TokenError::AlgorithmRefused { algorithm: header.algorithm().to_string() });
        }
        Ok(())
    }

    /// The key that the token must be signed with. One that is not there and may have been published since is asked for.
    pub(crate) fn key_for(
        &self,
        header: &Header,
        ring: &mut KeyRing,
        now: UnixTime,
    ) -> Result<Arc<VerifyingKey>, TokenError> {
        let suitable = |key: &VerifyingKey| self.rules.profile.accepts_key(key);
        let choose =
            |keys: &KeySet| keys.choose(header.key_id(), header.algorithm(), suitable).map(Arc::clone);
        let chosen = match &self.rules.keys {
            IssuerKeys::Given(keys) => choose(keys),
            IssuerKeys::Fetched => match ring.keys(&self.alias, now) {
                Ok(keys) => keys.map_or(Err(NoKey::Unknown), choose),
                Err(Unavailable) => return Err(self.keys_unavailable()),
            },
        };
        let is_fetched = matches!(self.rules.keys, IssuerKeys::Fetched);
        chosen.map_err(|none| match none {
            NoKey::Pinned => TokenError::AlgorithmRefused { algorithm: header.algorithm().to_string() },
            NoKey::Unknown if is_fetched && header.key_id().is_some() && ring.miss(&self.alias) => {
                self.keys_unavailable()
            }
            NoKey::Unknown => TokenError::KeyUnknown {
                issuer: Arc::clone(&self.alias),
                key_id: header.key_id().map(excerpt),
            },
        })
    }

    /// Whether the key that verified a token is still the issuer's.
    pub(crate) fn has_key(
        &self,
        key: &VerifyingKey,
        ring: &KeyRing,
        now: UnixTime,
    ) -> Result<bool, TokenError> {
        match &self.rules.keys {
            IssuerKeys::Given(_) => Ok(true),
            IssuerKeys::Fetched => {
                ring.has(&self.alias, key, now).map_err(|Unavailable| self.keys_unavailable())
            }
        }
    }

    fn keys_unavailable(&self) -> TokenError {
        TokenError::KeysUnavailable { issuer: Arc::clone(&self.alias) }
    }
}
