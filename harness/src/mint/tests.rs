use jwt_simple::prelude::{
    Duration, ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, ES256PublicKey, ES384PublicKey,
    Ed25519PublicKey, EdDSAPublicKeyLike as _, HS256Key, MACLike as _, PS256PublicKey, RS256PublicKey,
    RSAPublicKeyLike as _, UnixTimeStamp, VerificationOptions,
};
use serde_json::{Map, Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

fn spec() -> TokenSpec {
    TokenSpec {
        profile: Profile::AtJwt,
        issuer: "https://issuer.demo".into(),
        subject: "alice@demo".into(),
        audiences: vec!["actgate-demo".into()],
        actor: Some(Actor::named("spiffe://demo/agent/coder")),
        client_id: None,
        scope: None,
        token_id: "t1".into(),
        issued_at: NOW,
        lifetime: 600,
        claims: Map::new(),
        tamper: Vec::new(),
    }
}

fn tampered(change: Tamper) -> TokenSpec {
    TokenSpec { tamper: vec![change], ..spec() }
}

fn at_now() -> Option<VerificationOptions> {
    Some(VerificationOptions {
        artificial_time: Some(UnixTimeStamp::from_secs(u64::try_from(NOW).unwrap())),
        time_tolerance: Some(Duration::from_secs(0)),
        ..VerificationOptions::default()
    })
}

/// Whether jwt-simple takes the token for one that the JWK's owner signed.
fn verifies(jwk: &Value, token: &str) -> bool {
    let text = jwk.to_string();
    type Claims = Map<String, Value>;
    match jwk["alg"].as_str().unwrap() {
        "EdDSA" => Ed25519PublicKey::from_jwk(&text).unwrap().verify_token::<Claims>(token, at_now()).is_ok(),
        "ES256" => ES256PublicKey::from_jwk(&text).unwrap().verify_token::<Claims>(token, at_now()).is_ok(),
        "ES384" => ES384PublicKey::from_jwk(&text).unwrap().verify_token::<Claims>(token, at_now()).is_ok(),
        "PS256" => PS256PublicKey::from_jwk(&text).unwrap().verify_token::<Claims>(token, at_now()).is_ok(),
        "RS256" => RS256PublicKey::from_jwk(&text).unwrap().verify_token::<Claims>(token, at_now()).is_ok(),
        other => panic!("{other}"),
    }
}

fn segment(token: &str, index: usize) -> String {
    use base64::Engine as _;
    let engine = base64::engine::GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    let bytes = engine.decode(token.split('.').nth(index).unwrap().trim_end_matches('=')).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn key() -> TokenKey {
    TokenKey::generate(Algorithm::Es256).unwrap()
}

#[test]
fn every_algorithm_signs_and_survives_its_pem() {
    for algorithm in Algorithm::ALL {
        let key = TokenKey::generate(algorithm).unwrap();
        let again = TokenKey::from_pem(algorithm, &key.to_pem().unwrap()).unwrap();
        let jwk = key.jwk(Profile::AtJwt).unwrap();
        assert_eq!(jwk, again.jwk(Profile::AtJwt).unwrap());
        assert_eq!((&jwk["alg"], &jwk["use"]), (&json!(algorithm.name()), &json!("sig")));
        assert_eq!(jwk["kid"], json!(key.kid()));
        assert!(jwk.get("d").is_none(), "{jwk}");
        let token = spec().mint(&again).unwrap();
        assert!(verifies(&jwk, &token), "{algorithm}");
        let other = TokenKey::generate(algorithm).unwrap().jwk(Profile::AtJwt).unwrap();
        assert!(!verifies(&other, &token), "{algorithm}");
    }
}

#[test]
fn a_key_of_another_algorithm_is_refused() {
    let pem = TokenKey::generate(Algorithm::Es384).unwrap().to_pem().unwrap();
    assert_eq!(TokenKey::from_pem(Algorithm::Es256, &pem).unwrap_err().code(), "key");
    assert_eq!("es256".parse::<Algorithm>().unwrap_err().code(), "algorithm_unknown");
}

#[test]
fn debug_keeps_the_private_half() {
    let key = key();
    let pem = key.to_pem().unwrap();
    let secret = pem.lines().nth(1).unwrap();
    assert!(!format!("{key:?}").contains(secret));
}

#[test]
fn profiles_have_their_claims() {
    let key = key();
    let token = spec().mint(&key).unwrap();
    let header: Value = serde_json::from_str(&segment(&token, 0)).unwrap();
    assert_eq!(header, json!({"alg": "ES256", "kid": key.kid(), "typ": "at+jwt"}));
    assert_eq!(
        serde_json::from_str::<Value>(&segment(&token, 1)).unwrap(),
        json!({
            "act": {"sub": "spiffe://demo/agent/coder"},
            "aud": "actgate-demo",
            "client_id": "spiffe://demo/agent/coder",
            "exp": NOW + 600,
            "iat": NOW,
            "iss": "https://issuer.demo",
            "jti": "t1",
            "sub": "alice@demo",
        })
    );
    let svid = TokenSpec { profile: Profile::JwtSvid, actor: None, ..spec() };
    assert_eq!(
        Value::Object(svid.payload()),
        json!({"aud": "actgate-demo", "exp": NOW + 600, "iat": NOW, "sub": "alice@demo"})
    );
    let generic = TokenSpec { profile: Profile::Generic, audiences: vec!["a".into(), "b".into()], ..spec() };
    assert_eq!(generic.payload().get("aud"), Some(&json!(["a", "b"])));
    assert_eq!(generic.payload().get("client_id"), None);
}

#[test]
fn claims_replace_and_actors_nest() {
    let mut spec = spec();
    spec.claims.insert("ticket".into(), json!("CHG-1"));
    spec.claims.insert("exp".into(), json!("soon"));
    spec.scope = Some("read write".into());
    spec.actor = Some(Actor {
        issuer: Some("https://other".into()),
        earlier: Some(Box::new(Actor::named("first"))),
        ..Actor::named("second")
    });
    let claims = Value::Object(spec.payload());
    assert_eq!(claims["ticket"], "CHG-1");
    assert_eq!(claims["exp"], "soon");
    assert_eq!(claims["scope"], "read write");
    assert_eq!(claims["act"], json!({"sub": "second", "iss": "https://other", "act": {"sub": "first"}}));
}

#[test]
fn token_ids_do_not_repeat() {
    assert_ne!(random_token_id(), random_token_id());
    assert_eq!(random_token_id().len(), 22);
}

#[test]
fn what_changes_the_content_is_signed_over() {
    let key = key();
    let jwk = key.jwk(Profile::AtJwt).unwrap();
    for (change, part, expected) in [
        (Tamper::Header { name: "crit".into(), value: json!(["x"]) }, 0, r#""crit":["x"]"#),
        (Tamper::Header { name: "typ".into(), value: json!("JWT") }, 0, r#""typ":"JWT""#),
        (Tamper::DuplicateHeader { name: "alg".into(), value: json!("ES256") }, 0, r#","alg":"ES256"}"#),
        (Tamper::DuplicateClaim { name: "sub".into(), value: json!("bob@demo") }, 1, r#","sub":"bob@demo"}"#),
        (Tamper::RawPayload("[1]".into()), 1, "[1]"),
        (Tamper::RawHeader("{}".into()), 0, "{}"),
        (Tamper::DirtyPayload, 1, r#""sub":"alice@demo""#),
        (Tamper::PadPayload, 1, r#""sub":"alice@demo""#),
    ] {
        let token = tampered(change.clone()).mint(&key).unwrap();
        assert!(segment(&token, part).contains(expected), "{change:?}");
        let (message, _) = token.rsplit_once('.').unwrap();
        let again = key.signature(message.as_bytes()).unwrap();
        assert!(token.ends_with(&signing::encode(again)), "{change:?}: signed over");
    }
    let gone = tampered(Tamper::RemoveClaim("jti".into())).mint(&key).unwrap();
    assert!(!segment(&gone, 1).contains("jti") && verifies(&jwk, &gone));
    let gone = tampered(Tamper::RemoveHeader("kid".into())).mint(&key).unwrap();
    assert!(!segment(&gone, 0).contains("kid") && verifies(&jwk, &gone));
}

#[test]
fn what_breaks_the_signature_breaks_it() {
    let key = key();
    let jwk = key.jwk(Profile::AtJwt).unwrap();
    assert!(verifies(&jwk, &spec().mint(&key).unwrap()));
    for change in [
        Tamper::AlgorithmNone,
        Tamper::AlterClaim { name: "sub".into(), value: json!("bob@demo") },
        Tamper::EmptySignature,
        Tamper::ExtraSegment,
        Tamper::FlipSignature,
        Tamper::HmacWithPublicKey,
        Tamper::LineBreak,
        Tamper::NoSignature,
        Tamper::WrongKey,
    ] {
        let token = tampered(change.clone()).mint(&key).unwrap();
        assert!(!verifies(&jwk, &token), "{change:?}");
    }
    let altered =
        tampered(Tamper::AlterClaim { name: "sub".into(), value: json!("bob@demo") }).mint(&key).unwrap();
    assert!(segment(&altered, 1).contains("bob@demo"));
    let none = tampered(Tamper::AlgorithmNone).mint(&key).unwrap();
    assert!(segment(&none, 0).contains(r#""alg":"none""#) && none.ends_with('.'));
    assert_eq!(tampered(Tamper::NoSignature).mint(&key).unwrap().split('.').count(), 2);
    assert_eq!(tampered(Tamper::ExtraSegment).mint(&key).unwrap().split('.').count(), 4);
    assert!(tampered(Tamper::PadPayload).mint(&key).unwrap().contains("=."));
}

#[test]
fn the_confused_algorithm_is_a_good_hmac_under_the_public_key() {
    let key = key();
    let token = tampered(Tamper::HmacWithPublicKey).mint(&key).unwrap();
    let secret = HS256Key::from_bytes(key.public_pem().unwrap().as_bytes());
    assert!(secret.verify_token::<Map<String, Value>>(&token, at_now()).is_ok());
    assert!(segment(&token, 0).contains(r#""typ":"at+jwt""#));
    assert!(segment(&token, 1).contains(r#""sub":"alice@demo""#));
}

#[test]
fn a_tampering_that_would_change_nothing_is_an_error() {
    let key = key();
    for change in [
        vec![Tamper::RemoveClaim("nbf".into())],
        vec![Tamper::DuplicateClaim { name: "nbf".into(), value: json!(1) }],
        vec![Tamper::RawPayload("{}".into()), Tamper::RemoveClaim("sub".into())],
        vec![Tamper::EmptySignature, Tamper::FlipSignature],
    ] {
        let spec = TokenSpec { tamper: change.clone(), ..spec() };
        assert_eq!(spec.mint(&key).unwrap_err().code(), "tamper", "{change:?}");
    }
}

#[test]
fn tampering_is_written_in_case_files() {
    let list: Vec<Tamper> = serde_json::from_value(json!([
        "algorithm_none",
        {"header": {"name": "crit", "value": ["x"]}},
        {"raw_payload": "{"},
    ]))
    .unwrap();
    assert_eq!(list[0], Tamper::AlgorithmNone);
    assert_eq!(list[1], Tamper::Header { name: "crit".into(), value: json!(["x"]) });
    assert_eq!(list[2], Tamper::RawPayload("{".into()));
    assert!(serde_json::from_value::<Tamper>(json!("flip")).is_err());
    assert!(serde_json::from_value::<Tamper>(json!({"header": {"name": "a", "value": 1, "x": 1}})).is_err());
}
