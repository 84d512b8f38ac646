use jwt_simple::claims::{Claims, JWTClaims, NoCustomClaims};
use jwt_simple::prelude::{
    Duration, ECDSAP384KeyPairLike as _, ECDSAP384PublicKeyLike as _, ES384KeyPair, PS256KeyPair,
    RS256KeyPair, RSAKeyPairLike as _, UnixTimeStamp,
};
use serde_json::{Value, json};

use super::oracle::{self, Verdict};
use super::{InvalidSignature, PureRust, SignaturePort as _};
use crate::fixture::{TestKey, base64url, demo_claims, key_set, with};
use crate::jwk::VerifyingKey;
use crate::jws::UnverifiedToken;
use crate::key_set::KeySet;

/// The port's verdict, which is jwt-simple's too.
fn check(keys: &KeySet, compact: &str) -> Result<(), InvalidSignature> {
    let key = keys.iter().next().unwrap();
    let token = UnverifiedToken::parse(compact.as_bytes()).expect("a compact JWS");
    let verdict = PureRust.check(key, &token);
    let oracle = oracle::ask(key, &token);
    assert_eq!(verdict.is_ok(), oracle != Verdict::Invalid, "jwt-simple says {oracle:?} of {compact}");
    verdict
}

/// The token with one bit of one octet of its signature turned.
fn with_bit_turned(compact: &str, octet: usize) -> String {
    let token = UnverifiedToken::parse(compact.as_bytes()).unwrap();
    let mut signature = token.signature().to_vec();
    signature[octet] ^= 1;
    format!("{}.{}", token.signing_input(), base64url(&signature))
}

fn with_signature(compact: &str, signature: &[u8]) -> String {
    format!("{}.{}", compact.rsplit_once('.').unwrap().0, base64url(signature))
}

/// Valid for a day in 1971: the port does not look at times.
fn long_ago() -> JWTClaims<NoCustomClaims> {
    let mut claims = Claims::create(Duration::from_days(1));
    claims.issued_at = Some(UnixTimeStamp::from_days(365));
    claims.invalid_before = None;
    claims.expires_at = Some(UnixTimeStamp::from_days(366));
    claims
}

#[test]
fn every_octet_of_a_signature_counts() {
    for key in [TestKey::ed25519(), TestKey::p256()] {
        let (keys, token) = (key_set(&[key.jwk("k1")]), key.token(&demo_claims()));
        assert_eq!(check(&keys, &token), Ok(()));
        for octet in 0..64 {
            assert_eq!(check(&keys, &with_bit_turned(&token, octet)), Err(InvalidSignature), "{octet}");
        }
    }
}

#[test]
fn header_and_claims_are_signed() {
    for key in [TestKey::ed25519(), TestKey::p256()] {
        let keys = key_set(&[key.jwk("k1")]);
        let token = key.token(&demo_claims());
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let mallory = base64url(with(&demo_claims(), "sub", json!("mallory@demo")).to_string().as_bytes());
        let other_header = base64url(json!({"alg": key.algorithm(), "typ": "at+jwt"}).to_string().as_bytes());
        assert_eq!(check(&keys, &format!("{header}.{mallory}.{signature}")), Err(InvalidSignature));
        assert_eq!(check(&keys, &format!("{other_header}.{claims}.{signature}")), Err(InvalidSignature));
    }
}

