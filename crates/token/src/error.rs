//! Why a credential is refused.

use std::sync::Arc;

use crate::delegation::MAX_ACT_DEPTH;
use crate::jws::MAX_TOKEN_BYTES;
use crate::time::UnixTime;

#[cfg(test)]
mod tests;

/// Why a credential is refused. The variants carry detail for the operator's log; [`TokenError::code`] is the
/// part that an agent may see.
///
/// Text that comes from the credential is shortened and escaped on the way in, so that an error can be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// `alg` is not an algorithm that may be used, not one of the issuer's, or not the one the key is pinned to
    /// (RFC 8725 section 3.1).
    #[error("algorithm `{algorithm}` is refused")]
    AlgorithmRefused {
        /// The `alg` of the header.
        algorithm: String,
    },
    /// `aud` does not name this gateway (RFC 8725 section 3.9).
    #[error("the token of issuer `{issuer}` is for another audience")]
    AudienceMismatch {
        /// Alias of the issuer.
        issuer: Arc<str>,
    },
    /// The token is bound to another certificate or key than the one that its presenter has shown (RFC 8705 section 3, RFC
    /// 9449 section 4.3).
    #[error("the token is bound to another certificate or key than the presenter's")]
    BindingMismatch,
    /// The token is bound to a key or certificate (`cnf`, RFC 7800) and nobody here can check the binding.
    #[error("the token is bound to its presenter (`cnf`) and the binding cannot be checked")]
    BindingUnchecked,
    /// A claim has the wrong type or a value that it must not have.
    #[error("claim `{claim}` is invalid: {problem}")]
    ClaimInvalid {
        /// The claim's name, or the field of the claim map it is read for.
        claim: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A claim that the issuer's profile requires is not there.
    #[error("claim `{claim}` is missing")]
    ClaimMissing {
        /// The claim's name.
        claim: &'static str,
    },
    /// The issuer may not assert this actor: `act.iss` is not on its list, or is missing where the issuer does
    /// not vouch for its actors.
    #[error("the issuer may not assert an actor of {}", actor_issuer.as_deref().unwrap_or("its own"))]
    DelegationActorUntrusted {
        /// The `act.iss`, if there is one.
        actor_issuer: Option<String>,
    },
    /// `act` is not the shape of RFC 8693 section 4.1.
    #[error("`act` is malformed: {problem}")]
    DelegationMalformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A delegated issuer's token without `act`: it would carry all of a person's rights.
    #[error("the token of delegated issuer `{issuer}` names no actor (`act`)")]
    DelegationMissing {
        /// Alias of the issuer.
        issuer: Arc<str>,
    },
    /// More actors in a row than are accepted; a chain is never cut.
    #[error("more than {MAX_ACT_DEPTH} nested actors")]
    DelegationTooDeep,
    /// Past `exp`.
    #[error("the token expired at {} and it is {}", expires.seconds(), now.seconds())]
    Expired {
        /// The `exp` claim.
        expires: UnixTime,
        /// The time of the check.
        now: UnixTime,
    },
    /// No configured issuer has this `iss` (or, for JWT-SVIDs, this trust domain).
    #[error("issuer `{issuer}` is unknown")]
    IssuerUnknown {
        /// The `iss`, or the trust domain of `sub`.
        issuer: String,
    },
    /// The issuer has no key that fits: no such `kid`, or no `kid` and not exactly one candidate.
    #[error("issuer `{issuer}` has no key {}", key_id.as_deref().unwrap_or("that alone fits"))]
    KeyUnknown {
        /// Alias of the issuer.
        issuer: Arc<str>,
        /// The `kid` of the header, if there is one.
        key_id: Option<String>,
    },
    /// The issuer's keys are fetched and not there: not yet, no longer, or there may be a new one that is being fetched.
    #[error("the keys of issuer `{issuer}` are not available at the moment")]
    KeysUnavailable {
        /// Alias of the issuer.
        issuer: Arc<str>,
    },
    /// The token lives longer than the issuer's tokens may.
    #[error("the token lives longer than {max_seconds} s")]
    LifetimeExceeded {
        /// The longest lifetime the issuer may give.
        max_seconds: i64,
    },
    /// Not a compact JWS in its one canonical form, or a header that is never accepted.
    #[error("malformed token: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Before `nbf` or before `iat`, beyond the skew.
    #[error("the token is valid from {} on and it is {}", starts.seconds(), now.seconds())]
    NotYetValid {
        /// The `nbf` or `iat` claim.
        starts: UnixTime,
        /// The time of the check.
        now: UnixTime,
    },
    /// A proof of possession is not one, or not of this request (RFC 9449 section 4.3).
    #[error("the proof of possession is not valid: {problem}")]
    ProofInvalid {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The token is bound to a key, and no proof of it came (RFC 9449 section 7.1).
    #[error("the token is bound to a key: send it as `DPoP` with a proof")]
    ProofMissing,
    /// The proof was used before (RFC 9449 section 11.1).
    #[error("the proof of possession was used before")]
    ProofReplayed,
    /// Whether the proof was used before cannot be known, so it is not used.
    #[error("the proof of possession cannot be remembered at the moment")]
    ProofUnrecorded,
    /// The signature is not the key's over these bytes.
    #[error("the signature does not verify with the key of issuer `{issuer}`")]
    SignatureInvalid {
        /// Alias of the issuer.
        issuer: Arc<str>,
    },
    /// More bytes than a token may have.
    #[error("a token of {bytes} bytes; at most {MAX_TOKEN_BYTES} are read")]
    TooLarge {
        /// Size of the credential.
        bytes: usize,
    },
    /// `typ` is not one that the issuer's tokens have (RFC 8725 section 3.11).
    #[error("token type {} is refused", typ.as_deref().unwrap_or("(none)"))]
    TypeRefused {
        /// The `typ` of the header, if there is one.
        typ: Option<String>,
    },
    /// A proof came with a token that anybody may present (RFC 9449 section 7.1).
    #[error("the token is not bound to a key, and a proof proves nothing of it")]
    Unbound,
}

// === impl TokenError ===

impl TokenError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmRefused { .. } => "token_algorithm_refused",
            Self::AudienceMismatch { .. } => "token_audience_mismatch",
            Self::BindingMismatch => "token_binding_mismatch",
            Self::BindingUnchecked => "token_binding_unchecked",
            Self::ClaimInvalid { .. } => "token_claim_invalid",
            Self::ClaimMissing { .. } => "token_claim_missing",
            Self::DelegationActorUntrusted { .. } => "delegation_actor_untrusted",
            Self::DelegationMalformed { .. } => "delegation_malformed",
            Self::DelegationMissing { .. } => "delegation_missing",
            Self::DelegationTooDeep => "delegation_too_deep",
            Self::Expired { .. } => "token_expired",
            Self::IssuerUnknown { .. } => "token_issuer_unknown",
            Self::KeyUnknown { .. } => "token_key_unknown",
            Self::KeysUnavailable { .. } => "token_keys_unavailable",
            Self::LifetimeExceeded { .. } => "token_lifetime_exceeded",
            Self::Malformed { .. } => "token_malformed",
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::ProofInvalid { .. } => "dpop_proof_invalid",
            Self::ProofMissing => "dpop_proof_missing",
            Self::ProofReplayed => "dpop_proof_replayed",
            Self::ProofUnrecorded => "dpop_proof_unrecorded",
            Self::SignatureInvalid { .. } => "token_signature_invalid",
            Self::TooLarge { .. } => "token_too_large",
            Self::TypeRefused { .. } => "token_type_refused",
            Self::Unbound => "token_unbound",
        }
    }
}

/// How much of an attacker's text an error shows: enough for an issuer URL or a key id, too little to bury a log.
const EXCERPT_CHARS: usize = 128;

/// The beginning of `text`, with control characters and quotes escaped.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
