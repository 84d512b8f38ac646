use std::cell::Cell;
use std::sync::Arc;

use serde_json::json;

use super::TokenCache;
use crate::error::TokenError;
use crate::fixture::{NOW, World, demo_claims, demo_rules, with};
use crate::issuer::IssuerRules;
use crate::jwk::VerifyingKey;
use crate::signature::{InvalidSignature, PureRust, SignaturePort};
use crate::time::UnixTime;
use crate::verify::{VerifiedToken, Verifier};

/// Counts how often a signature is really verified.
#[derive(Default)]
struct Counting {
    checks: Cell<usize>,
}

impl SignaturePort for Counting {
    fn verify(&self, key: &VerifyingKey, text: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.checks.update(|checks| checks.saturating_add(1));
        PureRust.verify(key, text, signature)
    }
}

/// The demo with a cache that stays, and the number of signatures that were verified.
struct Counted {
    world: World,
    port: Counting,
}

impl Counted {
    fn new(cache: TokenCache) -> Self {
        Self { world: World { cache, ..World::demo() }, port: Counting::default() }
    }

    fn verify_at(&mut self, token: &str, seconds: i64) -> Result<Arc<VerifiedToken>, TokenError> {
        let World { verifier, cache, .. } = &mut self.world;
        verifier.verify_with(&self.port, cache, token.as_bytes(), UnixTime::new(seconds))
    }

    fn verify(&mut self, token: &str) -> Arc<VerifiedToken> {
        self.verify_at(token, NOW).expect("a valid token")
    }

    /// The token of a task with this number.
    fn token(&self, number: usize) -> String {
        self.world.key.token(&with(&demo_claims(), "jti", json!(format!("t-{number}"))))
    }

    fn checks(&self) -> usize {
        self.port.checks.get()
    }
}

#[test]
fn a_hit_is_the_same_token_without_another_look_at_the_signature() {
    let mut counted = Counted::new(TokenCache::default());
    let token = counted.token(1);
    let first = counted.verify(&token);
    let second = counted.verify(&token);
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!((counted.checks(), counted.world.cache.len()), (1, 1));
}

#[test]
fn a_hit_is_of_exactly_the_same_bytes() {
    let mut counted = Counted::new(TokenCache::default());
    let token = counted.token(1);
    counted.verify(&token);

    // The same beginning, another signature; the same signature, another beginning; cut; longer.
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (_, other_signature) =
        counted.token(2).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let mallory = counted.world.key.token(&with(&demo_claims(), "sub", json!("mallory@demo")));
    let mallory = mallory.rsplit_once('.').unwrap().0;
    for (other, code) in [
        (format!("{input}.{other_signature}"), "token_signature_invalid"),
        (format!("{mallory}.{signature}"), "token_signature_invalid"),
        (token.strip_suffix(|_: char| true).unwrap().to_owned(), "token_malformed"),
        (format!("{token}="), "token_malformed"),
        (format!("x{token}"), "token_malformed"),
        (signature.to_owned(), "token_malformed"),
        (String::new(), "token_malformed"),
    ] {
        assert_eq!(counted.verify_at(&other, NOW).unwrap_err().code(), code, "{other}");
    }
    assert_eq!(counted.world.cache.len(), 1, "refused tokens do not enter");
}

#[test]
fn times_count_at_every_hit() {
    let mut counted = Counted::new(TokenCache::default());
    let token = counted.token(1);
    counted.verify(&token);
    assert_eq!(counted.verify_at(&token, NOW + 629).unwrap().jti(), Some("t-1"));
    assert_eq!(counted.checks(), 1);
    assert_eq!(counted.verify_at(&token, NOW + 630).unwrap_err().code(), "token_expired");
    assert_eq!(counted.checks(), 1, "a hit that expired");
    assert!(counted.world.cache.is_empty(), "what expired is forgotten");
    assert_eq!(counted.world.cache.bytes(), 0);
    assert_eq!(counted.verify_at(&token, NOW + 630).unwrap_err().code(), "token_expired");

    let claims = with(&demo_claims(), "nbf", json!(NOW));
    let token = counted.world.key.token(&claims);
    counted.verify(&token);
    assert_eq!(
        counted.verify_at(&token, NOW - 31).unwrap_err().code(),
        "token_not_yet_valid",
        "a clock set back"
    );
}

