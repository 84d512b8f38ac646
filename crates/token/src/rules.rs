//! The issuers whose tokens are accepted: which of them a token is from, and what its header may say.

use std::sync::Arc;

use crate::claims::Claims;
use crate::error::{TokenError, excerpt};
use crate::issuer::{IssuerRules, VerifierError};
use crate::jwk::VerifyingKey;
use crate::jws::Header;
use crate::key_set::NoKey;
use crate::profile::{Profile, is_media_type};
use crate::spiffe::{SpiffeId, trust_domain_of};

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
            Profile::AtJwt | Profile::Generic => None,
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

    /// The key that the token must be signed with.
    pub(crate) fn key_for(&self, header: &Header) -> Result<&VerifyingKey, TokenError> {
        let suitable = |key: &VerifyingKey| self.rules.profile.accepts_key(key);
        self.rules.keys.choose(header.key_id(), header.algorithm(), suitable).map_err(|none| match none {
            NoKey::Pinned => TokenError::AlgorithmRefused { algorithm: header.algorithm().to_string() },
            NoKey::Unknown => TokenError::KeyUnknown {
                issuer: Arc::clone(&self.alias),
                key_id: header.key_id().map(excerpt),
            },
        })
    }
}
