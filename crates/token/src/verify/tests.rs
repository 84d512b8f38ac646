use jwt_simple::prelude::{Claims, Duration, HS256Key, MACLike as _};
use serde_json::{Value, json};

use crate::fixture::{
    AGENT, AUDIENCE, ISSUER, NOW, TestKey, World, base64url, demo_claims, demo_rules, svid_rules, with,
};
use crate::issuer::{IssuerKind, IssuerRules};
use crate::time::UnixTime;
use crate::verify::Verifier;

#[test]
fn a_verified_token_says_what_was_signed() {
    let mut world = World::demo();
    let claims = with(&demo_claims(), "scope", json!("git:read secrets:read"));
    let claims =
        with(&claims, "authorization_details", json!([{"type": "actgate", "actions": ["git.fetch"]}]));
    let token = world.key.token(&claims);
    let token = world.verify(&token).unwrap();
    assert_eq!((token.issuer_alias(), token.issuer(), token.kind()), ("demo", ISSUER, IssuerKind::Delegated));
    assert_eq!((token.subject(), token.jti(), token.client_id()), ("alice@demo", Some("t-1"), Some("coder")));
    assert_eq!(token.key_id(), Some("k1"));
    assert_eq!(token.scope().unwrap(), ["git:read", "secrets:read"]);
    assert_eq!(token.authorization_details().unwrap()[0]["actions"], json!(["git.fetch"]));
    assert_eq!((token.expires(), token.issued_at()), (UnixTime::new(NOW + 600), Some(UnixTime::new(NOW))));
    assert_eq!(token.claims().groups, Vec::<String>::new());

    let plain = world.key.token(&demo_claims());
    let plain = world.verify(&plain).unwrap();
    assert_eq!((plain.scope(), plain.authorization_details()), (None, None));
}

#[test]
fn an_svid_is_a_workload_that_acts_for_itself() {
    let key = TestKey::p256();
    let rules = svid_rules(&key);
    let mut world = World::with(key, vec![rules]);
    let claims = json!({"sub": AGENT, "aud": [AUDIENCE], "exp": NOW + 300});
    let token = world.key.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims.to_string());
    let token = world.verify(&token).unwrap();
    assert_eq!((token.issuer_alias(), token.issuer(), token.subject()), ("mesh", "spiffe://demo", AGENT));
    assert_eq!((token.jti(), token.client_id(), token.issued_at()), (None, None, None));
    assert_eq!(token.chain().actor.entity_id(), "mesh/spiffe://demo/agent/coder");
}

