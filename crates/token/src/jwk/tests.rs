use serde_json::{Value, json};

use super::{Purpose, SkipReason, VerifyingKey};
use crate::algorithm::Algorithm;
use crate::fixture::{TestKey, base64url, with, without};

/// The algorithm that a JWK pins, or why it is skipped.
fn parse(jwk: &Value) -> Result<Algorithm, SkipReason> {
    VerifyingKey::parse(jwk.as_object().unwrap()).map(|key| key.algorithm())
}

/// An RSA key of so many bits. Only its size and oddness are looked at before a signature is.
fn rsa(bits: usize) -> Value {
    let mut modulus = vec![0xC5; bits / 8];
    modulus[0] = 0x80;
    json!({"kty": "RSA", "kid": "r", "alg": "RS256", "n": base64url(&modulus), "e": "AQAB"})
}

fn p384() -> Value {
    // The generator of the curve (SP 800-186 section 3.2.1.4).
    json!({
        "kty": "EC",
        "crv": "P-384",
        "x": "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3",
        "y": "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f",
    })
}

#[test]
fn each_key_pins_one_algorithm() {
    assert_eq!(parse(&TestKey::ed25519().jwk("k")), Ok(Algorithm::EdDsa));
    assert_eq!(parse(&TestKey::p256().jwk("k")), Ok(Algorithm::Es256));
    assert_eq!(parse(&rsa(2048)), Ok(Algorithm::Rs256));
    assert_eq!(parse(&with(&rsa(2048), "alg", json!("PS256"))), Ok(Algorithm::Ps256));
    assert_eq!(parse(&with(&TestKey::ed25519().jwk("k"), "alg", json!("Ed25519"))), Ok(Algorithm::EdDsa));
}

#[test]
fn without_alg_the_key_says_which() {
    assert_eq!(parse(&without(&TestKey::ed25519().jwk("k"), "alg")), Ok(Algorithm::EdDsa));
    assert_eq!(parse(&without(&TestKey::p256().jwk("k"), "alg")), Ok(Algorithm::Es256));
    assert_eq!(parse(&p384()), Ok(Algorithm::Es384));
    assert_eq!(parse(&without(&rsa(2048), "alg")), Ok(Algorithm::Rs256));
}

