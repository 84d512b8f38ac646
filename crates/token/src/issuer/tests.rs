use serde_json::json;

use super::{IssuerKind, IssuerRules, VerifierError};
use crate::algorithm::Algorithm;
use crate::claims::ClaimMap;
use crate::fixture::{TestKey, demo_rules, key_set, svid_rules, with};
use crate::profile::Profile;
use crate::verify::Verifier;

/// The fault of the demo's rules after `change`, put behind another issuer: code, position and field.
fn fault(change: impl FnOnce(&mut IssuerRules)) -> Option<(&'static str, usize, &'static str)> {
    let key = TestKey::ed25519();
    let first = IssuerRules {
        alias: "first".to_owned(),
        issuer: "https://first.example".to_owned(),
        act_issuers: Vec::new(),
        ..demo_rules(&key)
    };
    let mut rules = demo_rules(&key);
    change(&mut rules);
    let error = Verifier::new(vec![first, rules]).err()?;
    assert!(error.to_string().starts_with(error.field()), "{error}");
    Some((error.code(), error.issuer(), error.field()))
}

#[test]
fn the_demo_is_sound() {
    assert_eq!(fault(|_| {}), None);
    assert!(Verifier::new(Vec::new()).is_ok(), "nobody gets in, and nothing is wrong");
}

#[test]
fn aliases_tell_issuers_apart() {
    for alias in ["", "a/b", "/", "a b", "é", "a\n", "a\"b", "a:b"] {
        let expected = Some(("issuer_alias_invalid", 1, "alias"));
        assert_eq!(fault(|rules| rules.alias = alias.to_owned()), expected, "{alias}");
    }
    assert_eq!(fault(|rules| rules.alias = "First_2.x-y".to_owned()), None);
    assert_eq!(fault(|rules| rules.alias = "first".to_owned()), Some(("issuer_alias_duplicate", 1, "alias")));
}

#[test]
fn issuers_are_named_once() {
    let duplicate = |rules: &mut IssuerRules| rules.issuer = "https://first.example".to_owned();
    assert_eq!(fault(duplicate), Some(("issuer_duplicate", 1, "issuer")));
    assert_eq!(fault(|rules| rules.issuer = String::new()), Some(("issuer_invalid", 1, "issuer")));
}

#[test]
fn every_list_accepts_something() {
    assert_eq!(fault(|rules| rules.audiences.clear()), Some(("issuer_audiences_empty", 1, "audiences")));
    assert_eq!(
        fault(|rules| rules.audiences.push(String::new())),
        Some(("issuer_audiences_empty", 1, "audiences"))
    );
    assert_eq!(fault(|rules| rules.algorithms.clear()), Some(("issuer_algorithms_empty", 1, "algorithms")));
    assert_eq!(fault(|rules| rules.types = Some(Vec::new())), Some(("issuer_types_empty", 1, "types")));
    assert_eq!(
        fault(|rules| rules.types = Some(vec![String::new()])),
        Some(("issuer_types_empty", 1, "types"))
    );
}

#[test]
fn some_key_fits_profile_and_algorithms() {
    let expected = Some(("issuer_keys_unusable", 1, "keys"));
    assert_eq!(fault(|rules| rules.algorithms = vec![Algorithm::Es256, Algorithm::Rs256]), expected);
    let svid = with(&TestKey::p256().jwk("k"), "use", json!("jwt-svid"));
    assert_eq!(
        fault(|rules| rules.keys = key_set(&[svid]).into()),
        expected,
        "a key for SVIDs signs nothing else"
    );

    let ed25519 = svid_rules(&TestKey::ed25519());
    assert_eq!(Verifier::new(vec![ed25519]).unwrap_err(), VerifierError::KeysUnusable { issuer: 0 });
    let key = TestKey::p256();
    let other_use = IssuerRules { keys: key_set(&[key.jwk("k1")]).into(), ..svid_rules(&key) };
    assert_eq!(Verifier::new(vec![other_use]).unwrap_err(), VerifierError::KeysUnusable { issuer: 0 });
    assert!(Verifier::new(vec![svid_rules(&key)]).is_ok());
}

#[test]
fn times_make_sense() {
    for seconds in [0, -1, i64::MIN] {
        let expected = Some(("issuer_lifetime_invalid", 1, "max_lifetime_seconds"));
        assert_eq!(fault(|rules| rules.max_lifetime_seconds = seconds), expected);
    }
    for seconds in [-1, 301, i64::MAX] {
        assert_eq!(
            fault(|rules| rules.skew_seconds = seconds),
            Some(("issuer_skew_invalid", 1, "skew_seconds"))
        );
    }
    assert_eq!(fault(|rules| rules.skew_seconds = 0), None);
    assert_eq!(fault(|rules| rules.skew_seconds = 300), None);
}

#[test]
fn actors_come_from_known_issuers() {
    let known = |rules: &mut IssuerRules| rules.act_issuers = vec!["https://first.example".to_owned()];
    assert_eq!(fault(known), None);
    let unknown = |rules: &mut IssuerRules| rules.act_issuers.push("https://first.example/".to_owned());
    assert_eq!(fault(unknown), Some(("issuer_act_issuer_unknown", 1, "act_issuers")));
}

#[test]
fn a_trust_domain_sends_svids_of_workloads() {
    let key = TestKey::p256();
    for issuer in ["https://issuer.demo", "spiffe://demo/", "spiffe://demo/agent", "spiffe://Demo", "demo"] {
        let rules = IssuerRules { issuer: issuer.to_owned(), ..svid_rules(&key) };
        assert_eq!(Verifier::new(vec![rules]).unwrap_err().code(), "issuer_invalid", "{issuer}");
    }
    let rules = IssuerRules { kind: IssuerKind::Delegated, ..svid_rules(&key) };
    assert_eq!(Verifier::new(vec![rules]).unwrap_err(), VerifierError::KindInvalid { issuer: 0 });
    assert_eq!(fault(|rules| rules.profile = Profile::Generic), None);
}

#[test]
fn claims_are_named_by_pointers() {
    let valid = ["/task", "/a/b/0", "/", "/a~1b/~0~01", "/https:~1~1demo~1task"];
    for pointer in valid {
        let map = ClaimMap { task: Some(pointer.to_owned()), ..ClaimMap::default() };
        assert_eq!(fault(|rules| rules.claims = map), None, "{pointer}");
    }
    for pointer in ["", "task", "#/task", "/a~", "/a~2b", "/~", " /task"] {
        let pointer = Some(pointer.to_owned());
        let none = ClaimMap::default();
        let maps = [
            ("claims.task", ClaimMap { task: pointer.clone(), ..none.clone() }),
            ("claims.purpose", ClaimMap { purpose: pointer.clone(), ..none.clone() }),
            ("claims.ticket", ClaimMap { ticket: pointer.clone(), ..none.clone() }),
            ("claims.groups", ClaimMap { groups: pointer.clone(), ..none.clone() }),
            ("claims.risk", ClaimMap { risk: pointer.clone(), ..none }),
        ];
        for (field, map) in maps {
            assert_eq!(
                fault(|rules| rules.claims = map),
                Some(("issuer_pointer_invalid", 1, field)),
                "{pointer:?}"
            );
        }
    }
}
