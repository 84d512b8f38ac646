//! Who is asking: compact JWS, JWK sets, claims, verification and delegation.
//!
//! The crate does no I/O: the credential's bytes, the keys and the time are arguments. What a caller says about
//! itself enters as bytes and leaves as an [`Arc<VerifiedToken>`](VerifiedToken), which only
//! [`Verifier::verify`] can make, and from that as a [`Caller`]: on whose behalf, and by whose hand. What people say to
//! a held call comes back as a [`Grant`], which only [`GrantVerifier::verify`] can make.
//!
//! Every doubt is a [`TokenError`]; nothing is repaired and there is no switch that accepts more.

#![forbid(unsafe_code)]

mod algorithm;
mod cache;
mod claims;
mod confirmation;
mod delegation;
mod dpop;
mod error;
mod grant;
mod issuer;
mod json;
mod jwk;
mod jws;
mod key_ring;
mod key_set;
mod profile;
mod rules;
mod signature;
mod spiffe;
mod thumbprint;
mod time;
mod verify;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixture;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use cache::TokenCache;
pub use claims::{ClaimMap, TaskClaims};
pub use confirmation::{Confirmation, ProvenKey};
pub use delegation::{Caller, Identity, IdentityKind, MAX_ACT_DEPTH};
pub use dpop::{
    DEFAULT_PROOF_SECONDS, InvalidOrigin, MAX_PROOF_BYTES, MAX_SHARD_BYTES, Origin, PROOF_SECONDS,
    PROOF_TYPE, Proof, ProofMemory, ProofRules, ProofStore, ProofUse, ProvenRequest, Remembering, SHARDS,
    remember, shard_since,
};
pub use error::TokenError;
pub use grant::{GRANT_TYPE, Grant, GrantBinding, GrantError, GrantVerifier, MAX_GRANT_SECONDS};
pub use issuer::{
    DEFAULT_MAX_LIFETIME_SECONDS, DEFAULT_SKEW_SECONDS, IssuerKeys, IssuerKind, IssuerRules, VerifierError,
};
pub use jwk::{SkipReason, VerifyingKey};
pub use jws::{Header, MAX_TOKEN_BYTES, UnverifiedToken};
pub use key_ring::{KeyRing, Refetch};
pub use key_set::{KeySet, KeySetError, MAX_SET_BYTES, SkippedKey};
pub use profile::Profile;
pub use signature::{Cryptography, InvalidSignature, PureRust, SignaturePort, VerifySignature};
pub use spiffe::{InvalidSpiffeId, SpiffeId};
pub use thumbprint::Thumbprint;
pub use time::UnixTime;
pub use verify::{VerifiedToken, Verifier};
