use jwt_simple::prelude::{RS256KeyPair, RSAKeyPairLike as _};
use serde_json::{Value, json};

use super::{Profile, is_media_type};
use crate::algorithm::Algorithm;
use crate::fixture::{AUDIENCE, NOW, TestKey, World, base64url, demo_rules, key_set, with, without};
use crate::issuer::{IssuerKind, IssuerRules};
use crate::time::UnixTime;
use crate::verify::Verifier;

const TYPES: [Option<&str>; 13] = [
    None,
    Some("JWT"),
    Some("jwt"),
    Some("JOSE"),
    Some("at+jwt"),
    Some("AT+JWT"),
    Some("application/at+jwt"),
    Some("application/jwt"),
    Some("dpop+jwt"),
    Some("secevent+jwt"),
    Some("id+jwt"),
    Some("wit+jwt"),
    Some(""),
];

fn accepted(profile: Profile) -> Vec<Option<&'static str>> {
    TYPES.into_iter().filter(|typ| profile.accepts_type(*typ)).collect()
}

#[test]
fn each_profile_has_its_types() {
    assert_eq!(accepted(Profile::AtJwt), [Some("at+jwt"), Some("AT+JWT"), Some("application/at+jwt")]);
    assert_eq!(accepted(Profile::Generic), [None, Some("JWT"), Some("jwt"), Some("application/jwt")]);
    assert_eq!(accepted(Profile::JwtSvid), [None, Some("JWT"), Some("JOSE")]);
    assert_eq!(accepted(Profile::Kubernetes), accepted(Profile::Generic));
    assert_eq!(accepted(Profile::GitHubActions), accepted(Profile::Generic));
}

#[test]
fn media_types_compare_as_rfc_7515_says() {
    assert!(is_media_type("at+jwt", "application/at+jwt"));
    assert!(is_media_type("Application/AT+JWT", "at+jwt"));
    assert!(!is_media_type("application/example;part=1/2", "example;part=1/2"));
    assert!(!is_media_type("text/at+jwt", "at+jwt"));
    assert!(!is_media_type("application/application/at+jwt", "at+jwt"));
    assert!(!is_media_type("", "at+jwt"));
}

#[test]
fn only_svids_are_picky_about_algorithms() {
    for algorithm in Algorithm::ALL {
        assert!(Profile::AtJwt.accepts_algorithm(algorithm));
        assert!(Profile::Generic.accepts_algorithm(algorithm));
        assert_eq!(Profile::JwtSvid.accepts_algorithm(algorithm), algorithm != Algorithm::EdDsa);
    }
}

/// What the API server issues for a pod with a projected token.
fn service_account() -> Value {
    json!({
        "iss": "https://issuer.demo", "sub": "system:serviceaccount:tools:coder", "aud": [AUDIENCE],
        "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": "6c6e6a1b-8f0e-4f6e-9a55-0d4f2a7f2a39",
        "kubernetes.io": {
            "namespace": "tools",
            "node": { "name": "node-1", "uid": "f3a5" },
            "pod": { "name": "coder-7d9f", "uid": "0b1c" },
            "serviceaccount": { "name": "coder", "uid": "2e1d" },
        },
    })
}