#[test]
fn symmetric_and_private_keys_are_of_no_use() {
    let secret =
        json!({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256", "kid": "k"});
    assert_eq!(parse(&secret), Err(SkipReason::Symmetric));
    assert_eq!(parse(&with(&secret, "alg", json!("EdDSA"))), Err(SkipReason::Symmetric));
    assert_eq!(parse(&with(&TestKey::p256().jwk("k"), "d", json!("AAAA"))), Err(SkipReason::Private));
}

#[test]
fn use_and_key_ops_must_allow_to_verify() {
    let jwk = TestKey::ed25519().jwk("k");
    let purpose = |jwk: &Value| VerifyingKey::parse(jwk.as_object().unwrap()).map(|key| key.purpose());
    assert_eq!(purpose(&without(&jwk, "use")).unwrap(), Purpose::Any);
    assert_eq!(purpose(&jwk).unwrap(), Purpose::Signature);
    assert_eq!(purpose(&with(&jwk, "use", json!("jwt-svid"))).unwrap(), Purpose::JwtSvid);
    for other in ["enc", "x509-svid", "wit-svid", "SIG", ""] {
        assert_eq!(parse(&with(&jwk, "use", json!(other))), Err(SkipReason::Use), "{other}");
    }
    assert_eq!(parse(&with(&jwk, "use", json!(["sig"]))), Err(SkipReason::Malformed));

    assert_eq!(parse(&with(&jwk, "key_ops", json!(["sign", "verify"]))), Ok(Algorithm::EdDsa));
    for operations in [json!([]), json!(["sign"]), json!(["encrypt"]), json!("verify"), json!(null)] {
        assert_eq!(
            parse(&with(&jwk, "key_ops", operations.clone())),
            Err(SkipReason::Operations),
            "{operations}"
        );
    }
}

#[test]
fn alg_type_and_curve_must_agree() {
    let (ed25519, p256) = (TestKey::ed25519().jwk("k"), TestKey::p256().jwk("k"));
    let cases = [
        (with(&ed25519, "alg", json!("ES256")), SkipReason::KeyType),
        (with(&p256, "alg", json!("EdDSA")), SkipReason::KeyType),
        (with(&p256, "alg", json!("RS256")), SkipReason::KeyType),
        (with(&rsa(2048), "alg", json!("ES256")), SkipReason::KeyType),
        (with(&rsa(2048), "kty", json!("DSA")), SkipReason::KeyType),
        (with(&rsa(2048), "kty", json!("rsa")), SkipReason::KeyType),
        (with(&p256, "alg", json!("ES384")), SkipReason::Curve),
        (with(&p384(), "alg", json!("ES256")), SkipReason::Curve),
        (with(&p256, "crv", json!("secp256k1")), SkipReason::Curve),
        (with(&p256, "crv", json!("P-521")), SkipReason::Curve),
        (with(&ed25519, "crv", json!("X25519")), SkipReason::Curve),
        (with(&ed25519, "crv", json!("Ed448")), SkipReason::Curve),
        (with(&p256, "alg", json!("ES512")), SkipReason::Algorithm),
        (with(&rsa(2048), "alg", json!("none")), SkipReason::Algorithm),
        (with(&rsa(2048), "alg", json!("rs256")), SkipReason::Algorithm),
        (with(&rsa(2048), "alg", json!("HS256")), SkipReason::Algorithm),
        (with(&rsa(2048), "alg", json!("RSA-OAEP")), SkipReason::Algorithm),
    ];
    for (jwk, reason) in cases {
        assert_eq!(parse(&jwk), Err(reason), "{jwk}");
    }
}

#[test]
fn weak_material_is_of_no_use() {
    let p256 = TestKey::p256().jwk("k");
    let cases = [
        rsa(1024),
        rsa(2040),
        rsa(8192),
        with(&rsa(2048), "e", json!("Aw")),
        with(&rsa(2048), "e", json!("AQ")),
        with(&rsa(2048), "e", json!("")),
        with(&rsa(2048), "n", json!("")),
        with(&p256, "y", p256["x"].clone()),
        with(&with(&p256, "x", json!(base64url(&[0; 32]))), "y", json!(base64url(&[0; 32]))),
        // The neutral element and another point of small order.
        with(&TestKey::ed25519().jwk("k"), "x", json!(base64url(&[&[1][..], &[0; 31]].concat()))),
        with(&TestKey::ed25519().jwk("k"), "x", json!(base64url(&[0; 32]))),
    ];
    for jwk in cases {
        assert_eq!(parse(&jwk), Err(SkipReason::Weak), "{jwk}");
    }
}

#[test]
fn members_are_what_their_type_says() {
    let (ed25519, p256) = (TestKey::ed25519().jwk("k"), TestKey::p256().jwk("k"));
    let padded = format!("{}=", p256["x"].as_str().unwrap());
    let cases = [
        json!({}),
        json!({"kty": 1}),
        with(&ed25519, "kid", json!(7)),
        with(&ed25519, "alg", json!(null)),
        without(&ed25519, "crv"),
        without(&ed25519, "x"),
        without(&p256, "y"),
        without(&rsa(2048), "n"),
        without(&rsa(2048), "e"),
        with(&rsa(2048), "crv", json!("P-256")),
        with(&p256, "x", json!(padded)),
        with(&p256, "x", json!(base64url(&[1; 31]))),
        with(&p256, "x", json!(base64url(&[1; 33]))),
        with(&p256, "x", json!(12)),
    ];
    for jwk in cases {
        assert_eq!(parse(&jwk), Err(SkipReason::Malformed), "{jwk}");
    }
    assert_eq!(parse(&with(&ed25519, "x", json!(base64url(&[1; 31])))), Err(SkipReason::Weak));
}

#[test]
fn reasons_have_codes_and_words() {
    assert_eq!(SkipReason::Symmetric.code(), "jwk_symmetric");
    assert_eq!(SkipReason::Weak.code(), "jwk_weak");
    assert_eq!(SkipReason::Private.to_string(), "a private key: whoever read it can sign");
}
