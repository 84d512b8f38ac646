//! One issuer's rules, as configuration gives them.

use crate::algorithm::Algorithm;
use crate::claims::ClaimMap;
use crate::jwk::VerifyingKey;
use crate::key_set::KeySet;
use crate::profile::Profile;
use crate::spiffe::trust_domain_of;

#[cfg(test)]
mod tests;

/// Longest lifetime of a token where configuration says nothing: an hour is what agents' tokens commonly live,
/// and a stolen one is useful for no longer.
pub const DEFAULT_MAX_LIFETIME_SECONDS: i64 = 3600;

/// Difference between the issuer's clock and this one that is forgiven where configuration says nothing:
/// machines that run NTP are seconds apart at most.
pub const DEFAULT_SKEW_SECONDS: i64 = 30;

/// Largest skew that can be configured. RFC 7519 section 4.1.4 speaks of "no more than a few minutes".
const MAX_SKEW_SECONDS: i64 = 300;

/// What an issuer's tokens stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssuerKind {
    /// `sub` is a person; the agent that acts for them is in `act`, and a token without it is refused.
    Delegated,
    /// `sub` is a workload: the agent itself, unless `act` names another one that acts for it.
    Workload,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// They are published at an address, and the host puts them into the [`crate::KeyRing`].
    Fetched,
    /// They are configured.
    Given(KeySet),
}

/// One issuer's rules.
#[derive(Clone, Debug)]
pub struct IssuerRules {
    /// The short name that stands before `sub` in every identity of this issuer: letters, digits, `.`, `_`, `-`.
    pub alias: String,
    /// The exact `iss`; for [`Profile::JwtSvid`] the trust domain, as `spiffe://example.org`.
    pub issuer: String,
    /// The names of this gateway, one of which must be in `aud`.
    pub audiences: Vec<String>,
    /// Where the issuer's keys come from.
    pub keys: IssuerKeys,
    /// What its tokens stand for.
    pub kind: IssuerKind,
    /// Which kind of token it sends.
    pub profile: Profile,
    /// The algorithms that may be used, beside what the keys are pinned to.
    pub algorithms: Vec<Algorithm>,
    /// The `typ` values that are accepted; `None` leaves it to the profile.
    pub types: Option<Vec<String>>,
    /// Longest lifetime of a token, [`DEFAULT_MAX_LIFETIME_SECONDS`] if in doubt.
    pub max_lifetime_seconds: i64,
    /// Difference of clocks that is forgiven, [`DEFAULT_SKEW_SECONDS`] if in doubt.
    pub skew_seconds: i64,
    /// The `act.iss` values that this issuer may assert, each the `issuer` of a configured issuer. Its own
    /// `issuer` among them means that it vouches for its actors, and `act.iss` may be left out.
    pub act_issuers: Vec<String>,
    /// Where in the claims the facts for policies are.
    pub claims: ClaimMap,
}

