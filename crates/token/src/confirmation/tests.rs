#![expect(clippy::string_slice, reason = "positions in test data")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::ProvenKey;
use crate::cache::TokenCache;
use crate::delegation::Caller;
use crate::fixture::{NOW, World, base64url, demo_claims, with};
use crate::thumbprint::Thumbprint;
use crate::time::UnixTime;

const OCTETS: [u8; 32] = [0xa7; 32];

fn thumbprint(octet: u8) -> Thumbprint {
    Thumbprint::from_base64url(&base64url(&[octet; 32])).unwrap()
}

#[test]
fn a_bound_token_is_its_holders() {
    let mut world = World::demo();
    let bound = with(&demo_claims(), "cnf", json!({ "x5t#S256": base64url(&OCTETS) }));
    let token = world.key.token(&bound);
    let verified = world.verify(&token).unwrap();
    let code = |presented: Option<Thumbprint>| {
        let caller = Caller::resolve(Arc::clone(&verified), &world.verifier, || presented, ProvenKey::Absent);
        caller.map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(Some(thumbprint(0xa7))), "ok");
    assert_eq!(code(Some(thumbprint(0))), "token_binding_mismatch");
    assert_eq!(code(None), "token_binding_unchecked", "no certificate, or nobody who knows it");
}

#[test]
fn the_cache_does_not_forget_the_binding() {
    let world = World::demo();
    let bound = with(&demo_claims(), "cnf", json!({ "x5t#S256": base64url(&OCTETS) }));
    let token = world.key.token(&bound);
    let mut cache = TokenCache::default();
    for presented in [Some(thumbprint(0xa7)), None, Some(thumbprint(1)), Some(thumbprint(0xa7))] {
        let verified = world.verifier.verify(&mut cache, token.as_bytes(), UnixTime::new(NOW)).unwrap();
        let caller = Caller::resolve(verified, &world.verifier, || presented, ProvenKey::Absent);
        assert_eq!(caller.is_ok(), presented == Some(thumbprint(0xa7)));
    }
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_token_that_is_not_bound_asks_for_no_certificate() {
    let mut world = World::demo();
    let token = world.key.token(&demo_claims());
    let verified = world.verify(&token).unwrap();
    assert!(
        Caller::resolve(verified, &world.verifier, || panic!("it is asked for"), ProvenKey::Absent).is_ok()
    );
}

#[test]
fn bindings_of_any_other_form_cannot_be_checked() {
    let mut world = World::demo();
    let good = base64url(&OCTETS);
    let others: [Value; 14] = [
        json!({}),
        json!({ "jwk": {} }),
        json!({ "x5t#S256": good, "kid": "k1" }),
        json!({ "jkt": &good[1..] }),
        json!({ "jkt": format!("{good}=") }),
        json!({ "x5t#S256": good, "jkt": 1 }),
        json!({ "x5t": good }),
        json!({ "x5t#S256": "" }),
        json!({ "x5t#S256": format!("{good}=") }),
        json!({ "x5t#S256": &good[1..] }),
        json!({ "x5t#S256": base64url(&[1; 20]) }),
        json!({ "x5t#S256": [good] }),
        json!([good]),
        Value::Null,
    ];
    for cnf in others {
        assert_eq!(
            world.claims_code(&with(&demo_claims(), "cnf", cnf.clone())),
            "token_binding_unchecked",
            "{cnf}"
        );
    }
}

/// Every pair of a binding and what is shown: all of what a token is bound to has to hold, and nothing else may be there.
#[test]
fn every_binding_holds_or_the_token_is_refused() {
    let mut world = World::demo();
    let (x, k) = (base64url(&[1; 32]), base64url(&[2; 32]));
    let (right, other) = (ProvenKey::Proven(thumbprint(2)), ProvenKey::Proven(thumbprint(3)));
    let rows = [
        (json!({ "jkt": k }), None, right, "ok"),
        (json!({ "jkt": k }), None, other, "token_binding_mismatch"),
        (json!({ "jkt": k }), None, ProvenKey::Absent, "dpop_proof_missing"),
        (json!({ "jkt": k }), None, ProvenKey::Unasked, "token_binding_unchecked"),
        (json!({ "x5t#S256": x }), Some(thumbprint(1)), right, "token_unbound"),
        (json!({ "x5t#S256": x, "jkt": k }), Some(thumbprint(1)), right, "ok"),
        (json!({ "x5t#S256": x, "jkt": k }), Some(thumbprint(2)), right, "token_binding_mismatch"),
        (json!({ "x5t#S256": x, "jkt": k }), None, right, "token_binding_unchecked"),
        (json!({ "x5t#S256": x, "jkt": k }), Some(thumbprint(1)), other, "token_binding_mismatch"),
        (json!({ "x5t#S256": x, "jkt": k }), Some(thumbprint(1)), ProvenKey::Absent, "dpop_proof_missing"),
        (json!({ "x5t#S256": k, "jkt": x }), Some(thumbprint(1)), right, "token_binding_mismatch"),
    ];
    for (cnf, certificate, key, expected) in rows {
        let token = world.key.token(&with(&demo_claims(), "cnf", cnf.clone()));
        let verified = world.verify(&token).unwrap();
        let caller = Caller::resolve(verified, &world.verifier, || certificate, key);
        assert_eq!(caller.map_or_else(|error| error.code(), |_| "ok"), expected, "{cnf} {key:?}");
    }
    let plain = world.key.token(&demo_claims());
    let plain = world.verify(&plain).unwrap();
    let caller = Caller::resolve(plain, &world.verifier, || None, right);
    assert_eq!(caller.unwrap_err().code(), "token_unbound");
}
