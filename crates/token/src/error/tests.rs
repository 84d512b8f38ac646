use std::collections::BTreeSet;
use std::sync::Arc;

use super::{EXCERPT_CHARS, TokenError, excerpt};
use crate::time::UnixTime;

/// One of each.
fn every_error() -> Vec<TokenError> {
    let issuer: Arc<str> = Arc::from("demo");
    let (now, earlier) = (UnixTime::new(2), UnixTime::new(1));
    vec![
        TokenError::AlgorithmRefused { algorithm: "none".to_owned() },
        TokenError::AudienceMismatch { issuer: Arc::clone(&issuer) },
        TokenError::BindingMismatch,
        TokenError::BindingUnchecked,
        TokenError::ClaimInvalid { claim: "exp", problem: "not a number" },
        TokenError::ClaimMissing { claim: "exp" },
        TokenError::DelegationActorUntrusted { actor_issuer: None },
        TokenError::DelegationMalformed { problem: "not an object" },
        TokenError::DelegationMissing { issuer: Arc::clone(&issuer) },
        TokenError::DelegationTooDeep,
        TokenError::Expired { expires: earlier, now },
        TokenError::IssuerUnknown { issuer: "https://other".to_owned() },
        TokenError::KeyUnknown { issuer: Arc::clone(&issuer), key_id: Some("k9".to_owned()) },
        TokenError::KeysUnavailable { issuer: Arc::clone(&issuer) },
        TokenError::LifetimeExceeded { max_seconds: 3600 },
        TokenError::Malformed { problem: "not three segments" },
        TokenError::NotYetValid { starts: now, now: earlier },
        TokenError::ProofInvalid { problem: "too long" },
        TokenError::ProofMissing,
        TokenError::ProofReplayed,
        TokenError::ProofUnrecorded,
        TokenError::SignatureInvalid { issuer },
        TokenError::TooLarge { bytes: 9000 },
        TokenError::TypeRefused { typ: None },
        TokenError::Unbound,
    ]
}

#[test]
fn codes_are_the_published_ones() {
    let codes: BTreeSet<&str> = every_error().iter().map(TokenError::code).collect();
    let published = "delegation_actor_untrusted delegation_malformed delegation_missing delegation_too_deep \
        dpop_proof_invalid dpop_proof_missing dpop_proof_replayed dpop_proof_unrecorded \
        token_algorithm_refused token_audience_mismatch token_binding_mismatch token_binding_unchecked \
        token_claim_invalid token_claim_missing token_expired token_issuer_unknown token_key_unknown \
        token_keys_unavailable token_lifetime_exceeded \
        token_malformed token_not_yet_valid token_signature_invalid token_too_large token_type_refused \
        token_unbound";
    assert_eq!(codes, published.split_whitespace().collect());
}

#[test]
fn messages_begin_small_and_end_without_a_stop() {
    for error in every_error() {
        let message = error.to_string();
        assert!(message.starts_with(|first: char| !first.is_uppercase()), "{message}");
        assert!(!message.ends_with('.'), "{message}");
    }
}

#[test]
fn what_an_attacker_wrote_is_cut_and_escaped() {
    assert_eq!(excerpt("k1"), "k1");
    assert_eq!(excerpt("a\nlevel=info \"ok\"\u{1b}"), "a\\nlevel=info \\\"ok\\\"\\u{1b}");
    assert_eq!(excerpt(&"é".repeat(EXCERPT_CHARS)), "é".repeat(EXCERPT_CHARS));
    assert_eq!(excerpt(&"é".repeat(9000)), format!("{}…", "é".repeat(EXCERPT_CHARS)));
}