#[test]
fn other_rules_do_not_inherit_tokens() {
    let mut counted = Counted::new(TokenCache::default());
    let token = counted.token(1);
    counted.verify(&token);
    let stricter = IssuerRules { audiences: vec!["elsewhere".to_owned()], ..demo_rules(&counted.world.key) };
    let old = std::mem::replace(&mut counted.world.verifier, Verifier::new(vec![stricter]).unwrap());
    assert_eq!(counted.verify_at(&token, NOW).unwrap_err().code(), "token_audience_mismatch");

    // The same rules once more are other rules too: verified afresh, kept once.
    counted.world.verifier = Verifier::new(vec![demo_rules(&counted.world.key)]).unwrap();
    let checks = counted.checks();
    let fresh = counted.verify(&token);
    assert!(Arc::ptr_eq(&fresh, &counted.verify(&token)));
    assert_eq!((counted.checks(), counted.world.cache.len()), (checks + 1, 1));
    drop(old);
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut counted = Counted::new(TokenCache::new(3, usize::MAX));
    let tokens: Vec<String> = (0..4).map(|number| counted.token(number)).collect();
    for token in [&tokens[0], &tokens[1], &tokens[2], &tokens[0], &tokens[3]] {
        counted.verify(token);
    }
    assert_eq!((counted.checks(), counted.world.cache.len()), (4, 3));
    for token in [&tokens[0], &tokens[2], &tokens[3]] {
        counted.verify(token);
    }
    assert_eq!(counted.checks(), 4, "still there");
    counted.verify(&tokens[1]);
    assert_eq!(counted.checks(), 5, "the one that went");
}

#[test]
fn bytes_are_bounded() {
    let mut counted = Counted::new(TokenCache::new(usize::MAX, usize::MAX));
    let tokens: Vec<String> = (0..20).map(|number| counted.token(number)).collect();
    counted.verify(&tokens[0]);
    let one = counted.world.cache.bytes();
    assert!(one > tokens[0].len() + size_of::<VerifiedToken>(), "bytes and what was read out of them: {one}");

    counted.world.cache = TokenCache::new(usize::MAX, 5 * one + one / 2);
    for token in &tokens {
        counted.verify(token);
        assert!(counted.world.cache.bytes() <= 5 * one + one / 2);
    }
    assert_eq!(counted.world.cache.len(), 5);
    counted.verify(&tokens[19]);
    counted.verify(&tokens[15]);
    assert_eq!(counted.checks(), 21, "the last five stayed");

    counted.world.cache = TokenCache::new(usize::MAX, one / 2);
    counted.verify(&tokens[0]);
    assert_eq!(
        (counted.world.cache.len(), counted.world.cache.bytes()),
        (0, 0),
        "larger than the whole cache"
    );
}

#[test]
fn a_token_weighs_what_it_unfolds_to() {
    // 1,500 empty objects in few bytes: what is kept is many times the text.
    let mut counted = Counted::new(TokenCache::default());
    let details = json!([{"type": "actgate", "x": vec![json!({}); 1500]}]);
    let token = counted.world.key.token(&with(&demo_claims(), "authorization_details", details));
    assert!(token.len() < 8192);
    counted.verify(&token);
    assert!(counted.world.cache.bytes() > 1500 * size_of::<serde_json::Value>());
}

#[test]
fn nothing_is_kept_without_room() {
    for cache in [TokenCache::new(0, usize::MAX), TokenCache::new(usize::MAX, 0)] {
        let mut counted = Counted::new(cache);
        let token = counted.token(1);
        counted.verify(&token);
        counted.verify(&token);
        assert_eq!((counted.checks(), counted.world.cache.len()), (2, 0));
    }
}

#[test]
fn clear_forgets_everything() {
    let mut counted = Counted::new(TokenCache::default());
    let token = counted.token(1);
    counted.verify(&token);
    counted.world.cache.clear();
    assert!(counted.world.cache.is_empty());
    assert_eq!(counted.world.cache.bytes(), 0);
    counted.verify(&token);
    assert_eq!(counted.checks(), 2);
}

#[test]
fn debug_shows_no_token() {
    let mut counted = Counted::new(TokenCache::default());
    let token = counted.token(1);
    counted.verify(&token);
    let shown = format!("{:?}", counted.world.cache);
    assert!(shown.starts_with("TokenCache { entries: 1, bytes: "), "{shown}");
    assert!(!shown.contains("alice"), "{shown}");
}
