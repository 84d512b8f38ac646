#![expect(clippy::string_slice, reason = "positions in test data")]

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Origin, Proof, ProofRules, ProvenRequest};
use crate::algorithm::Algorithm;
use crate::error::TokenError;
use crate::fixture::{NOW, TestKey, base64url, with, without};
use crate::signature::PureRust;
use crate::thumbprint::Thumbprint;
use crate::time::UnixTime;

const TOKEN: &str = "header.claims.signature";
const URL: &str = "https://tools.example/secrets/v1/kv/dev/db";
const REQUEST: ProvenRequest<'_> =
    ProvenRequest { method: "GET", authority: "tools.example", path: "/secrets/v1/kv/dev/db" };

/// A holder of a key, whose proofs are checked.
struct Holder {
    key: TestKey,
    rules: ProofRules,
}

impl Holder {
    fn new(key: TestKey) -> Self {
        let origins = ["https://tools.example", "https://other.example:8443", "http://plain.example"];
        let origins = origins.into_iter().map(|origin| Origin::parse(origin).unwrap()).collect();
        Self { key, rules: ProofRules { origins, algorithms: Algorithm::ALL.to_vec(), seconds: 60 } }
    }

    fn jwk(&self) -> Value {
        public(&self.key)
    }

    fn bound(&self) -> Thumbprint {
        Thumbprint::of_key(self.jwk().as_object().unwrap()).unwrap()
    }

    fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.key.algorithm(), "jwk": self.jwk() })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.key.sign(&header.to_string(), &claims.to_string())
    }

    fn verify_for(&self, proof: &str, request: ProvenRequest<'_>) -> Result<Proof, TokenError> {
        let (proof, token, now) = (proof.as_bytes(), TOKEN.as_bytes(), UnixTime::new(NOW));
        self.rules.verify(&PureRust, proof, token, self.bound(), request, now)
    }

    fn problem(&self, proof: &str) -> &'static str {
        problem(self.verify_for(proof, REQUEST))
    }

    /// What becomes of the good claims with this one.
    fn claim(&self, name: &str, value: Value) -> &'static str {
        self.problem(&self.sign(&self.header(), &with(&claims(), name, value)))
    }
}

fn problem(result: Result<Proof, TokenError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(TokenError::ProofInvalid { problem }) => problem,
        Err(error) => error.code(),
    }
}

/// The key without what a key set says of it.
fn public(key: &TestKey) -> Value {
    ["alg", "use", "kid"].into_iter().fold(key.jwk("k1"), |jwk, name| without(&jwk, name))
}

fn claims() -> Value {
    json!({
        "jti": "p-1",
        "htm": "GET",
        "htu": URL,
        "iat": NOW,
        "ath": base64url(&Sha256::digest(TOKEN)),
    })
}

#[test]
fn a_proof_of_this_request_holds() {
    for key in [TestKey::ed25519(), TestKey::p256()] {
        let holder = Holder::new(key);
        let proof = holder.verify_for(&holder.sign(&holder.header(), &claims()), REQUEST).unwrap();
        assert_eq!(proof.key(), holder.bound());
        let more = with(&with(&claims(), "nonce", json!("n")), "exp", json!(NOW + 60));
        assert_eq!(holder.problem(&holder.sign(&holder.header(), &more)), "ok", "what a client adds");
        let named = with(&holder.header(), "jwk", with(&holder.jwk(), "alg", json!(holder.key.algorithm())));
        assert_eq!(holder.problem(&holder.sign(&named, &claims())), "ok", "a key that says its algorithm");
    }
}