#[test]
fn signatures_of_another_shape_are_invalid() {
    for key in [TestKey::ed25519(), TestKey::p256()] {
        let (keys, token) = (key_set(&[key.jwk("k1")]), key.token(&demo_claims()));
        let signature = UnverifiedToken::parse(token.as_bytes()).unwrap().signature().to_vec();
        let (r, s) = signature.split_at(32);
        let der = [&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat();
        let shapes: [&[u8]; 6] =
            [b"", &[0; 64], &signature[..63], &[&signature[..], &[0]].concat(), &der, &[0xFF; 64]];
        for shape in shapes {
            assert_eq!(check(&keys, &with_signature(&token, shape)), Err(InvalidSignature), "{shape:?}");
        }
    }
}

#[test]
fn another_key_does_not_verify() {
    for (key, other) in [(TestKey::ed25519(), TestKey::ed25519()), (TestKey::p256(), TestKey::p256())] {
        let keys = key_set(&[other.jwk("k1")]);
        assert_eq!(check(&keys, &key.token(&demo_claims())), Err(InvalidSignature));
    }
}

#[test]
fn a_key_verifies_its_own_algorithm_only() {
    let (ed25519, p256) = (TestKey::ed25519(), TestKey::p256());
    assert_eq!(check(&key_set(&[p256.jwk("k1")]), &ed25519.token(&demo_claims())), Err(InvalidSignature));
    assert_eq!(check(&key_set(&[ed25519.jwk("k1")]), &p256.token(&demo_claims())), Err(InvalidSignature));
}

#[test]
fn both_names_of_ed25519_are_one_algorithm() {
    let key = TestKey::ed25519();
    let token = key.sign(r#"{"alg":"Ed25519","kid":"k1"}"#, "{}");
    assert_eq!(check(&key_set(&[key.jwk("k1")]), &token), Ok(()));
}

#[test]
fn p384_verifies() {
    let pair = ES384KeyPair::generate();
    let point = pair.public_key().public_key().to_bytes_uncompressed();
    let (x, y) = (base64url(&point[1..49]), base64url(&point[49..]));
    let keys = key_set(&[json!({"kty": "EC", "crv": "P-384", "x": x, "y": y})]);
    let token = pair.sign(long_ago()).unwrap();
    assert_eq!(check(&keys, &token), Ok(()));
    for octet in [0, 47, 48, 95] {
        assert_eq!(check(&keys, &with_bit_turned(&token, octet)), Err(InvalidSignature), "{octet}");
    }
}

#[test]
fn rsa_verifies_with_the_padding_of_its_algorithm() {
    let pair = RS256KeyPair::generate(2048).unwrap();
    let pss = PS256KeyPair::from_der(&pair.to_der().unwrap()).unwrap();
    let components = pair.public_key().to_components();
    let (n, e) = (base64url(&components.n), base64url(&components.e));
    let jwk = |algorithm: &str| json!({"kty": "RSA", "alg": algorithm, "n": n, "e": e});
    let (rs256, ps256) = (key_set(&[jwk("RS256")]), key_set(&[jwk("PS256")]));

    let tokens =
        [(pair.sign(long_ago()).unwrap(), &rs256, &ps256), (pss.sign(long_ago()).unwrap(), &ps256, &rs256)];
    for (token, own, other) in tokens {
        assert_eq!(check(own, &token), Ok(()));
        assert_eq!(check(other, &token), Err(InvalidSignature), "the same key with another padding");
        for octet in [0, 128, 255] {
            assert_eq!(check(own, &with_bit_turned(&token, octet)), Err(InvalidSignature), "{octet}");
        }
        for shape in [&[][..], &[0; 256], &[0; 255], &[0; 257], &[0xFF; 256]] {
            assert_eq!(check(own, &with_signature(&token, shape)), Err(InvalidSignature));
        }
    }
    // The header says PS256, the padding is that of RS256.
    let renamed = pair.sign(long_ago()).unwrap();
    let signature = UnverifiedToken::parse(renamed.as_bytes()).unwrap().signature().to_vec();
    let renamed = format!("{}.{}", base64url(br#"{"alg":"PS256"}"#), renamed.split_once('.').unwrap().1);
    assert_eq!(check(&ps256, &with_signature(&renamed, &signature)), Err(InvalidSignature));
}

#[test]
fn the_example_of_rfc_7515_appendix_a_3_verifies() {
    let keys = key_set(&[json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })]);
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y\
        b290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert_eq!(check(&keys, token), Ok(()));
}

#[test]
fn the_example_of_rfc_8037_appendix_a_4_verifies() {
    let jwk: Value =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let keys = key_set(&[jwk]);
    let key: &VerifyingKey = keys.iter().next().unwrap();
    let compact = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6\
        dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let token = UnverifiedToken::with_payload_unread(compact).unwrap();
    assert_eq!(PureRust.check(key, &token), Ok(()));
    let changed = compact.replace("RXhhbXBsZSBv", "RXhhbXBsZSBw");
    let token = UnverifiedToken::with_payload_unread(&changed).unwrap();
    assert_eq!(PureRust.check(key, &token), Err(InvalidSignature));
}
