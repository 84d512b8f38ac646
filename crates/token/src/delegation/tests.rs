use std::sync::Arc;

use serde_json::{Value, json};

use super::{Caller, IdentityKind};
use crate::cache::TokenCache;
use crate::confirmation::ProvenKey;
use crate::error::TokenError;
use crate::fixture::{
    AGENT, ISSUER, NOW, TestKey, World, demo_claims, demo_rules, key_set, svid_rules, with, without,
};
use crate::issuer::{IssuerKind, IssuerRules};
use crate::time::UnixTime;
use crate::verify::Verifier;

/// The demo's delegated issuer beside a trust domain whose workloads it may name, with or without vouching for
/// actors of its own.
fn world(act_issuers: &[&str], kind: IssuerKind) -> World {
    let (key, svid_key) = (TestKey::ed25519(), TestKey::p256());
    let act_issuers = act_issuers.iter().map(|issuer| (*issuer).to_owned()).collect();
    let rules = IssuerRules { act_issuers, kind, ..demo_rules(&key) };
    let untrusted = IssuerRules {
        alias: "stranger".to_owned(),
        issuer: "https://stranger.example".to_owned(),
        act_issuers: Vec::new(),
        ..demo_rules(&key)
    };
    World::with(key, vec![rules, svid_rules(&svid_key), untrusted])
}

fn resolve(world: &mut World, claims: &Value) -> Result<Caller, TokenError> {
    let token = world.key.token(claims);
    let token = world.verify(&token)?;
    Caller::resolve(token, &world.verifier, || None, ProvenKey::Unasked)
}

fn act(claims: Value) -> Value {
    with(&demo_claims(), "act", claims)
}

/// An `act` chain of this many actors.
fn chain(depth: usize) -> Value {
    (1..depth).rev().fold(
        json!({"sub": format!("agent-{depth}")}),
        |inner, level| json!({"sub": format!("agent-{level}"), "act": inner}),
    )
}

#[test]
fn subject_and_actor_are_two() {
    let mut world = World::demo();
    let caller = resolve(&mut world, &demo_claims()).unwrap();
    assert_eq!(caller.subject().entity_id(), "demo/alice@demo");
    assert_eq!(caller.subject().kind(), IdentityKind::Person);
    assert_eq!(caller.actor().entity_id(), "demo/spiffe://demo/agent/coder");
    assert_eq!(caller.actor().kind(), IdentityKind::Workload);
    assert_eq!((caller.actor().alias(), caller.actor().subject()), ("demo", AGENT));
    assert_eq!(caller.earlier(), []);
    assert_eq!(caller.token().jti(), Some("t-1"));
    assert_eq!((IdentityKind::Person.code(), IdentityKind::Workload.code()), ("person", "workload"));
}

#[test]
fn a_delegated_token_without_an_actor_is_refused() {
    let mut world = World::demo();
    let impersonation = without(&demo_claims(), "act");
    assert_eq!(world.claims_code(&impersonation), "delegation_missing");
    // Neither `client_id` nor `azp` nor `may_act` stands in for it.
    let others = with(&with(&impersonation, "azp", json!(AGENT)), "may_act", json!({"sub": AGENT}));
    assert_eq!(world.claims_code(&others), "delegation_missing");
}

#[test]
fn a_workload_acts_for_itself_or_through_another() {
    let mut world = world(&[ISSUER], IssuerKind::Workload);
    let caller = resolve(&mut world, &without(&demo_claims(), "act")).unwrap();
    assert_eq!(caller.subject(), caller.actor());
    assert_eq!(caller.subject().kind(), IdentityKind::Workload);

    let caller = resolve(&mut world, &demo_claims()).unwrap();
    assert_eq!(caller.subject().entity_id(), "demo/alice@demo");
    assert_eq!(caller.subject().kind(), IdentityKind::Workload);
    assert_eq!(caller.actor().entity_id(), "demo/spiffe://demo/agent/coder");
}

#[test]
fn a_workload_of_an_issuer_without_actors_names_none() {
    let mut world = world(&[], IssuerKind::Workload);
    assert_eq!(world.claims_code(&demo_claims()), "delegation_actor_untrusted");
    assert_eq!(world.claims_code(&without(&demo_claims(), "act")), "ok");
}

#[test]
fn an_actor_s_issuer_gives_the_alias() {
    let mut world = world(&["spiffe://demo"], IssuerKind::Delegated);
    let caller = resolve(&mut world, &act(json!({"iss": "spiffe://demo", "sub": AGENT}))).unwrap();
    assert_eq!(caller.actor().entity_id(), "mesh/spiffe://demo/agent/coder");
    assert_eq!(caller.subject().entity_id(), "demo/alice@demo");
}