/// RFC 9449 section 4.3, check by check.
#[test]
fn whatever_is_not_of_this_request_is_refused() {
    let holder = Holder::new(TestKey::p256());
    const METHOD: &str = "`htm` is not the request's method";
    const ADDRESS: &str = "`htu` is not the request's address";
    const TOKEN_HASH: &str = "`ath` is not the hash of the token";
    const NAME: &str = "`jti` is missing or malformed";
    const OLD: &str = "it is too old";
    const FUTURE: &str = "it is of the future";
    const MALFORMED: &str = "a claim is malformed";
    let other_hash = json!(base64url(&Sha256::digest("another token")));
    let rows = [
        ("htm", json!("POST"), METHOD),
        ("htm", json!("get"), METHOD),
        ("htm", json!(["GET"]), METHOD),
        ("htm", json!(" GET"), METHOD),
        ("htu", json!("https://tools.example/secrets/v1/kv/dev/d"), ADDRESS),
        ("htu", json!("https://tools.example/secrets/v1/kv/dev/db/"), ADDRESS),
        ("htu", json!("https://tools.example/secrets/v1/kv/dev/%64b"), ADDRESS),
        ("htu", json!("https://tools.example/secrets/v1/kv/./dev/db"), ADDRESS),
        ("htu", json!("https://tools.example"), ADDRESS),
        ("htu", json!("https://tools.example.evil/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!("https://tools.example@evil/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!("https://evil@tools.example/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!("https://tools.example:444/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!("http://tools.example/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!("https://other.example:8443/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!("/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!("tools.example/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!(" https://tools.example/secrets/v1/kv/dev/db"), ADDRESS),
        ("htu", json!([URL]), ADDRESS),
        ("htu", json!(""), ADDRESS),
        ("ath", other_hash, TOKEN_HASH),
        ("ath", json!(""), TOKEN_HASH),
        ("ath", json!(format!("{}=", base64url(&Sha256::digest(TOKEN)))), TOKEN_HASH),
        ("ath", json!(format!("{:x?}", Sha256::digest(TOKEN))), TOKEN_HASH),
        ("jti", json!(""), NAME),
        ("jti", json!(1), NAME),
        ("jti", json!("a\u{0}b"), NAME),
        ("iat", json!(NOW - 61), OLD),
        ("iat", json!(0), OLD),
        ("iat", json!(NOW + 6), FUTURE),
        ("iat", json!(i64::MAX), FUTURE),
        ("iat", json!(NOW.to_string()), MALFORMED),
        ("iat", json!(1.5), MALFORMED),
        ("iat", json!(-1), MALFORMED),
        ("exp", json!(NOW), OLD),
        ("nbf", json!(NOW + 6), FUTURE),
        ("nonce", json!(1), MALFORMED),
        ("aud", json!(1), MALFORMED),
    ];
    for (name, value, expected) in rows {
        assert_eq!(holder.claim(name, value.clone()), expected, "{name}: {value}");
    }
    for (name, expected) in
        [("jti", NAME), ("htm", METHOD), ("htu", ADDRESS), ("ath", TOKEN_HASH), ("iat", "`iat` is missing")]
    {
        let proof = holder.sign(&holder.header(), &without(&claims(), name));
        assert_eq!(holder.problem(&proof), expected, "without {name}");
    }
    for seconds in [-60, 5] {
        assert_eq!(holder.claim("iat", json!(NOW + seconds)), "ok", "the edges of the window: {seconds}");
    }
}

#[test]
fn addresses_are_compared_in_normal_form() {
    let holder = Holder::new(TestKey::ed25519());
    let same = [
        "HTTPS://TOOLS.example/secrets/v1/kv/dev/db",
        "https://tools.example:443/secrets/v1/kv/dev/db",
        "https://tools.example:/secrets/v1/kv/dev/db",
        "https://tools.example/secrets/v1/kv/dev/db?list=true",
        "https://tools.example/secrets/v1/kv/dev/db#part",
    ];
    for htu in same {
        assert_eq!(holder.claim("htu", json!(htu)), "ok", "{htu}");
    }
    let ask = |htu: &str, authority, path| {
        let proof = holder.sign(&holder.header(), &with(&claims(), "htu", json!(htu)));
        problem(holder.verify_for(&proof, ProvenRequest { method: "GET", authority, path }))
    };
    assert_eq!(ask("https://tools.example", "tools.example", "/"), "ok", "no path is the root");
    // The request's own authority counts where it is one of the configured ones, in whatever form.
    assert_eq!(ask("http://plain.example:80/x", "plain.example", "/x"), "ok");
    assert_eq!(ask("https://other.example:8443/x", "OTHER.example:8443", "/x"), "ok");
    assert_ne!(ask("https://tools.example/x", "other.example:8443", "/x"), "ok");
    assert_ne!(ask("https://other.example/x", "other.example:8443", "/x"), "ok");
    // Behind a proxy that names the gateway otherwise, each of them does.
    assert_eq!(ask("https://tools.example/x", "gateway.internal:10000", "/x"), "ok");
    assert_eq!(ask("https://other.example:8443/x", "gateway.internal:10000", "/x"), "ok");
    assert_ne!(
        ask("https://gateway.internal:10000/x", "gateway.internal:10000", "/x"),
        "ok",
        "Host alone is nobody's word"
    );
}

#[test]
fn headers_of_anything_else_are_refused() {
    let holder = Holder::new(TestKey::p256());
    let header = holder.header();
    const SHAPE: &str = "not a compact JWS with its key";
    const KEY: &str = "`jwk` is not a public key of the algorithm";
    const ALGORITHM: &str = "an algorithm that proofs may not have";
    for typ in ["at+jwt", "JWT", "dpop+JWT", "application/dpop+jwt", "wpt+jwt", ""] {
        let proof = holder.sign(&with(&header, "typ", json!(typ)), &claims());
        assert_eq!(holder.problem(&proof), "`typ` is not `dpop+jwt`", "{typ}");
    }
    assert_eq!(holder.problem(&holder.sign(&without(&header, "typ"), &claims())), "`typ` is not `dpop+jwt`");
    for alg in ["none", "HS256", "es256", "ES256K", "RS512", ""] {
        assert_eq!(
            holder.problem(&holder.sign(&with(&header, "alg", json!(alg)), &claims())),
            SHAPE,
            "{alg}"
        );
    }
    for alg in ["ES384", "EdDSA", "RS256"] {
        assert_eq!(holder.problem(&holder.sign(&with(&header, "alg", json!(alg)), &claims())), KEY, "{alg}");
    }
    let private =
        ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].map(|name| with(&holder.jwk(), name, json!("AQAB")));
    let others = [
        json!({}),
        json!({ "kty": "oct", "k": "AAAA" }),
        with(&holder.jwk(), "crv", json!("P-384")),
        with(&holder.jwk(), "x", json!("")),
        with(&holder.jwk(), "y", holder.jwk()["x"].clone()),
        with(&holder.jwk(), "alg", json!("ES384")),
        with(&holder.jwk(), "use", json!("enc")),
        with(&holder.jwk(), "key_ops", json!(["sign"])),
    ];
    for jwk in private.into_iter().chain(others) {
        assert_eq!(holder.problem(&holder.sign(&with(&header, "jwk", jwk.clone()), &claims())), KEY, "{jwk}");
    }
    for jwk in [json!("k1"), json!([holder.jwk()]), Value::Null] {
        assert_eq!(
            holder.problem(&holder.sign(&with(&header, "jwk", jwk.clone()), &claims())),
            SHAPE,
            "{jwk}"
        );
    }
    assert_eq!(holder.problem(&holder.sign(&without(&header, "jwk"), &claims())), SHAPE);
    for name in ["crit", "b64", "jku", "x5c", "x5u", "zip", "enc"] {
        assert_eq!(
            holder.problem(&holder.sign(&with(&header, name, json!(["x"])), &claims())),
            SHAPE,
            "{name}"
        );
    }
    let narrow = ProofRules { algorithms: vec![Algorithm::EdDsa], ..holder.rules.clone() };
    let proof = holder.sign(&header, &claims());
    let verdict = narrow.verify(
        &PureRust,
        proof.as_bytes(),
        TOKEN.as_bytes(),
        holder.bound(),
        REQUEST,
        UnixTime::new(NOW),
    );
    assert_eq!(problem(verdict), ALGORITHM);
}

#[test]
fn proofs_of_others_and_forged_ones_are_refused() {
    let (holder, thief) = (Holder::new(TestKey::p256()), Holder::new(TestKey::p256()));
    let own = thief.sign(&thief.header(), &claims());
    assert_eq!(holder.problem(&own), "token_binding_mismatch", "the thief's own key");
    let claimed = thief.sign(&holder.header(), &claims());
    assert_eq!(
        holder.problem(&claimed),
        "the signature is not the key's",
        "the holder's key, without having it"
    );
    let good = holder.sign(&holder.header(), &claims());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let forged = [
        format!("{input}."),
        format!("{input}.{}", base64url(&[0; 64])),
        format!("{input}.{}", &signature[4..]),
        format!("{}.{signature}", own.rsplit_once('.').unwrap().0.replace(&own[..8], &good[..8])),
    ];
    for proof in forged {
        assert_ne!(holder.problem(&proof), "ok", "{proof}");
    }
    for proof in
        ["", ".", "..", "a.b.c", &format!("{good}.x"), &format!("{good} "), &format!("{good},{good}"), TOKEN]
    {
        assert_eq!(holder.problem(proof), "not a compact JWS with its key", "{proof}");
    }
    let long = with(&claims(), "x", json!("x".repeat(4096)));
    assert_eq!(holder.problem(&holder.sign(&holder.header(), &long)), "too long");
    // The token is no proof, and a proof no token.
    let hashed = holder.rules.verify(
        &PureRust,
        good.as_bytes(),
        b"another.token.x",
        holder.bound(),
        REQUEST,
        UnixTime::new(NOW),
    );
    assert_eq!(problem(hashed), "`ath` is not the hash of the token");
}

#[test]
fn origins_are_origins() {
    for origin in
        ["https://a.example", "http://127.0.0.1:10000", "https://[::1]:8443", "HTTPS://A.Example:443"]
    {
        assert!(Origin::parse(origin).is_ok(), "{origin}");
    }
    assert_eq!(Origin::parse("HTTPS://A.Example:443"), Origin::parse("https://a.example"));
    for origin in [
        "",
        "a.example",
        "//a.example",
        "ftp://a.example",
        "https://",
        "https://:443",
        "https://a.example/",
        "https://a.example/x",
        "https://u@a.example",
        "https://a.example?x",
        "https://a.example#x",
        "https://a b",
        "https://ä.example",
    ] {
        assert!(Origin::parse(origin).is_err(), "{origin}");
    }
}

/// The proof of RFC 9449 section 7.1 (figure 12), with its token and its time.
#[test]
fn the_example_of_rfc_9449_holds() {
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let proof = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRj",
        "QyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGk",
        "iOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZ",
        "SIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP8",
        "6L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    );
    let rules = ProofRules {
        origins: vec![Origin::parse("https://resource.example.org").unwrap()],
        algorithms: vec![Algorithm::Es256],
        seconds: 60,
    };
    let bound = Thumbprint::from_base64url("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I").unwrap();
    let request =
        ProvenRequest { method: "GET", authority: "resource.example.org", path: "/protectedresource" };
    let verify =
        |now| rules.verify(&PureRust, proof.as_bytes(), token.as_bytes(), bound, request, UnixTime::new(now));
    assert_eq!(verify(1_562_262_618).unwrap().key(), bound);
    assert_eq!(problem(verify(1_562_262_618 + 61)), "it is too old");
}
