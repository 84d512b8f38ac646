#![expect(clippy::string_slice, reason = "positions in test data")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::Thumbprint;
use crate::cache::TokenCache;
use crate::delegation::Caller;
use crate::fixture::{NOW, World, base64url, demo_claims, with};
use crate::time::UnixTime;

const OCTETS: [u8; 32] = [0xa7; 32];
const HEX: &[u8] = b"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7";

#[test]
fn hexadecimal_is_read_or_not() {
    assert_eq!(Thumbprint::from_hex(HEX), Some(Thumbprint(OCTETS)));
    assert_eq!(Thumbprint::from_hex(&HEX.to_ascii_uppercase()), Some(Thumbprint(OCTETS)));
    for wrong in [&b""[..], &HEX[1..], &HEX[2..], &HEX.repeat(2), &[b'g'; 64], &[0xff; 64], b"a7:a7"] {
        assert_eq!(Thumbprint::from_hex(wrong), None);
    }
}

#[test]
fn a_bound_token_is_its_holders() {
    let mut world = World::demo();
    let bound = with(&demo_claims(), "cnf", json!({ "x5t#S256": base64url(&OCTETS) }));
    let token = world.key.token(&bound);
    let verified = world.verify(&token).unwrap();
    let code = |presented: Option<Thumbprint>| {
        let caller = Caller::resolve(Arc::clone(&verified), &world.verifier, || presented);
        caller.map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(Some(Thumbprint(OCTETS))), "ok");
    assert_eq!(code(Some(Thumbprint([0; 32]))), "token_binding_mismatch");
    assert_eq!(code(None), "token_binding_unchecked", "no certificate, or nobody who knows it");
}

#[test]
fn the_cache_does_not_forget_the_binding() {
    let world = World::demo();
    let bound = with(&demo_claims(), "cnf", json!({ "x5t#S256": base64url(&OCTETS) }));
    let token = world.key.token(&bound);
    let mut cache = TokenCache::default();
    for presented in [Some(Thumbprint(OCTETS)), None, Some(Thumbprint([1; 32])), Some(Thumbprint(OCTETS))] {
        let verified = world.verifier.verify(&mut cache, token.as_bytes(), UnixTime::new(NOW)).unwrap();
        let caller = Caller::resolve(verified, &world.verifier, || presented);
        assert_eq!(caller.is_ok(), presented == Some(Thumbprint(OCTETS)));
    }
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_token_that_is_not_bound_asks_for_no_certificate() {
    let mut world = World::demo();
    let token = world.key.token(&demo_claims());
    let verified = world.verify(&token).unwrap();
    assert!(Caller::resolve(verified, &world.verifier, || panic!("it is asked for")).is_ok());
}

#[test]
fn bindings_of_any_other_form_cannot_be_checked() {
    let mut world = World::demo();
    let good = base64url(&OCTETS);
    let others: [Value; 11] = [
        json!({}),
        json!({ "jkt": good }),
        json!({ "x5t#S256": good, "jkt": good }),
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
