use serde_json::json;

use crate::algorithm::Algorithm;
use crate::fixture::{
    AUDIENCE, NOW, TestKey, World, demo_claims, demo_rules, key_set, svid_rules, with, without,
};
use crate::issuer::{IssuerKind, IssuerRules};
use crate::profile::Profile;

/// Two issuers whose keys have the same id, and the key of the second.
fn two_issuers() -> (World, TestKey) {
    let (key, other_key) = (TestKey::ed25519(), TestKey::ed25519());
    let other = IssuerRules {
        alias: "other".to_owned(),
        issuer: "https://other.example".to_owned(),
        act_issuers: vec!["https://other.example".to_owned()],
        ..demo_rules(&other_key)
    };
    let rules = demo_rules(&key);
    (World::with(key, vec![rules, other]), other_key)
}

fn svid() -> serde_json::Value {
    json!({"sub": "spiffe://demo/agent/coder", "aud": [AUDIENCE], "exp": NOW + 300})
}

const SVID_HEADER: &str = r#"{"alg":"ES256","kid":"k1"}"#;

#[test]
fn a_key_belongs_to_its_issuer() {
    let (mut world, other_key) = two_issuers();
    let theirs = with(&demo_claims(), "iss", json!("https://other.example"));
    assert_eq!(world.claims_code(&demo_claims()), "ok");
    assert_eq!(world.verify(&other_key.token(&theirs)).unwrap().issuer_alias(), "other");
    assert_eq!(world.code(&other_key.token(&demo_claims())), "token_signature_invalid");
    assert_eq!(world.claims_code(&theirs), "token_signature_invalid");
}

#[test]
fn the_issuer_is_exactly_one_of_the_configured() {
    let mut world = World::demo();
    for issuer in
        ["https://issuer.demo/", "https://ISSUER.demo", "http://issuer.demo", "https://issuer.demo "]
    {
        assert_eq!(world.claims_code(&with(&demo_claims(), "iss", json!(issuer))), "token_issuer_unknown");
    }
    assert_eq!(world.claims_code(&without(&demo_claims(), "iss")), "token_claim_missing");
    assert_eq!(
        world.claims_code(&with(&demo_claims(), "iss", json!(["https://issuer.demo"]))),
        "token_claim_invalid"
    );
}

