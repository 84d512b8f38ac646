//! What kind of token an issuer sends: which `typ`, which claims, which keys.
//!
//! The kinds exclude each other as RFC 8725 section 3.12 asks: a token is read by the rules of the one profile
//! its issuer is configured with.

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::error::TokenError;
use crate::jwk::{Purpose, VerifyingKey};
use crate::jws::Header;

#[cfg(test)]
mod tests;

/// The kind of token that an issuer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// An OAuth access token (RFC 9068).
    AtJwt,
    /// Any other JWT with `iss`, `sub`, `aud`, `exp` and `iat`.
    Generic,
    /// A token of a GitHub Actions run (OpenID Connect). Its `sub` has several forms and can be customised: it is an
    /// identity and is never taken apart.
    GitHubActions,
    /// A bound token of a Kubernetes service account (`TokenRequest`).
    Kubernetes,
    /// A SPIFFE JWT-SVID: the issuer is the trust domain of `sub`.
    JwtSvid,
}

// === impl Profile ===

impl Profile {
    /// The claims that must be there.
    pub(crate) fn required_claims(self) -> &'static [&'static str] {
        match self {
            // RFC 9068 section 2.2.
            Self::AtJwt => &["iss", "sub", "aud", "exp", "iat", "jti", "client_id"],
            Self::Generic => &["iss", "sub", "aud", "exp", "iat"],
            // Names can be given to other repositories and owners, ids cannot.
            Self::GitHubActions => &[
                "iss",
                "sub",
                "aud",
                "exp",
                "iat",
                "jti",
                "repository_id",
                "repository_owner_id",
                "run_id",
                "job_workflow_ref",
            ],
            // Legacy tokens, which lie in secrets and never expire, have neither `aud` nor `exp`, nor this claim.
            Self::Kubernetes => &["iss", "sub", "aud", "exp", "iat", "kubernetes.io"],
            // JWT-SVID section 3.
            Self::JwtSvid => &["sub", "aud", "exp"],
        }
    }

    /// Whether the header's `typ` is right, where the issuer has no list of its own.
    pub(crate) fn accepts_type(self, typ: Option<&str>) -> bool {
        match self {
            // RFC 9068 section 4: `at+jwt` or `application/at+jwt`.
            Self::AtJwt => typ.is_some_and(|typ| is_media_type(typ, "at+jwt")),
            // RFC 7519 section 5.1. Other types are tokens of another kind until an issuer's list names them.
            Self::Generic | Self::GitHubActions | Self::Kubernetes => {
                typ.is_none_or(|typ| is_media_type(typ, "JWT"))
            }
            // JWT-SVID section 2.3: if set, either of these values.
            Self::JwtSvid => matches!(typ, None | Some("JWT" | "JOSE")),
        }
    }

    /// Whether the header may have parameters beside `alg`, `kid` and `typ`.
    pub(crate) fn accepts_parameters(self, header: &Header) -> bool {
        match self {
            // RFC 7515 section 4: what is not understood is ignored.
            Self::AtJwt | Self::Generic | Self::GitHubActions | Self::Kubernetes => true,
            // JWT-SVID section 2: no other header parameter.
            Self::JwtSvid => !header.extended(),
        }
    }

    /// Whether tokens of this kind may be signed with `algorithm`.
    pub(crate) fn accepts_algorithm(self, algorithm: Algorithm) -> bool {
        match (self, algorithm) {
            (Self::AtJwt | Self::Generic, _) => true,
            // What its discovery document says.
            (Self::GitHubActions, algorithm) => matches!(algorithm, Algorithm::Rs256),
            // What the API server signs with: RSA with PKCS #1, and ECDSA.
            (Self::Kubernetes, algorithm) => {
                matches!(algorithm, Algorithm::Rs256 | Algorithm::Es256 | Algorithm::Es384)
            }
            // JWT-SVID section 2.1 lists the RS, ES and PS families only.
            (Self::JwtSvid, Algorithm::EdDsa) => false,
            (Self::JwtSvid, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Ps256 | Algorithm::Rs256) => {
                true
            }
        }
    }

    /// Whether its subjects are workloads, always.
    pub(crate) fn is_of_workloads(self) -> bool {
        match self {
            Self::GitHubActions | Self::Kubernetes | Self::JwtSvid => true,
            Self::AtJwt | Self::Generic => false,
        }
    }

    /// Whether the claims that only tokens of this kind have say what `sub` says.
    pub(crate) fn check_claims(self, claims: &Map<String, Value>, subject: &str) -> Result<(), TokenError> {
        match self {
            Self::AtJwt | Self::Generic | Self::JwtSvid => Ok(()),
            Self::GitHubActions => github_ids(claims),
            Self::Kubernetes => service_account(claims.get(KUBERNETES), subject),
        }
    }

    /// Whether tokens of this kind may be signed with a key of this `use`.
    pub(crate) fn accepts_key(self, key: &VerifyingKey) -> bool {
        match (self, key.purpose()) {
            (
                Self::AtJwt | Self::Generic | Self::GitHubActions | Self::Kubernetes,
                Purpose::Any | Purpose::Signature,
            ) => true,
            (Self::AtJwt | Self::Generic | Self::GitHubActions | Self::Kubernetes, Purpose::JwtSvid) => false,
            // SPIFFE Trust Domain and Bundle section 4.2: keys with another or no `use` are ignored, because a
            // bundle also holds the keys of X.509-SVIDs.
            (Self::JwtSvid, Purpose::JwtSvid) => true,
            (Self::JwtSvid, Purpose::Any | Purpose::Signature) => false,
        }
    }
}

const KUBERNETES: &str = "kubernetes.io";

/// A service account is who `sub` says it is: of one namespace and name, with the id of this account and not of one that
/// had its name before.
fn service_account(claim: Option<&Value>, subject: &str) -> Result<(), TokenError> {
    let text = |pointer: &str| {
        let found = claim.and_then(|claim| claim.pointer(pointer)).and_then(Value::as_str);
        found.filter(|text| !text.is_empty())
    };
    let invalid = |claim, problem| TokenError::ClaimInvalid { claim, problem };
    let problem = "not a bound service account with namespace, name and uid";
    let named = text("/namespace").zip(text("/serviceaccount/name")).zip(text("/serviceaccount/uid"));
    let Some(((namespace, name), _)) = named else { return Err(invalid(KUBERNETES, problem)) };
    if subject == format!("system:serviceaccount:{namespace}:{name}") {
        Ok(())
    } else {
        Err(invalid("sub", "not the service account of `kubernetes.io`"))
    }
}

/// Ids are numbers, as text.
fn github_ids(claims: &Map<String, Value>) -> Result<(), TokenError> {
    let is_number = |claim: &Value| {
        claim.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let bad = ["repository_id", "repository_owner_id", "run_id"]
        .into_iter()
        .find(|name| !claims.get(*name).is_some_and(is_number));
    match bad {
        Some(claim) => Err(TokenError::ClaimInvalid { claim, problem: "not a number as text" }),
        None => Ok(()),
    }
}

/// Compares as RFC 7515 section 4.1.9 has it: without regard to case, and a value without a slash is short for
/// `application/` and that value.
pub(crate) fn is_media_type(typ: &str, expected: &str) -> bool {
    subtype(typ).eq_ignore_ascii_case(subtype(expected))
}

fn subtype(typ: &str) -> &str {
    match typ.split_once('/') {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application") && !rest.contains('/') => rest,
        Some(_) | None => typ,
    }
}
