//! Tokens of the demo's issuer, good ones and ones that are wrong in one way.

use std::time::{SystemTime, UNIX_EPOCH};

use actgate_harness::mint::{Actor, Algorithm, Profile, Tamper, TokenKey, TokenSpec, random_token_id, sign};
use serde_json::{Map, Value, json};

/// The agent of the demo.
pub const CODER: &str = "spiffe://demo/agent/coder";

/// The demo's issuer, with a key that only this test has.
#[derive(Debug)]
pub struct Issuer {
    key: TokenKey,
}

// === impl Issuer ===

impl Issuer {
    /// An issuer with a fresh key.
    pub fn new() -> Self {
        Self { key: TokenKey::generate(Algorithm::Es256).expect("a key") }
    }

    /// Its key set, as the gateway gets it.
    pub fn key_set(&self) -> Value {
        json!({ "keys": [self.key.jwk(Profile::AtJwt).expect("a public key")] })
    }

    /// A token of `alice@demo` through the coder that nothing is wrong with.
    pub fn good(&self) -> String {
        self.mint(&alice())
    }

    /// A token as `spec` says.
    pub fn mint(&self, spec: &TokenSpec) -> String {
        spec.mint(&self.key).expect("a token")
    }

    /// alice's token after `changes`.
    pub fn tampered(&self, changes: impl IntoIterator<Item = Tamper>) -> String {
        self.mint(&TokenSpec { tamper: changes.into_iter().collect(), ..alice() })
    }

    /// alice's token with one claim set.
    pub fn claiming(&self, name: &str, value: Value) -> String {
        self.mint(&TokenSpec { claims: Map::from_iter([(name.to_owned(), value)]), ..alice() })
    }

    /// A signed token of exactly this header and payload.
    pub fn signed(&self, header: &str, payload: &str) -> String {
        sign(&self.key, header, payload).expect("a token")
    }

    /// The name of its key.
    pub fn kid(&self) -> &str {
        self.key.kid()
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

/// What the good token says.
pub fn alice() -> TokenSpec {
    through(CODER, "alice@demo")
}

/// A token of `subject` through `actor`.
pub fn through(actor: &str, subject: &str) -> TokenSpec {
    TokenSpec {
        profile: Profile::AtJwt,
        issuer: "https://issuer.demo".to_owned(),
        subject: subject.to_owned(),
        audiences: vec!["actgate-demo".to_owned()],
        actor: Some(Actor::named(actor)),
        client_id: None,
        scope: None,
        token_id: random_token_id(),
        issued_at: now(),
        lifetime: 600,
        claims: Map::new(),
        tamper: Vec::new(),
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_secs()).expect("a clock")
}

/// Sets a header member.
pub fn header(name: &str, value: Value) -> Tamper {
    Tamper::Header { name: name.to_owned(), value }
}