#[test]
fn unsigned_tokens_are_refused() {
    let mut world = World::demo();
    let claims = base64url(demo_claims().to_string().as_bytes());
    let genuine = world.key.token(&demo_claims());
    let signature = genuine.rsplit_once('.').unwrap().1;
    for algorithm in ["none", "None", "NONE", "nOnE", "noNE", ""] {
        let header = json!({"alg": algorithm, "kid": "k1", "typ": "at+jwt"}).to_string();
        let header = base64url(header.as_bytes());
        assert_eq!(world.code(&format!("{header}.{claims}.")), "token_algorithm_refused", "{algorithm}");
        assert_eq!(
            world.code(&format!("{header}.{claims}.{signature}")),
            "token_algorithm_refused",
            "{algorithm}"
        );
    }
    let header = base64url(br#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#);
    assert_eq!(world.code(&format!("{header}.{claims}.")), "token_signature_invalid");
}

#[test]
fn a_public_key_is_not_a_shared_secret() {
    // RFC 8725 section 2.1: an HMAC keyed with what everybody knows.
    let mut world = World::demo();
    let TestKey::Ed25519(pair) = &world.key else { panic!("the demo signs with Ed25519") };
    let public = pair.public_key();
    for secret in [public.to_bytes(), public.to_der(), public.to_pem().into_bytes()] {
        let mut claims = Claims::with_custom_claims(demo_claims(), Duration::from_mins(5));
        (claims.issued_at, claims.expires_at, claims.invalid_before) = (None, None, None);
        let token = HS256Key::from_bytes(&secret).with_key_id("k1").authenticate(claims).unwrap();
        assert_eq!(world.code(&token), "token_algorithm_refused");

        // Said to be a signature, the HMAC is none.
        let mac = token.rsplit_once('.').unwrap().1;
        let genuine = world.key.token(&demo_claims());
        let input = genuine.rsplit_once('.').unwrap().0;
        assert_eq!(world.code(&format!("{input}.{mac}")), "token_signature_invalid");
    }
}

#[test]
fn a_key_that_the_token_brings_is_not_used() {
    let mut world = World::demo();
    let attacker = TestKey::ed25519();
    for header in [
        json!({"alg": "EdDSA", "kid": "k1", "typ": "at+jwt", "jwk": attacker.jwk("k1")}),
        json!({"alg": "EdDSA", "kid": "k1", "typ": "at+jwt", "jku": "https://attacker.example/jwks"}),
        json!({"alg": "EdDSA", "kid": "k1", "typ": "at+jwt", "x5u": "https://attacker.example/cert"}),
        json!({"alg": "EdDSA", "kid": "k1", "typ": "at+jwt", "x5c": ["MIIB"]}),
    ] {
        let token = attacker.sign(&header.to_string(), &demo_claims().to_string());
        assert_eq!(world.code(&token), "token_malformed", "{header}");
    }
    assert_eq!(world.code(&attacker.token(&demo_claims())), "token_signature_invalid");
}

#[test]
fn extensions_that_change_what_is_signed_are_refused_though_genuine() {
    let mut world = World::demo();
    for extension in [
        json!({"crit": ["exp"], "exp": NOW}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
    ] {
        let mut header = json!({"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"});
        header.as_object_mut().unwrap().extend(extension.as_object().unwrap().clone());
        let token = world.key.sign(&header.to_string(), &demo_claims().to_string());
        assert_eq!(world.code(&token), "token_malformed", "{header}");
    }
}

#[test]
fn a_jwe_is_not_a_jws() {
    let mut world = World::demo();
    let header = base64url(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    assert_eq!(world.code(&format!("{header}.a2V5.aXY.Y2lwaGVydGV4dA.dGFn")), "token_malformed");
    assert_eq!(world.code(&format!("{header}.a2V5.aXY")), "token_malformed");
}

#[test]
fn duplicate_members_are_refused_though_genuine() {
    let mut world = World::demo();
    let claims = demo_claims().to_string();
    let header = r#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#;
    let duplicates = [
        (header.to_owned(), claims.replacen('{', r#"{"sub":"mallory@demo","#, 1)),
        (header.to_owned(), claims.replacen('{', r#"{"s\u0075b":"mallory@demo","#, 1)),
        (header.to_owned(), claims.replace(r#"{"sub":"spiffe"#, r#"{"sub":"a","sub":"spiffe"#)),
        (header.replacen('{', r#"{"alg":"none","#, 1), claims.clone()),
        (header.replacen('{', r#"{"kid":"k2","#, 1), claims.clone()),
    ];
    for (header, claims) in duplicates {
        let token = world.key.sign(&header, &claims);
        assert_eq!(world.code(&token), "token_malformed", "{header} {claims}");
    }
    let token = world.key.sign(header, &claims);
    assert_eq!(world.code(&token), "ok");
}

#[test]
fn nothing_is_said_about_claims_before_the_signature() {
    let mut world = World::demo();
    let attacker = TestKey::ed25519();
    let wrong: [(&str, Value); 6] = [
        ("aud", json!("elsewhere")),
        ("exp", json!(NOW - 3600)),
        ("iat", json!(NOW + 3600)),
        ("cnf", json!({"jkt": "x"})),
        ("act", json!(7)),
        ("scope", json!(7)),
    ];
    for (claim, value) in wrong {
        let claims = with(&demo_claims(), claim, value);
        assert_ne!(world.claims_code(&claims), "token_signature_invalid", "{claim}");
        assert_eq!(world.code(&attacker.token(&claims)), "token_signature_invalid", "{claim}");
    }
}

#[test]
fn a_claim_that_only_the_library_reads_has_its_type() {
    let mut world = World::demo();
    assert_eq!(world.claims_code(&with(&demo_claims(), "nonce", json!(1))), "token_claim_invalid");
    assert_eq!(world.claims_code(&with(&demo_claims(), "nonce", json!("n-0S6_WzA2Mj"))), "ok");
}

#[test]
fn size_is_refused_before_anything_is_read() {
    let mut world = World::demo();
    let claims = with(&demo_claims(), "padding", json!("x".repeat(8192)));
    assert_eq!(world.claims_code(&claims), "token_too_large");
}

#[test]
fn without_issuers_nobody_is_known() {
    let mut world = World::with(TestKey::ed25519(), Vec::new());
    assert_eq!(world.claims_code(&demo_claims()), "token_issuer_unknown");
}

#[test]
fn debug_of_a_verified_token_shows_no_credential() {
    let mut world = World::demo();
    let credential = world.key.token(&demo_claims());
    let shown = format!("{:?}", world.verify(&credential).unwrap());
    assert!(shown.contains("alice@demo"), "{shown}");
    assert!(credential.split('.').all(|segment| !shown.contains(segment)), "{shown}");
}

#[test]
fn a_verifier_can_be_shared() {
    fn is_shared<T: Clone + Send + Sync>(_: &T) {}
    let key = TestKey::ed25519();
    let verifier = Verifier::new(vec![IssuerRules { skew_seconds: 0, ..demo_rules(&key) }]).unwrap();
    is_shared(&verifier);
}