#[test]
fn a_service_account_is_the_one_that_its_claims_name() {
    let key = TestKey::p256();
    let rules = IssuerRules { profile: Profile::Kubernetes, kind: IssuerKind::Workload, ..demo_rules(&key) };
    let mut world = World::with(key, vec![rules]);
    let verdict = |world: &mut World, claims: &Value| {
        let header = json!({ "alg": "ES256", "kid": "k1" }).to_string();
        let token = world.key.sign(&header, &claims.to_string());
        world.code(&token)
    };
    let good = service_account();
    assert_eq!(verdict(&mut world, &good), "ok");
    let account = |namespace: Value, account: Value| {
        with(&good, "kubernetes.io", json!({ "namespace": namespace, "serviceaccount": account }))
    };
    let wrong = [
        (without(&good, "kubernetes.io"), "token_claim_missing"),
        (without(&good, "aud"), "token_claim_missing"),
        (with(&good, "aud", json!(["https://kubernetes.default.svc"])), "token_audience_mismatch"),
        (without(&good, "exp"), "token_claim_missing"),
        (with(&good, "kubernetes.io", json!("tools")), "token_claim_invalid"),
        (account(json!("tools"), json!({ "name": "coder" })), "token_claim_invalid"),
        (account(json!("tools"), json!({ "name": "coder", "uid": "" })), "token_claim_invalid"),
        (account(json!(["tools"]), json!({ "name": "coder", "uid": "2e1d" })), "token_claim_invalid"),
        (account(json!("other"), json!({ "name": "coder", "uid": "2e1d" })), "token_claim_invalid"),
        (with(&good, "sub", json!("system:serviceaccount:tools:admin")), "token_claim_invalid"),
        (with(&good, "sub", json!("system:serviceaccount:tools:coder:x")), "token_claim_invalid"),
        // The API server's own audience makes tokens of a year.
        (with(&good, "exp", json!(NOW + 365 * 86_400)), "token_lifetime_exceeded"),
    ];
    for (claims, code) in wrong {
        assert_eq!(verdict(&mut world, &claims), code, "{claims}");
    }
}

#[test]
fn a_run_of_github_actions_is_known_by_ids() {
    let pair = RS256KeyPair::generate(2048).unwrap();
    let components = pair.public_key().to_components();
    let (n, e) = (base64url(&components.n), base64url(&components.e));
    let keys = key_set(&[json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": n, "e": e })]);
    let rules = IssuerRules {
        profile: Profile::GitHubActions,
        kind: IssuerKind::Workload,
        keys: keys.into(),
        ..demo_rules(&TestKey::p256())
    };
    let verifier = Verifier::new(vec![rules.clone()]).unwrap();
    let verdict = |claims: &Value| {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "k1", "x5t": "k1" }).to_string();
        let input = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.to_string().as_bytes()));
        let key = superboring::pkey::PKey::from_rsa(pair.key_pair().as_ref().clone()).unwrap();
        let mut signer =
            superboring::sign::Signer::new(superboring::hash::MessageDigest::sha256(), &key).unwrap();
        signer.set_rsa_padding(superboring::rsa::Padding::PKCS1).unwrap();
        signer.update(input.as_bytes()).unwrap();
        let token = format!("{input}.{}", base64url(&signer.sign_to_vec().unwrap()));
        let verified = verifier.verify(&mut Default::default(), token.as_bytes(), UnixTime::new(NOW));
        verified.map_or_else(|error| error.code(), |_| "ok")
    };
    let good = json!({
        "iss": "https://issuer.demo", "sub": "repo:octo@1/tools@2:ref:refs/heads/main", "aud": AUDIENCE,
        "iat": NOW, "exp": NOW + 300, "jti": "1", "repository_id": "2", "repository_owner_id": "1",
        "run_id": "77", "job_workflow_ref": "octo/tools/.github/workflows/ci.yml@refs/heads/main",
        "event_name": "push", "runner_environment": "github-hosted",
    });
    assert_eq!(verdict(&good), "ok");
    assert_eq!(verdict(&with(&good, "sub", json!("customised"))), "ok");
    for claim in ["repository_id", "repository_owner_id", "run_id", "job_workflow_ref", "jti"] {
        assert_eq!(verdict(&without(&good, claim)), "token_claim_missing", "{claim}");
    }
    for id in [json!(2), json!(""), json!("2/3"), json!("-2"), Value::Null] {
        assert_eq!(verdict(&with(&good, "repository_id", id.clone())), "token_claim_invalid", "{id}");
    }
    let delegated = IssuerRules { kind: IssuerKind::Delegated, ..rules };
    assert_eq!(Verifier::new(vec![delegated]).unwrap_err().code(), "issuer_kind_invalid");
}
