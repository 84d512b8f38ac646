//! On whose behalf, and by whose hand: `sub` and `act` (RFC 8693 section 4.1).

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::claims::is_name;
use crate::confirmation::ProvenKey;
use crate::error::{TokenError, excerpt};
use crate::issuer::IssuerKind;
use crate::rules::{Issuer, RuleSet};
use crate::spiffe::SpiffeId;
use crate::thumbprint::Thumbprint;
use crate::verify::{VerifiedToken, Verifier};

#[cfg(test)]
mod tests;

/// Most actors in a row: agent, sub-agent, tool and one more. The OAuth actor profile asks for at least four
/// (draft-mcguinness-oauth-actor-profile); every further one is another party that could have leaked the token.
pub const MAX_ACT_DEPTH: usize = 4;

/// Somebody whom an issuer has named.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    alias: Arc<str>,
    subject: String,
    kind: IdentityKind,
    entity_id: String,
}

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// A human being.
    Person,
    /// A program: an agent, a service, a job.
    Workload,
}

/// Who makes a request: the subject on whose behalf, and the actor by whose hand. Both must be permitted.
#[derive(Clone, Debug)]
pub struct Caller {
    token: Arc<VerifiedToken>,
}

/// Subject and actors of one token.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) subject: Identity,
    pub(crate) actor: Identity,
    pub(crate) earlier: Vec<Identity>,
}

// === impl Identity ===

impl Identity {
    pub(crate) fn new(alias: &Arc<str>, subject: &str, kind: IdentityKind) -> Self {
        let entity_id = format!("{alias}/{subject}");
        Self { alias: Arc::clone(alias), subject: subject.to_owned(), kind, entity_id }
    }

    /// Alias of the issuer that names it.
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// Its `sub`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What it is.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// `<alias>/<sub>`: the id of its entity. Two issuers' alice are two people.
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.kind).field(&self.entity_id).finish()
    }
}

// === impl IdentityKind ===

impl IdentityKind {
    /// The word that logs and ledgers use.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Workload => "workload",
        }
    }
}

// === impl Caller ===

impl Caller {
    /// Who makes a request with this token. A token that another verifier made is refused: what it was allowed to
    /// assert may have changed since.
    ///
    /// A token that is bound is its holder's: `certificate` says which one the connection has shown, and is asked only
    /// where one is needed; `key` is the key of which the request has brought a proof.
    pub fn resolve(
        token: Arc<VerifiedToken>,
        verifier: &Verifier,
        certificate: impl FnOnce() -> Option<Thumbprint>,
        key: ProvenKey,
    ) -> Result<Self, TokenError> {
        if !token.is_of(verifier.rules()) {
            return Err(TokenError::IssuerUnknown { issuer: excerpt(token.issuer_alias()) });
        }
        token.confirmation().check(certificate, key)?;
        Ok(Self { token })
    }

    /// On whose behalf.
    pub fn subject(&self) -> &Identity {
        &self.token.chain().subject
    }

    /// By whose hand: the outermost `act`, or the subject itself where there is none.
    pub fn actor(&self) -> &Identity {
        &self.token.chain().actor
    }

    /// The actors before, latest first. For the record only: RFC 8693 section 4.1 keeps them out of decisions.
    pub fn earlier(&self) -> &[Identity] {
        &self.token.chain().earlier
    }

    /// The token that says so.
    pub fn token(&self) -> &Arc<VerifiedToken> {
        &self.token
    }
}

// === impl Chain ===

impl Chain {
    /// Reads `act` and holds every actor in it against what the issuer may assert.
    pub(crate) fn read(
        rules: &RuleSet,
        issuer: &Issuer,
        subject: &str,
        act: Option<&Value>,
    ) -> Result<Self, TokenError> {
        let kind = match issuer.rules().kind {
            IssuerKind::Delegated => IdentityKind::Person,
            IssuerKind::Workload => IdentityKind::Workload,
        };
        let subject = Identity::new(issuer.alias(), subject, kind);

        let mut actors = Vec::new();
        let mut next = act;
        while let Some(act) = next {
            // INVARIANT: a chain that is too long is refused, never cut.
            if actors.len() >= MAX_ACT_DEPTH {
                return Err(TokenError::DelegationTooDeep);
            }
            actors.push(actor(rules, issuer, act)?);
            next = act.get("act");
        }

        let mut actors = actors.into_iter();
        match (actors.next(), kind) {
            (Some(actor), _) => Ok(Self { subject, actor, earlier: actors.collect() }),
            (None, IdentityKind::Workload) => {
                Ok(Self { actor: subject.clone(), subject, earlier: Vec::new() })
            }
            (None, IdentityKind::Person) => {
                Err(TokenError::DelegationMissing { issuer: Arc::clone(issuer.alias()) })
            }
        }
    }
}

/// One `act` object: `sub`, and `iss` unless the token's issuer vouches for its actors. Other members, such as
/// `exp` or `cnf`, have no meaning there (RFC 8693 section 4.1).
fn actor(rules: &RuleSet, issuer: &Issuer, act: &Value) -> Result<Identity, TokenError> {
    let members = act.as_object().ok_or_else(|| malformed("not an object"))?;
    let subject = members.get("sub").ok_or_else(|| malformed("`sub` is missing"))?;
    let subject = subject.as_str().ok_or_else(|| malformed("`sub` is not a string"))?;
    if !is_name(subject) {
        return Err(malformed("`sub` is empty or has control characters"));
    }

    let actor_issuer: &Issuer = match members.get("iss") {
        None if issuer.vouches_for_actors() => issuer,
        None => return Err(TokenError::DelegationActorUntrusted { actor_issuer: None }),
        Some(value) => {
            let iss = value.as_str().ok_or_else(|| malformed("`iss` is not a string"))?;
            rules
                .named(iss)
                .filter(|_| issuer.may_assert(iss))
                .ok_or_else(|| TokenError::DelegationActorUntrusted { actor_issuer: Some(excerpt(iss)) })?
        }
    };
    if let Some(trust_domain) = actor_issuer.trust_domain() {
        SpiffeId::parse(subject)
            .ok()
            .filter(|id| id.trust_domain() == trust_domain)
            .ok_or_else(|| malformed("`sub` is not a SPIFFE ID of the trust domain that `iss` names"))?;
    }
    Ok(Identity::new(actor_issuer.alias(), subject, IdentityKind::Workload))
}

fn malformed(problem: &'static str) -> TokenError {
    TokenError::DelegationMalformed { problem }
}
