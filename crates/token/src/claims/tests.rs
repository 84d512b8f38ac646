use serde_json::{Value, json};

use super::{ClaimMap, TaskClaims, authorization_details, scope};
use crate::fixture::{AUDIENCE, NOW, TestKey, World, demo_claims, demo_rules, with, without};
use crate::issuer::IssuerRules;
use crate::profile::Profile;

fn at(claims: &Value, exp: i64, iat: i64) -> Value {
    with(&with(claims, "exp", json!(exp)), "iat", json!(iat))
}

#[test]
fn every_claim_of_an_access_token_is_required() {
    let mut world = World::demo();
    assert_eq!(world.claims_code(&demo_claims()), "ok");
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        assert_eq!(world.claims_code(&without(&demo_claims(), claim)), "token_claim_missing", "{claim}");
        assert_eq!(
            world.claims_code(&with(&demo_claims(), claim, json!(null))),
            "token_claim_invalid",
            "{claim}"
        );
        assert_eq!(
            world.claims_code(&with(&demo_claims(), claim, json!({}))),
            "token_claim_invalid",
            "{claim}"
        );
    }
}

#[test]
fn other_profiles_require_less() {
    let key = TestKey::ed25519();
    let generic = IssuerRules { profile: Profile::Generic, ..demo_rules(&key) };
    let mut world = World::with(key, vec![generic]);
    let code = |world: &mut World, claims: &Value| {
        let token = world.key.sign(r#"{"alg":"EdDSA","kid":"k1"}"#, &claims.to_string());
        world.code(&token)
    };
    let claims = without(&without(&demo_claims(), "jti"), "client_id");
    assert_eq!(code(&mut world, &claims), "ok");
    for claim in ["iss", "sub", "aud", "exp", "iat"] {
        assert_eq!(code(&mut world, &without(&claims, claim)), "token_claim_missing", "{claim}");
    }

    let key = TestKey::p256();
    let rules = crate::fixture::svid_rules(&key);
    let mut world = World::with(key, vec![rules]);
    let svid = json!({"sub": crate::fixture::AGENT, "aud": AUDIENCE, "exp": NOW + 300});
    for claim in ["sub", "aud", "exp"] {
        let token = world.key.sign(r#"{"alg":"ES256","kid":"k1"}"#, &without(&svid, claim).to_string());
        assert_eq!(world.code(&token), "token_claim_missing", "{claim}");
    }
}

#[test]
fn names_are_not_empty_and_fit_a_line() {
    let mut world = World::demo();
    for claim in ["iss", "sub", "jti", "client_id", "aud"] {
        for value in ["", "a\nb", "a\0", "\u{7f}", "\u{85}"] {
            let claims = with(&demo_claims(), claim, json!(value));
            assert_eq!(world.claims_code(&claims), "token_claim_invalid", "{claim} {value:?}");
        }
    }
    assert_eq!(world.claims_code(&with(&demo_claims(), "sub", json!("Zoë O'Neil <zoe@demo>"))), "ok");
}

#[test]
fn the_audience_is_us_among_others() {
    let mut world = World::demo();
    for audience in [json!(AUDIENCE), json!([AUDIENCE]), json!(["https://other.example", AUDIENCE])] {
        assert_eq!(world.claims_code(&with(&demo_claims(), "aud", audience.clone())), "ok", "{audience}");
    }
    for audience in [
        json!([]),
        json!("https://other.example"),
        json!(["https://other.example"]),
        json!("Actgate-demo"),
        json!("actgate-demo/"),
        json!(" actgate-demo"),
        json!("actgate-demo https://other.example"),
        json!("*"),
    ] {
        let code = world.claims_code(&with(&demo_claims(), "aud", audience.clone()));
        assert_eq!(code, "token_audience_mismatch", "{audience}");
    }
    for audience in
        [json!([AUDIENCE, 1]), json!([AUDIENCE, null]), json!([[AUDIENCE]]), json!({"aud": AUDIENCE})]
    {
        let code = world.claims_code(&with(&demo_claims(), "aud", audience.clone()));
        assert_eq!(code, "token_claim_invalid", "{audience}");
    }
}

#[test]
fn dates_are_whole_seconds_since_the_epoch() {
    let mut world = World::demo();
    for claim in ["exp", "iat", "nbf"] {
        let date = NOW.to_string();
        for value in [
            format!("\"{date}\""),
            format!("{date}.0"),
            format!("{date}.5"),
            format!("{date}e0"),
            "1.8e9".to_owned(),
            "-1".to_owned(),
            "-0".to_owned(),
            "true".to_owned(),
            "null".to_owned(),
            "[]".to_owned(),
            "9223372036854775808".to_owned(),
            "18446744073709551615".to_owned(),
            "1e400".to_owned(),
            "99999999999999999999999999".to_owned(),
        ] {
            let claims = with(&demo_claims(), claim, json!("@")).to_string().replace("\"@\"", &value);
            let token = world.key.sign(r#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#, &claims);
            let expected = if value == "1e400" { "token_malformed" } else { "token_claim_invalid" };
            assert_eq!(world.code(&token), expected, "{claim} {value}");
        }
    }
}

#[test]
fn expiry_counts_from_exp_and_the_skew() {
    let mut world = World::demo();
    let token = world.key.token(&at(&demo_claims(), NOW, NOW - 600));
    let code = |world: &mut World, seconds: i64| {
        world.verify_at(&token, seconds).map_or_else(|e| e.code(), |_| "ok")
    };
    assert_eq!(code(&mut world, NOW - 1), "ok");
    assert_eq!(code(&mut world, NOW + 29), "ok", "30 s of skew");
    assert_eq!(code(&mut world, NOW + 30), "token_expired", "on or after `exp` is too late");
    assert_eq!(code(&mut world, NOW + 899), "token_expired", "the library's 15 minutes do not apply");
    // Clocks at the end of time are refused, not wrapped.
    assert_ne!(code(&mut world, i64::MAX), "ok");
    assert_ne!(code(&mut world, i64::MIN), "ok");
}

#[test]
fn without_skew_every_second_counts() {
    let key = TestKey::ed25519();
    let rules = IssuerRules { skew_seconds: 0, ..demo_rules(&key) };
    let mut world = World::with(key, vec![rules]);
    assert_eq!(world.claims_code(&at(&demo_claims(), NOW + 1, NOW)), "ok");
    assert_eq!(world.claims_code(&at(&demo_claims(), NOW, NOW - 1)), "token_expired");
    assert_eq!(world.claims_code(&at(&demo_claims(), NOW + 9, NOW + 1)), "token_not_yet_valid");
}

#[test]
fn what_begins_later_is_not_valid_yet() {
    let mut world = World::demo();
    for claim in ["nbf", "iat"] {
        assert_eq!(world.claims_code(&with(&demo_claims(), claim, json!(NOW + 30))), "ok", "{claim}");
        let later = with(&demo_claims(), claim, json!(NOW + 31));
        assert_eq!(world.claims_code(&later), "token_not_yet_valid", "{claim}");
        let never = with(&demo_claims(), claim, json!(i64::MAX));
        assert_eq!(world.claims_code(&never), "token_not_yet_valid", "{claim}");
    }
}

#[test]
fn lifetimes_are_bounded() {
    let mut world = World::demo();
    assert_eq!(world.claims_code(&at(&demo_claims(), NOW + 3600, NOW)), "ok");
    for expires in [NOW + 3601, NOW + 10 * 365 * 86400, i64::MAX] {
        let claims = at(&demo_claims(), expires, NOW);
        assert_eq!(world.claims_code(&claims), "token_lifetime_exceeded", "{expires}");
    }
    // An old token is not young because little of it is left.
    assert_eq!(world.claims_code(&at(&demo_claims(), NOW + 10, NOW - 86400)), "token_lifetime_exceeded");
    // Skew forgives clocks, not tokens that end before they begin.
    assert_eq!(world.claims_code(&at(&demo_claims(), NOW - 5, NOW + 5)), "token_claim_invalid");
    assert_eq!(world.claims_code(&at(&demo_claims(), NOW, NOW)), "token_claim_invalid");
}

#[test]
fn without_iat_the_lifetime_counts_from_now() {
    let key = TestKey::p256();
    let rules = crate::fixture::svid_rules(&key);
    let mut world = World::with(key, vec![rules]);
    for (expires, expected) in [(NOW + 3600, "ok"), (NOW + 3601, "token_lifetime_exceeded")] {
        let claims = json!({"sub": crate::fixture::AGENT, "aud": AUDIENCE, "exp": expires});
        let token = world.key.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims.to_string());
        assert_eq!(world.code(&token), expected, "{expires}");
    }
}

#[test]
fn a_binding_that_nobody_checks_is_refused() {
    let mut world = World::demo();
    for binding in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!({"jwk": {}}), json!({}), json!(null)]
    {
        let code = world.claims_code(&with(&demo_claims(), "cnf", binding.clone()));
        assert_eq!(code, "token_binding_unchecked", "{binding}");
    }
    let inner = with(&demo_claims(), "act", json!({"sub": crate::fixture::AGENT, "cnf": {"jkt": "x"}}));
    assert_eq!(world.claims_code(&inner), "ok", "`cnf` in `act` has no meaning (RFC 8693 section 4.1)");
}

#[test]
fn scopes_are_words() {
    let read = |value: Value| scope(json!({"scope": value}).as_object().unwrap());
    assert_eq!(scope(json!({}).as_object().unwrap()), Ok(None));
    assert_eq!(read(json!("")), Ok(Some(Vec::new())), "a scope without words grants nothing");
    assert_eq!(read(json!("git:read")), Ok(Some(vec!["git:read".to_owned()])));
    assert_eq!(read(json!("a b")), Ok(Some(vec!["a".to_owned(), "b".to_owned()])));
    for value in [
        json!(["a"]),
        json!(null),
        json!(1),
        json!(" "),
        json!("a "),
        json!(" a"),
        json!("a  b"),
        json!("a\tb"),
    ] {
        assert_eq!(read(value.clone()).unwrap_err().code(), "token_claim_invalid", "{value}");
    }
    for value in ["a\"b", "a\\b", "é", "a\nb"] {
        assert_eq!(read(json!(value)).unwrap_err().code(), "token_claim_invalid", "{value}");
    }
}

#[test]
fn authorization_details_are_typed_objects() {
    let read =
        |value: Value| authorization_details(json!({"authorization_details": value}).as_object().unwrap());
    assert_eq!(authorization_details(json!({}).as_object().unwrap()), Ok(None));
    assert_eq!(read(json!([])), Ok(Some(Vec::new())));
    let detail = json!({"type": "actgate", "actions": ["read"]});
    assert_eq!(read(json!([detail])), Ok(Some(vec![detail.clone()])));
    for value in [
        json!(detail),
        json!(null),
        json!("x"),
        json!([detail, 1]),
        json!([{}]),
        json!([{"type": 1}]),
        json!([["type"]]),
    ] {
        assert_eq!(read(value.clone()).unwrap_err().code(), "token_claim_invalid", "{value}");
    }
}

#[test]
fn facts_come_from_where_the_map_says() {
    let map = ClaimMap {
        task: Some("/https:~1~1demo~1task/id".to_owned()),
        purpose: Some("/why".to_owned()),
        ticket: Some("/tickets/0".to_owned()),
        groups: Some("/groups".to_owned()),
        risk: Some("/risk".to_owned()),
    };
    let claims = json!({
        "https://demo/task": {"id": "T-1"},
        "why": "fix the build\nand the tests",
        "tickets": ["CHG-1", "CHG-2"],
        "groups": ["release-managers"],
        "risk": "low",
        "task": "not this one",
    });
    let expected = TaskClaims {
        task: Some("T-1".to_owned()),
        purpose: Some("fix the build\nand the tests".to_owned()),
        ticket: Some("CHG-1".to_owned()),
        groups: vec!["release-managers".to_owned()],
        risk: Some("low".to_owned()),
    };
    assert_eq!(TaskClaims::read(&claims, &map), Ok(expected));
    assert_eq!(
        TaskClaims::read(&claims, &ClaimMap::default()),
        Ok(TaskClaims::default()),
        "unmapped is absent"
    );
    assert_eq!(TaskClaims::read(&json!({}), &map), Ok(TaskClaims::default()), "missing is absent");
}

#[test]
fn facts_of_another_shape_refuse_the_token() {
    let name = |field: &str| Some(format!("/{field}"));
    let map = ClaimMap {
        task: name("task"),
        purpose: name("purpose"),
        ticket: name("ticket"),
        groups: name("groups"),
        risk: name("risk"),
    };
    for field in ["task", "purpose", "ticket", "risk"] {
        for value in [json!(""), json!(null), json!(1), json!(["a"]), json!({"a": "b"})] {
            let error = TaskClaims::read(&json!({field: value}), &map).unwrap_err();
            assert_eq!(error.code(), "token_claim_invalid", "{field} {value}");
            assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
        }
    }
    for value in
        [json!("admins"), json!(null), json!({"admins": true}), json!(["a", 1]), json!([""]), json!(["a\n"])]
    {
        let error = TaskClaims::read(&json!({"groups": value}), &map).unwrap_err();
        assert_eq!(error.code(), "token_claim_invalid", "{value}");
    }
    let key = TestKey::ed25519();
    let rules = IssuerRules { claims: map, ..demo_rules(&key) };
    let mut world = World::with(key, vec![rules]);
    assert_eq!(world.claims_code(&with(&demo_claims(), "ticket", json!(""))), "token_claim_invalid");
    assert_eq!(world.claims_code(&with(&demo_claims(), "ticket", json!("CHG-1"))), "ok");
}
