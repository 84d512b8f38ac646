use serde_json::{Value, json};

use super::{KeySet, KeySetError, MAX_KEYS, MAX_SET_BYTES, NoKey};
use crate::algorithm::Algorithm;
use crate::fixture::{TestKey, key_set, with, without};
use crate::jwk::SkipReason;

/// The kids that are used, and after a bar the positions and reasons of the keys that are not.
fn judged(set: &Value) -> Result<String, &'static str> {
    let (keys, skipped) = KeySet::parse(&set.to_string()).map_err(|error| error.code())?;
    let used: Vec<&str> = keys.iter().map(|key| key.id().unwrap_or("-")).collect();
    let skipped: Vec<String> =
        skipped.iter().map(|key| format!("{} {}", key.index, key.reason.code())).collect();
    Ok(format!("{} | {}", used.join(", "), skipped.join(", ")))
}

fn ok(judged: &str) -> Result<String, &'static str> {
    Ok(judged.to_owned())
}

#[test]
fn bad_keys_do_not_spoil_the_good_one() {
    let good = TestKey::p256().jwk("good");
    let encryption = with(&TestKey::p256().jwk("enc"), "use", json!("enc"));
    let secret = json!({"kty": "oct", "kid": "secret", "k": "AAAA"});
    let unknown = json!({"kty": "AKP", "kid": "new", "alg": "ML-DSA-65"});
    let set = json!({"keys": [encryption, secret, good, unknown, 7, null, []], "spiffe_sequence": 3});
    let expected = "good | 0 jwk_use_refused, 1 jwk_symmetric, 3 jwk_algorithm_refused, 4 jwk_malformed, \
        5 jwk_malformed, 6 jwk_malformed";
    assert_eq!(judged(&set), ok(expected));
}

#[test]
fn a_key_with_duplicate_members_is_skipped_alone() {
    let good = TestKey::p256().jwk("good");
    let twice = TestKey::ed25519().jwk("twice").to_string().replacen('{', r#"{"alg":"ES256","#, 1);
    let (keys, skipped) = KeySet::parse(&format!(r#"{{"keys":[{twice},{good}]}}"#)).unwrap();
    assert_eq!(keys.iter().count(), 1);
    assert_eq!((skipped[0].index, skipped[0].reason), (0, SkipReason::Malformed));
}

#[test]
fn skipped_keys_are_named() {
    let set = json!({"keys": [TestKey::p256().jwk("good"), with(&TestKey::p256().jwk("bad"), "use", json!("enc"))]});
    let (_, skipped) = KeySet::parse(&set.to_string()).unwrap();
    assert_eq!(skipped[0].key_id.as_deref(), Some("bad"));
}

#[test]
fn a_set_without_a_usable_key_is_an_error() {
    assert_eq!(judged(&json!({"keys": []})), Err("key_set_no_usable_key"));
    let secret = json!({"kty": "oct", "k": "AAAA"});
    let error = KeySet::parse(&json!({"keys": [secret]}).to_string()).unwrap_err();
    assert_eq!(error.to_string(), "no usable key among 1 in the set");
}

#[test]
fn what_is_not_a_set_is_an_error() {
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]}x"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert_eq!(KeySet::parse(text).unwrap_err().code(), "key_set_malformed", "{text}");
    }
}

#[test]
fn a_key_id_names_one_key() {
    let (key, other) = (TestKey::p256().jwk("k"), TestKey::p256().jwk("k"));
    let set = json!({"keys": [key, other]});
    let error = KeySet::parse(&set.to_string()).unwrap_err();
    assert_eq!(error, KeySetError::DuplicateKeyId { key_id: "k".to_owned() });

    assert_eq!(judged(&json!({"keys": [key, key]})), ok("k | 1 jwk_duplicate"));
    let unnamed = without(&key, "kid");
    let set = json!({"keys": [unnamed, unnamed, key]});
    assert_eq!(judged(&set), ok("-, k | 1 jwk_duplicate"));

    // One RSA key for two algorithms is two keys.
    let rsa = json!({"kty": "RSA", "kid": "r", "n": crate::fixture::base64url(&[0xC5; 256]), "e": "AQAB"});
    let set = json!({"keys": [with(&rsa, "alg", json!("RS256")), with(&rsa, "alg", json!("PS256"))]});
    assert_eq!(judged(&set), Err("key_set_duplicate_key_id"));
    // One that cannot be used takes no name.
    let set = json!({"keys": [with(&other, "use", json!("enc")), key]});
    assert_eq!(judged(&set), ok("k | 0 jwk_use_refused"));
}

#[test]
fn size_and_number_are_bounded() {
    let jwk = without(&TestKey::ed25519().jwk("k"), "kid");
    let keys = |count: usize| {
        (0..count).map(|index| with(&jwk, "kid", json!(index.to_string()))).collect::<Vec<_>>()
    };
    assert_eq!(key_set(&keys(MAX_KEYS)).iter().count(), MAX_KEYS);
    assert_eq!(judged(&json!({"keys": keys(MAX_KEYS + 1)})), Err("key_set_too_many_keys"));

    let mut set = json!({"keys": keys(1)}).to_string();
    set.push_str(&" ".repeat(MAX_SET_BYTES - set.len()));
    assert!(KeySet::parse(&set).is_ok());
    set.push(' ');
    assert_eq!(KeySet::parse(&set).unwrap_err(), KeySetError::TooLarge { bytes: MAX_SET_BYTES + 1 });
}

#[test]
fn a_key_is_chosen_by_its_id() {
    let set = key_set(&[TestKey::p256().jwk("a"), TestKey::p256().jwk("b"), TestKey::ed25519().jwk("c")]);
    let choose = |key_id, algorithm| set.choose(key_id, algorithm, |_| true).map(|key| key.id());
    assert_eq!(choose(Some("b"), Algorithm::Es256), Ok(Some("b")));
    assert_eq!(choose(Some("b"), Algorithm::EdDsa), Err(NoKey::Pinned));
    assert_eq!(choose(Some("c"), Algorithm::EdDsa), Ok(Some("c")));
    for injected in
        ["", "A", "b ", "../b", "/dev/null", "b'; DROP TABLE keys; --", "https://attacker.example/b", "b\0"]
    {
        assert_eq!(choose(Some(injected), Algorithm::Es256), Err(NoKey::Unknown), "{injected}");
    }
    assert_eq!(set.choose(Some("b"), Algorithm::Es256, |_| false).unwrap_err(), NoKey::Unknown);
}

#[test]
fn without_a_key_id_only_a_lone_candidate_is_chosen() {
    let set = key_set(&[TestKey::p256().jwk("a"), TestKey::p256().jwk("b"), TestKey::ed25519().jwk("c")]);
    let choose = |algorithm| set.choose(None, algorithm, |_| true).map(|key| key.id());
    assert_eq!(choose(Algorithm::EdDsa), Ok(Some("c")));
    assert_eq!(choose(Algorithm::Es256), Err(NoKey::Unknown), "two fit");
    assert_eq!(choose(Algorithm::Rs256), Err(NoKey::Unknown), "none fits");
    let first = |key: &crate::jwk::VerifyingKey| key.id() == Some("a");
    assert_eq!(set.choose(None, Algorithm::Es256, first).map(|key| key.id()), Ok(Some("a")));
}

#[test]
fn debug_shows_ids_and_algorithms_only() {
    let shown = format!("{:?}", key_set(&[TestKey::p256().jwk("a")]));
    assert_eq!(shown, "[VerifyingKey { id: Some(\"a\"), algorithm: Es256, purpose: Signature, .. }]");
}