#[test]
fn a_type_of_another_kind_is_refused() {
    let mut world = World::demo();
    let claims = demo_claims().to_string();
    for header in [
        r#"{"alg":"EdDSA","kid":"k1"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"secevent+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"oauth-id-jag+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":""}"#,
    ] {
        let token = world.key.sign(header, &claims);
        assert_eq!(world.code(&token), "token_type_refused", "{header}");
    }
    let token = world.key.sign(r#"{"alg":"EdDSA","kid":"k1","typ":"application/at+jwt"}"#, &claims);
    assert_eq!(world.code(&token), "ok");
}

#[test]
fn a_list_of_types_replaces_the_profile_s() {
    let key = TestKey::ed25519();
    let rules = IssuerRules { types: Some(vec!["agent+jwt".to_owned()]), ..demo_rules(&key) };
    let mut world = World::with(key, vec![rules]);
    let claims = demo_claims().to_string();
    let token = |world: &World, header: &str| world.key.sign(header, &claims);
    let listed = token(&world, r#"{"alg":"EdDSA","typ":"agent+jwt"}"#);
    let profile = token(&world, r#"{"alg":"EdDSA","typ":"at+jwt"}"#);
    let none = token(&world, r#"{"alg":"EdDSA"}"#);
    assert_eq!(world.code(&listed), "ok");
    assert_eq!(world.code(&profile), "token_type_refused");
    assert_eq!(world.code(&none), "token_type_refused");
}

#[test]
fn the_issuer_s_algorithms_and_the_key_s_pin_both_count() {
    let (ed25519, p256) = (TestKey::ed25519(), TestKey::p256());
    let keys = key_set(&[ed25519.jwk("k1"), p256.jwk("k2")]);
    let header =
        |algorithm: &str, kid: &str| json!({"alg": algorithm, "kid": kid, "typ": "at+jwt"}).to_string();
    let claims = demo_claims().to_string();
    let es256 = p256.sign(&header("ES256", "k2"), &claims);
    let swapped = p256.sign(&header("ES256", "k1"), &claims);

    let rules = IssuerRules { keys: keys.clone().into(), ..demo_rules(&ed25519) };
    let mut world = World::with(TestKey::ed25519(), vec![rules]);
    assert_eq!(world.code(&es256), "ok");
    assert_eq!(world.code(&swapped), "token_algorithm_refused", "k1 is pinned to EdDSA");

    let rules = IssuerRules { keys: keys.into(), algorithms: vec![Algorithm::EdDsa], ..demo_rules(&ed25519) };
    let mut world = World::with(ed25519, vec![rules]);
    assert_eq!(world.claims_code(&demo_claims()), "ok");
    assert_eq!(world.code(&es256), "token_algorithm_refused", "ES256 is not the issuer's");
}

#[test]
fn a_key_id_is_compared_and_never_looked_up() {
    let mut world = World::demo();
    for kid in ["", "k2", "K1", "../../k1", "/dev/null", "k1' OR '1'='1", "https://attacker.example/k1"] {
        let header = json!({"alg": "EdDSA", "kid": kid, "typ": "at+jwt"}).to_string();
        let token = world.key.sign(&header, &demo_claims().to_string());
        assert_eq!(world.code(&token), "token_key_unknown", "{kid}");
    }
}

#[test]
fn a_missing_key_id_is_fine_where_one_key_fits() {
    let token = |key: &TestKey| key.sign(r#"{"alg":"EdDSA","typ":"at+jwt"}"#, &demo_claims().to_string());
    let mut world = World::demo();
    let lone = token(&world.key);
    assert_eq!(world.verify(&lone).unwrap().key_id(), Some("k1"));

    let key = TestKey::ed25519();
    let keys = key_set(&[key.jwk("k1"), TestKey::ed25519().jwk("k2")]);
    let ambiguous = token(&key);
    let rules = IssuerRules { keys: keys.into(), ..demo_rules(&key) };
    assert_eq!(World::with(key, vec![rules]).code(&ambiguous), "token_key_unknown");
}

#[test]
fn an_svid_is_of_the_trust_domain_of_its_subject() {
    let key = TestKey::p256();
    let rules = svid_rules(&key);
    let mut world = World::with(key, vec![rules]);
    let code = |world: &mut World, claims: &serde_json::Value| {
        let token = world.key.sign(SVID_HEADER, &claims.to_string());
        world.code(&token)
    };
    assert_eq!(code(&mut world, &svid()), "ok");
    assert_eq!(
        code(&mut world, &with(&svid(), "iss", json!("https://spire.example"))),
        "ok",
        "`iss` means nothing"
    );
    let foreign = with(&svid(), "sub", json!("spiffe://other/agent/coder"));
    assert_eq!(code(&mut world, &foreign), "token_issuer_unknown");
    for subject in ["spiffe://demo", "spiffe://demo//coder", "spiffe://demo/../coder", "spiffe://Demo/coder"]
    {
        assert_eq!(
            code(&mut world, &with(&svid(), "sub", json!(subject))),
            "token_claim_invalid",
            "{subject}"
        );
    }
    assert_eq!(
        code(&mut world, &with(&svid(), "sub", json!("alice"))),
        "token_claim_missing",
        "and no `iss`"
    );
    let pretender = with(&with(&svid(), "sub", json!("alice")), "iss", json!("spiffe://demo"));
    assert_eq!(code(&mut world, &pretender), "token_issuer_unknown");
}

#[test]
fn an_svid_has_a_plain_header() {
    let key = TestKey::p256();
    let rules = svid_rules(&key);
    let mut world = World::with(key, vec![rules]);
    for (header, expected) in [
        (SVID_HEADER, "ok"),
        (r#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#, "ok"),
        (r#"{"alg":"ES256","kid":"k1","typ":"JOSE"}"#, "ok"),
        (r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#, "token_type_refused"),
        (r#"{"alg":"ES256","kid":"k1","cty":"x"}"#, "token_malformed"),
        (r#"{"alg":"ES256","kid":"k1","x5t":"x"}"#, "token_malformed"),
        (r#"{"alg":"EdDSA","kid":"k1"}"#, "token_algorithm_refused"),
    ] {
        let token = world.key.sign(header, &svid().to_string());
        assert_eq!(world.code(&token), expected, "{header}");
    }
}

#[test]
fn iss_goes_before_the_trust_domain() {
    // One server sends both kinds, with two keys: each token is held against the keys of what it says it is.
    let (oidc_key, svid_key) = (TestKey::ed25519(), TestKey::p256());
    let oidc = IssuerRules {
        profile: Profile::Generic,
        kind: IssuerKind::Workload,
        act_issuers: Vec::new(),
        ..demo_rules(&oidc_key)
    };
    let svids = svid_rules(&svid_key);
    let mut world = World::with(oidc_key, vec![oidc, svids]);
    let claims = json!({
        "iss": "https://issuer.demo", "sub": "spiffe://demo/agent/coder", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW,
    });
    let token = world.key.sign(r#"{"alg":"EdDSA","kid":"k1"}"#, &claims.to_string());
    assert_eq!(world.verify(&token).unwrap().issuer_alias(), "demo");
    let token = svid_key.sign(SVID_HEADER, &without(&claims, "iss").to_string());
    assert_eq!(world.verify(&token).unwrap().issuer_alias(), "mesh");
    let token = svid_key.sign(SVID_HEADER, &claims.to_string());
    assert_eq!(world.code(&token), "token_algorithm_refused");
}
