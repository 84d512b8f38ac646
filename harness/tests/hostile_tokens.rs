//! What mint makes, before the real verifier: good tokens pass, and every tampering is refused for its reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use actgate_harness::mint::{Actor, Algorithm, Profile, Tamper, TokenKey, TokenSpec};
use actgate_token::{ClaimMap, IssuerKind, IssuerRules, KeySet, TokenCache, UnixTime, Verifier};
use serde_json::{Map, json};

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

fn verifier(key: &TokenKey, minted: Profile, kind: IssuerKind, issuer: &str) -> Verifier {
    let profile = match minted {
        Profile::AtJwt => actgate_token::Profile::AtJwt,
        Profile::JwtSvid => actgate_token::Profile::JwtSvid,
        Profile::Generic => actgate_token::Profile::Generic,
    };
    let set = json!({"keys": [key.jwk(minted).unwrap()]}).to_string();
    let (keys, skipped) = KeySet::parse(&set).unwrap();
    assert_eq!(skipped.len(), 0);
    Verifier::new(vec![IssuerRules {
        alias: "demo".into(),
        issuer: issuer.into(),
        audiences: vec!["actgate-demo".into()],
        keys: keys.into(),
        kind,
        profile,
        algorithms: vec![key.algorithm().name().parse().unwrap()],
        types: None,
        max_lifetime_seconds: 3600,
        skew_seconds: 30,
        act_issuers: vec![issuer.into()],
        claims: ClaimMap::default(),
    }])
    .unwrap()
}

fn verdict(verifier: &Verifier, token: &str) -> Result<(), &'static str> {
    let verified = verifier.verify(&mut TokenCache::default(), token.as_bytes(), UnixTime::new(NOW));
    verified.map(|_| ()).map_err(|error| error.code())
}

#[test]
fn good_tokens_of_every_algorithm_pass() {
    for algorithm in Algorithm::ALL {
        let key = TokenKey::generate(algorithm).unwrap();
        let verifier = verifier(&key, Profile::AtJwt, IssuerKind::Delegated, "https://issuer.demo");
        assert_eq!(verdict(&verifier, &spec().mint(&key).unwrap()), Ok(()), "{algorithm}");
        let flipped = TokenSpec { tamper: vec![Tamper::FlipSignature], ..spec() };
        assert_eq!(
            verdict(&verifier, &flipped.mint(&key).unwrap()),
            Err("token_signature_invalid"),
            "{algorithm}"
        );
    }
}

#[test]
fn good_tokens_of_every_profile_pass() {
    let key = TokenKey::generate(Algorithm::Es256).unwrap();
    let generic = TokenSpec { profile: Profile::Generic, ..spec() };
    let delegated = verifier(&key, Profile::Generic, IssuerKind::Delegated, "https://issuer.demo");
    assert_eq!(verdict(&delegated, &generic.mint(&key).unwrap()), Ok(()));
    let svid = TokenSpec {
        profile: Profile::JwtSvid,
        subject: "spiffe://demo/agent/coder".into(),
        actor: None,
        ..spec()
    };
    let workload = verifier(&key, Profile::JwtSvid, IssuerKind::Workload, "spiffe://demo");
    assert_eq!(verdict(&workload, &svid.mint(&key).unwrap()), Ok(()));
}

#[test]
fn every_tampering_is_refused_for_its_reason() {
    let key = TokenKey::generate(Algorithm::Es256).unwrap();
    let verifier = verifier(&key, Profile::AtJwt, IssuerKind::Delegated, "https://issuer.demo");
    let named = |name: &str| name.to_owned();
    for (change, code) in [
        (Tamper::AlgorithmNone, "token_algorithm_refused"),
        (Tamper::AlterClaim { name: named("sub"), value: json!("bob@demo") }, "token_signature_invalid"),
        (Tamper::DirtyPayload, "token_malformed"),
        (Tamper::DuplicateClaim { name: named("sub"), value: json!("bob@demo") }, "token_malformed"),
        (Tamper::DuplicateHeader { name: named("alg"), value: json!("ES256") }, "token_malformed"),
        (Tamper::EmptySignature, "token_signature_invalid"),
        (Tamper::ExtraSegment, "token_malformed"),
        (Tamper::FlipSignature, "token_signature_invalid"),
        (Tamper::Header { name: named("crit"), value: json!(["exp"]) }, "token_malformed"),
        (Tamper::Header { name: named("jku"), value: json!("https://evil") }, "token_malformed"),
        (Tamper::Header { name: named("typ"), value: json!("JWT") }, "token_type_refused"),
        (Tamper::Header { name: named("kid"), value: json!("other") }, "token_key_unknown"),
        (Tamper::HmacWithPublicKey, "token_algorithm_refused"),
        (Tamper::LineBreak, "token_malformed"),
        (Tamper::NoSignature, "token_malformed"),
        (Tamper::PadPayload, "token_malformed"),
        (Tamper::RawHeader(named("{")), "token_malformed"),
        (Tamper::RawPayload(named("[]")), "token_malformed"),
        (Tamper::RemoveClaim(named("exp")), "token_claim_missing"),
        (Tamper::RemoveClaim(named("act")), "delegation_missing"),
        (Tamper::RemoveHeader(named("alg")), "token_malformed"),
        (Tamper::RemoveHeader(named("typ")), "token_type_refused"),
        (Tamper::WrongKey, "token_signature_invalid"),
    ] {
        let token = TokenSpec { tamper: vec![change.clone()], ..spec() }.mint(&key).unwrap();
        assert_eq!(verdict(&verifier, &token), Err(code), "{change:?}");
    }
}
