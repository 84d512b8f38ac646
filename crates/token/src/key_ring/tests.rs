#![expect(clippy::arithmetic_side_effects, reason = "times of a test")]

use serde_json::json;

use super::{KeyRing, Refetch};
use crate::algorithm::Algorithm;
use crate::fixture::{NOW, TestKey, World, demo_claims, demo_rules, key_set};
use crate::issuer::{IssuerKeys, IssuerRules};
use crate::key_set::KeySet;
use crate::time::UnixTime;

const HOUR: i64 = 3600;

fn at(seconds: i64) -> UnixTime {
    UnixTime::new(NOW + seconds)
}

/// An issuer whose keys are fetched, and have not been.
struct Published {
    world: World,
    token: String,
}

impl Published {
    fn new() -> Self {
        let key = TestKey::p256();
        let rules = IssuerRules { keys: IssuerKeys::Fetched, ..demo_rules(&key) };
        let token = key.token(&demo_claims());
        Self { world: World::with(key, vec![rules]), token }
    }

    fn publish(&mut self, keys: Option<KeySet>) {
        self.world.cache.keys_mut().put("demo", keys, at(HOUR));
    }

    fn own_key(&self) -> KeySet {
        key_set(&[self.world.key.jwk("k1")])
    }

    /// Without forgetting any token.
    fn code_at(&mut self, seconds: i64) -> &'static str {
        let World { verifier, cache, .. } = &mut self.world;
        let verdict = verifier.verify(cache, self.token.as_bytes(), at(seconds));
        verdict.map_or_else(|error| error.code(), |_| "ok")
    }
}

#[test]
fn nothing_is_believed_before_there_are_keys_nor_when_they_are_too_old() {
    let mut published = Published::new();
    assert_eq!(published.code_at(0), "token_keys_unavailable");
    let keys = published.own_key();
    published.publish(Some(keys));
    assert_eq!(published.code_at(0), "ok");
    assert_eq!(published.code_at(59), "ok", "from the cache");
    let keys = published.own_key();
    published.world.cache.keys_mut().put("demo", Some(keys), at(100));
    assert_eq!(published.code_at(99), "ok");
    assert_eq!(
        published.code_at(100),
        "token_keys_unavailable",
        "a token in the cache is no older key's friend"
    );
    assert!(!published.world.cache.keys().is_known("demo", at(100)));
}

#[test]
fn a_withdrawn_key_takes_its_cached_tokens_with_it() {
    let mut published = Published::new();
    let keys = published.own_key();
    published.publish(Some(keys));
    assert_eq!(published.code_at(0), "ok");
    published.publish(Some(key_set(&[TestKey::p256().jwk("k2")])));
    published.world.cache.keys_mut().set_refetch("demo", Refetch::TooSoon);
    assert_eq!(published.code_at(0), "token_key_unknown");
    assert!(published.world.cache.is_empty());
    // Another key under the old name is another key.
    let other = key_set(&[TestKey::p256().jwk("k1")]);
    let keys = published.own_key();
    published.publish(Some(keys));
    assert_eq!(published.code_at(0), "ok");
    published.publish(Some(other));
    assert_eq!(published.code_at(0), "token_signature_invalid");
}

#[test]
fn a_set_without_usable_keys_withdraws_them_all() {
    let mut published = Published::new();
    let keys = published.own_key();
    published.publish(Some(keys));
    assert_eq!(published.code_at(0), "ok");
    published.publish(None);
    published.world.cache.keys_mut().set_refetch("demo", Refetch::TooSoon);
    assert_eq!(published.code_at(0), "token_key_unknown");
}

#[test]
fn old_and_new_keys_overlap_and_a_kept_key_keeps_its_tokens() {
    let mut published = Published::new();
    let keys = published.own_key();
    published.publish(Some(keys));
    assert_eq!(published.code_at(0), "ok");
    let both = key_set(&[TestKey::p256().jwk("k2"), published.world.key.jwk("k1")]);
    published.publish(Some(both));
    assert_eq!(published.code_at(0), "ok");
    assert_eq!(published.world.cache.len(), 1);
}

#[test]
fn an_unknown_key_is_asked_for_once() {
    let mut published = Published::new();
    published.publish(Some(key_set(&[TestKey::p256().jwk("k2")])));
    assert!(!published.world.cache.keys().is_wanted("demo"));
    assert_eq!(published.code_at(0), "token_keys_unavailable", "it may have been published since");
    assert!(published.world.cache.keys().is_wanted("demo"));
    let steps = [
        (Refetch::Possible, "token_keys_unavailable", true),
        (Refetch::UnderWay, "token_keys_unavailable", false),
        (Refetch::TooSoon, "token_key_unknown", false),
        (Refetch::Possible, "token_keys_unavailable", true),
    ];
    for (refetch, code, wanted) in steps {
        published.world.cache.keys_mut().set_refetch("demo", refetch);
        assert_eq!(published.code_at(0), code, "{refetch:?}");
        assert_eq!(published.world.cache.keys().is_wanted("demo"), wanted, "{refetch:?}");
    }
}

#[test]
fn only_a_named_key_is_asked_for() {
    let mut published = Published::new();
    published.publish(Some(key_set(&[TestKey::ed25519().jwk("k2")])));
    published.token =
        published.world.key.sign(r#"{"alg":"ES256","typ":"at+jwt"}"#, &demo_claims().to_string());
    assert_eq!(published.code_at(0), "token_key_unknown");
    // A known name with another algorithm is a lie about the key.
    published.token =
        published.world.key.sign(r#"{"alg":"ES256","typ":"at+jwt","kid":"k2"}"#, &demo_claims().to_string());
    assert_eq!(published.code_at(0), "token_algorithm_refused");
    assert!(!published.world.cache.keys().is_wanted("demo"));
}

#[test]
fn forgetting_tokens_forgets_no_keys() {
    let mut published = Published::new();
    let keys = published.own_key();
    published.publish(Some(keys));
    published.world.cache.clear();
    assert_eq!(published.code_at(0), "ok");
}

#[test]
fn keys_are_an_issuers_own() {
    let mut ring = KeyRing::default();
    let set = key_set(&[TestKey::p256().jwk("k1")]);
    let key = set.choose(Some("k1"), Algorithm::Es256, |_| true).unwrap();
    ring.put("one", Some(set.clone()), at(1));
    assert_eq!(ring.has("one", key, at(0)), Ok(true));
    assert!(ring.has("other", key, at(0)).is_err());
}

#[test]
fn keys_of_one_name_are_all_left_out_of_a_published_set() {
    let (first, second, third) = (TestKey::p256(), TestKey::p256(), TestKey::p256());
    let [a, b, c] = [first.jwk("twice"), second.jwk("twice"), third.jwk("twice")];
    let set =
        json!({"keys": [a, TestKey::ed25519().jwk("good"), b, a, c, {"kty": "oct", "k": "AA"}]}).to_string();
    let (keys, skipped) = KeySet::parse_published(&set).unwrap();
    assert_eq!(keys.iter().map(|key| key.id()).collect::<Vec<_>>(), [Some("good")]);
    let mut places: Vec<_> = skipped.iter().map(|key| (key.index, key.reason.code())).collect();
    places.sort_unstable();
    let ambiguous = "jwk_ambiguous";
    assert_eq!(
        places,
        [(0, ambiguous), (2, ambiguous), (3, ambiguous), (4, ambiguous), (5, "jwk_symmetric")]
    );
    assert_eq!(KeySet::parse(&set).unwrap_err().code(), "key_set_duplicate_key_id");
}