#[test]
fn an_issuer_asserts_only_the_actors_it_may() {
    let mut vouching = World::demo();
    assert_eq!(vouching.claims_code(&act(json!({"iss": ISSUER, "sub": AGENT}))), "ok");
    let mut listing = world(&["spiffe://demo"], IssuerKind::Delegated);
    assert_eq!(
        listing.claims_code(&demo_claims()),
        "delegation_actor_untrusted",
        "no `act.iss`, no vouching"
    );
    for iss in [
        ISSUER,
        "https://stranger.example",
        "https://unknown.example",
        "spiffe://demo/",
        "spiffe://other",
        "",
    ] {
        let code = listing.claims_code(&act(json!({"iss": iss, "sub": AGENT})));
        assert_eq!(code, "delegation_actor_untrusted", "{iss}");
    }
    let error =
        resolve(&mut listing, &act(json!({"iss": "https://unknown.example", "sub": AGENT}))).unwrap_err();
    assert_eq!(error.to_string(), "the issuer may not assert an actor of https://unknown.example");
}

#[test]
fn actors_of_a_trust_domain_are_its_workloads() {
    let mut world = world(&["spiffe://demo"], IssuerKind::Delegated);
    for sub in [
        "coder",
        "spiffe://other/agent/coder",
        "spiffe://demo",
        "spiffe://demo/../coder",
        "spiffe://Demo/coder",
    ] {
        let code = world.claims_code(&act(json!({"iss": "spiffe://demo", "sub": sub})));
        assert_eq!(code, "delegation_malformed", "{sub}");
    }
}

#[test]
fn malformed_actors_are_refused_at_every_depth() {
    let mut world = World::demo();
    for malformed in [
        json!(null),
        json!("spiffe://demo/agent/coder"),
        json!([{"sub": AGENT}]),
        json!(1),
        json!({}),
        json!({"iss": ISSUER}),
        json!({"client_id": "coder"}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 1}),
        json!({"sub": "a\nb"}),
        json!({"sub": ["spiffe://demo/agent/coder"]}),
        json!({"sub": AGENT, "iss": 1}),
        json!({"sub": AGENT, "iss": null}),
    ] {
        assert_eq!(world.claims_code(&act(malformed.clone())), "delegation_malformed", "{malformed}");
        let inner = json!({"sub": "a", "act": {"sub": "b", "act": malformed}});
        assert_eq!(world.claims_code(&act(inner.clone())), "delegation_malformed", "{inner}");
    }
    let untrusted = json!({"sub": "a", "act": {"sub": "b", "iss": "https://stranger.example"}});
    assert_eq!(world.claims_code(&act(untrusted)), "delegation_actor_untrusted", "an earlier actor");
}

#[test]
fn four_actors_are_enough() {
    let mut world = World::demo();
    let caller = resolve(&mut world, &act(chain(4))).unwrap();
    assert_eq!(caller.actor().subject(), "agent-1", "the outermost is the current one");
    let earlier: Vec<&str> = caller.earlier().iter().map(super::Identity::subject).collect();
    assert_eq!(earlier, ["agent-2", "agent-3", "agent-4"]);
    for depth in [5, 6, 20] {
        assert_eq!(world.claims_code(&act(chain(depth))), "delegation_too_deep", "{depth}");
    }
}

#[test]
fn two_issuers_alices_are_two_people() {
    let (key, other_key) = (TestKey::ed25519(), TestKey::ed25519());
    let other = IssuerRules {
        alias: "other".to_owned(),
        issuer: "https://other.example".to_owned(),
        keys: key_set(&[other_key.jwk("k1")]).into(),
        act_issuers: vec!["https://other.example".to_owned()],
        ..demo_rules(&key)
    };
    let ours = demo_rules(&key);
    let mut world = World::with(key, vec![ours, other]);
    let alice = resolve(&mut world, &demo_claims()).unwrap();
    world.key = other_key;
    let other_alice =
        resolve(&mut world, &with(&demo_claims(), "iss", json!("https://other.example"))).unwrap();
    assert_eq!(other_alice.subject().entity_id(), "other/alice@demo");
    assert_ne!(alice.subject(), other_alice.subject());
}

#[test]
fn a_token_of_another_verifier_names_nobody() {
    let world = World::demo();
    let token = world.key.token(&demo_claims());
    let verify = |verifier: &Verifier| {
        verifier.verify(&mut TokenCache::default(), token.as_bytes(), UnixTime::new(NOW)).unwrap()
    };
    let other = Verifier::new(vec![demo_rules(&world.key)]).unwrap();
    assert!(
        Caller::resolve(verify(&world.verifier), &world.verifier.clone(), || None, ProvenKey::Unasked)
            .is_ok()
    );
    let error = Caller::resolve(verify(&other), &world.verifier, || None, ProvenKey::Unasked).unwrap_err();
    assert_eq!(error.code(), "token_issuer_unknown");
}

#[test]
fn a_caller_shares_its_token() {
    let world = World::demo();
    let token = world.key.token(&demo_claims());
    let token =
        world.verifier.verify(&mut TokenCache::default(), token.as_bytes(), UnixTime::new(NOW)).unwrap();
    let caller = Caller::resolve(Arc::clone(&token), &world.verifier, || None, ProvenKey::Unasked).unwrap();
    assert!(Arc::ptr_eq(caller.token(), &token));
}