/// Why a set of issuers cannot be used. Each names the position of the issuer and the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// An actor's issuer that is not configured.
    #[error("act_issuers: no configured issuer is `{value}`")]
    ActIssuerUnknown {
        /// Position of the issuer.
        issuer: usize,
        /// The unknown issuer.
        value: String,
    },
    /// Two issuers with one alias: their subjects would be the same people.
    #[error("alias: `{alias}` is taken by another issuer")]
    AliasDuplicate {
        /// Position of the issuer.
        issuer: usize,
        /// The alias.
        alias: String,
    },
    /// An alias that could not be told from a subject.
    #[error("alias: `{alias}` is not made of letters, digits, `.`, `_` and `-`")]
    AliasInvalid {
        /// Position of the issuer.
        issuer: usize,
        /// The alias.
        alias: String,
    },
    /// No algorithm is allowed.
    #[error("algorithms: none is allowed")]
    AlgorithmsEmpty {
        /// Position of the issuer.
        issuer: usize,
    },
    /// No audience, or an empty one: a token for anybody would do.
    #[error("audiences: none is given, or an empty one")]
    AudiencesEmpty {
        /// Position of the issuer.
        issuer: usize,
    },
    /// Two sets of rules for one `iss`.
    #[error("issuer: `{value}` is configured twice")]
    IssuerDuplicate {
        /// Position of the issuer.
        issuer: usize,
        /// The `iss`.
        value: String,
    },
    /// An empty `iss`, or not a trust domain where the profile needs one.
    #[error("issuer: `{value}` is empty, or not a trust domain such as `spiffe://example.org`")]
    IssuerInvalid {
        /// Position of the issuer.
        issuer: usize,
        /// The `iss`.
        value: String,
    },
    /// The subjects of the profile's tokens are workloads.
    #[error("kind: the subject of a token of this profile is a workload")]
    KindInvalid {
        /// Position of the issuer.
        issuer: usize,
    },
    /// No key fits the profile and the algorithms.
    #[error("keys: none fits the profile (JWT-SVID: `use` is `jwt-svid`) and the algorithms")]
    KeysUnusable {
        /// Position of the issuer.
        issuer: usize,
    },
    /// A lifetime that no token has.
    #[error("max_lifetime_seconds: {seconds} is not positive")]
    LifetimeInvalid {
        /// Position of the issuer.
        issuer: usize,
        /// The lifetime.
        seconds: i64,
    },
    /// Not a JSON pointer to a claim.
    #[error("{field}: `{pointer}` is not a JSON pointer (RFC 6901) to a claim")]
    PointerInvalid {
        /// Position of the issuer.
        issuer: usize,
        /// The field, such as `claims.task`.
        field: &'static str,
        /// The pointer.
        pointer: String,
    },
    /// A skew that is negative or makes expiry meaningless.
    #[error("skew_seconds: {seconds} is not between 0 and {MAX_SKEW_SECONDS}")]
    SkewInvalid {
        /// Position of the issuer.
        issuer: usize,
        /// The skew.
        seconds: i64,
    },
    /// A list of types that accepts nothing, or an empty type.
    #[error("types: none is given, or an empty one")]
    TypesEmpty {
        /// Position of the issuer.
        issuer: usize,
    },
}

// === impl IssuerKeys ===

impl From<KeySet> for IssuerKeys {
    fn from(keys: KeySet) -> Self {
        Self::Given(keys)
    }
}

// === impl IssuerRules ===

impl IssuerRules {
    /// Whether its tokens may be signed with `algorithm`.
    pub(crate) fn accepts_algorithm(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm) && self.profile.accepts_algorithm(algorithm)
    }

    /// What can be checked without the other issuers.
    pub(crate) fn check(&self, issuer: usize) -> Result<(), VerifierError> {
        // INVARIANT: an alias has no slash, so that `<alias>/<sub>` has one reading and no subject of one issuer
        // can name a subject of another.
        let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if self.alias.is_empty() || !self.alias.bytes().all(named) {
            return Err(VerifierError::AliasInvalid { issuer, alias: self.alias.clone() });
        }
        let valid = match self.profile {
            Profile::JwtSvid => trust_domain_of(&self.issuer).is_some(),
            Profile::AtJwt | Profile::Generic | Profile::GitHubActions | Profile::Kubernetes => {
                !self.issuer.is_empty()
            }
        };
        if !valid {
            return Err(VerifierError::IssuerInvalid { issuer, value: self.issuer.clone() });
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err(VerifierError::AudiencesEmpty { issuer });
        }
        if self.profile.is_of_workloads() && self.kind == IssuerKind::Delegated {
            return Err(VerifierError::KindInvalid { issuer });
        }
        if self.algorithms.is_empty() {
            return Err(VerifierError::AlgorithmsEmpty { issuer });
        }
        let fits =
            |key: &VerifyingKey| self.profile.accepts_key(key) && self.accepts_algorithm(key.algorithm());
        let none_fits = match &self.keys {
            IssuerKeys::Given(keys) => !keys.iter().any(fits),
            IssuerKeys::Fetched => false,
        };
        if none_fits {
            return Err(VerifierError::KeysUnusable { issuer });
        }
        if self.types.as_ref().is_some_and(|types| types.is_empty() || types.iter().any(String::is_empty)) {
            return Err(VerifierError::TypesEmpty { issuer });
        }
        if self.max_lifetime_seconds <= 0 {
            return Err(VerifierError::LifetimeInvalid { issuer, seconds: self.max_lifetime_seconds });
        }
        if !(0..=MAX_SKEW_SECONDS).contains(&self.skew_seconds) {
            return Err(VerifierError::SkewInvalid { issuer, seconds: self.skew_seconds });
        }
        match self.claims.invalid_pointer() {
            None => Ok(()),
            Some((field, pointer)) => {
                Err(VerifierError::PointerInvalid { issuer, field, pointer: pointer.to_owned() })
            }
        }
    }
}

