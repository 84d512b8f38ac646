//! Keys, tokens and issuers for the tests.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{
    ECDSAP256KeyPairLike as _, ECDSAP256PublicKeyLike as _, ES256KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike as _,
};
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};

use crate::algorithm::Algorithm;
use crate::cache::TokenCache;
use crate::claims::ClaimMap;
use crate::error::TokenError;
use crate::issuer::{DEFAULT_MAX_LIFETIME_SECONDS, DEFAULT_SKEW_SECONDS, IssuerKind, IssuerRules};
use crate::key_set::KeySet;
use crate::profile::Profile;
use crate::time::UnixTime;
use crate::verify::{VerifiedToken, Verifier};

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://issuer.demo";
pub(crate) const AUDIENCE: &str = "actgate-demo";
pub(crate) const AGENT: &str = "spiffe://demo/agent/coder";

/// A key that signs anything, also what a JWT library would refuse to write.
pub(crate) enum TestKey {
    Ed25519(Ed25519KeyPair),
    P256(ES256KeyPair),
}

/// A verifier with its cache, and the key of its (first) issuer.
pub(crate) struct World {
    pub(crate) key: TestKey,
    pub(crate) verifier: Verifier,
    pub(crate) cache: TokenCache,
}

// === impl TestKey ===

impl TestKey {
    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate())
    }

    pub(crate) fn p256() -> Self {
        Self::P256(ES256KeyPair::generate())
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Ed25519(key) => {
                let x = base64url(&key.public_key().to_bytes());
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x})
            }
            Self::P256(key) => {
                let point = key.public_key().public_key().to_bytes_uncompressed();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y})
            }
        }
    }

    /// A genuine signature over any header and any claims.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = match self {
            Self::Ed25519(key) => key.key_pair().as_ref().sk.sign(&input, None).to_vec(),
            Self::P256(key) => {
                let signature: Signature = key.key_pair().as_ref().sign(input.as_bytes());
                signature.to_bytes().to_vec()
            }
        };
        format!("{input}.{}", base64url(&signature))
    }

    /// An `at+jwt` with the key id `k1`.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": "k1", "typ": "at+jwt"});
        self.sign(&header.to_string(), &claims.to_string())
    }
}

// === impl World ===

impl World {
    /// One delegated issuer that vouches for its actors.
    pub(crate) fn demo() -> Self {
        let key = TestKey::ed25519();
        let rules = demo_rules(&key);
        Self::with(key, vec![rules])
    }

    pub(crate) fn with(key: TestKey, issuers: Vec<IssuerRules>) -> Self {
        let verifier = Verifier::new(issuers).expect("the rules are valid");
        Self { key, verifier, cache: TokenCache::default() }
    }

    /// Verifies a token, and sees to it that nothing that is refused gets into the cache.
    pub(crate) fn verify_at(&mut self, token: &str, seconds: i64) -> Result<Arc<VerifiedToken>, TokenError> {
        self.cache.clear();
        let result = self.verifier.verify(&mut self.cache, token.as_bytes(), UnixTime::new(seconds));
        assert_eq!(self.cache.len(), usize::from(result.is_ok()), "only verified tokens enter the cache");
        result
    }

    pub(crate) fn verify(&mut self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        self.verify_at(token, NOW)
    }

    /// `ok`, or the code of the refusal.
    pub(crate) fn code(&mut self, token: &str) -> &'static str {
        self.verify(token).map_or_else(|error| error.code(), |_| "ok")
    }

    /// `ok`, or the code of the refusal, for a genuine token with these claims.
    pub(crate) fn claims_code(&mut self, claims: &Value) -> &'static str {
        let token = self.key.token(claims);
        self.code(&token)
    }
}

/// The demo's issuer, with `key` as its key `k1`.
pub(crate) fn demo_rules(key: &TestKey) -> IssuerRules {
    IssuerRules {
        alias: "demo".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        keys: key_set(&[key.jwk("k1")]).into(),
        kind: IssuerKind::Delegated,
        profile: Profile::AtJwt,
        algorithms: Algorithm::ALL.to_vec(),
        types: None,
        max_lifetime_seconds: DEFAULT_MAX_LIFETIME_SECONDS,
        skew_seconds: DEFAULT_SKEW_SECONDS,
        act_issuers: vec![ISSUER.to_owned()],
        claims: ClaimMap::default(),
    }
}

/// An issuer of JWT-SVIDs for the trust domain `demo`.
pub(crate) fn svid_rules(key: &TestKey) -> IssuerRules {
    IssuerRules {
        alias: "mesh".to_owned(),
        issuer: "spiffe://demo".to_owned(),
        keys: key_set(&[with(&key.jwk("k1"), "use", json!("jwt-svid"))]).into(),
        kind: IssuerKind::Workload,
        profile: Profile::JwtSvid,
        act_issuers: Vec::new(),
        ..demo_rules(key)
    }
}

/// What the demo's agent brings.
pub(crate) fn demo_claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": "alice@demo",
        "aud": AUDIENCE,
        "exp": NOW + 600,
        "iat": NOW,
        "jti": "t-1",
        "client_id": "coder",
        "act": {"sub": AGENT},
    })
}

pub(crate) fn key_set(jwks: &[Value]) -> KeySet {
    let (keys, skipped) = KeySet::parse(&json!({"keys": jwks}).to_string()).expect("a key set");
    assert_eq!(skipped, []);
    keys
}

/// The object with one member replaced.
pub(crate) fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

/// The object without one member.
pub(crate) fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().expect("an object").remove(name).expect("the member");
    object
}

pub(crate) fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}