// === impl VerifierError ===

impl VerifierError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ActIssuerUnknown { .. } => "issuer_act_issuer_unknown",
            Self::AliasDuplicate { .. } => "issuer_alias_duplicate",
            Self::AliasInvalid { .. } => "issuer_alias_invalid",
            Self::AlgorithmsEmpty { .. } => "issuer_algorithms_empty",
            Self::AudiencesEmpty { .. } => "issuer_audiences_empty",
            Self::IssuerDuplicate { .. } => "issuer_duplicate",
            Self::IssuerInvalid { .. } => "issuer_invalid",
            Self::KindInvalid { .. } => "issuer_kind_invalid",
            Self::KeysUnusable { .. } => "issuer_keys_unusable",
            Self::LifetimeInvalid { .. } => "issuer_lifetime_invalid",
            Self::PointerInvalid { .. } => "issuer_pointer_invalid",
            Self::SkewInvalid { .. } => "issuer_skew_invalid",
            Self::TypesEmpty { .. } => "issuer_types_empty",
        }
    }

    /// Position of the issuer in the list that was given.
    pub const fn issuer(&self) -> usize {
        match self {
            Self::ActIssuerUnknown { issuer, .. }
            | Self::AliasDuplicate { issuer, .. }
            | Self::AliasInvalid { issuer, .. }
            | Self::AlgorithmsEmpty { issuer }
            | Self::AudiencesEmpty { issuer }
            | Self::IssuerDuplicate { issuer, .. }
            | Self::IssuerInvalid { issuer, .. }
            | Self::KindInvalid { issuer }
            | Self::KeysUnusable { issuer }
            | Self::LifetimeInvalid { issuer, .. }
            | Self::PointerInvalid { issuer, .. }
            | Self::SkewInvalid { issuer, .. }
            | Self::TypesEmpty { issuer } => *issuer,
        }
    }

    /// The field of [`IssuerRules`] that is wrong, with a dot before a field of its [`ClaimMap`].
    pub const fn field(&self) -> &'static str {
        match self {
            Self::ActIssuerUnknown { .. } => "act_issuers",
            Self::AliasDuplicate { .. } | Self::AliasInvalid { .. } => "alias",
            Self::AlgorithmsEmpty { .. } => "algorithms",
            Self::AudiencesEmpty { .. } => "audiences",
            Self::IssuerDuplicate { .. } | Self::IssuerInvalid { .. } => "issuer",
            Self::KindInvalid { .. } => "kind",
            Self::KeysUnusable { .. } => "keys",
            Self::LifetimeInvalid { .. } => "max_lifetime_seconds",
            Self::PointerInvalid { field, .. } => field,
            Self::SkewInvalid { .. } => "skew_seconds",
            Self::TypesEmpty { .. } => "types",
        }
    }
}
