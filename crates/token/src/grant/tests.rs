use serde_json::json;

use super::*;
use crate::fixture::{NOW, TestKey};
use crate::signature::PureRust;

const BINDING: GrantBinding<'_> = GrantBinding {
    digest: "sha-256:abc",
    claim: "c1",
    subject: "demo/alice@demo",
    actor: "demo/spiffe://demo/agent/coder",
};

struct Service {
    key: TestKey,
    verifier: GrantVerifier,
}

impl Service {
    fn new() -> Self {
        let key = TestKey::ed25519();
        let set = json!({ "keys": [key.jwk("g1")] }).to_string();
        let (keys, _) = KeySet::parse(&set).unwrap();
        let (issuer, audience) = ("https://control.demo".to_owned(), "gateway-demo".to_owned());
        Self { key, verifier: GrantVerifier { issuer, audience, keys } }
    }

    fn check(&self, claims: &Value) -> Result<Grant, GrantError> {
        self.check_as(GRANT_TYPE, claims)
    }

    fn check_as(&self, typ: &str, claims: &Value) -> Result<Grant, GrantError> {
        let header = json!({ "alg": self.key.algorithm(), "kid": "g1", "typ": typ }).to_string();
        let grant = self.key.sign(&header, &claims.to_string());
        self.verifier.verify(&PureRust, grant.as_bytes(), BINDING, UnixTime::new(NOW))
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://control.demo", "aud": "gateway-demo", "iat": NOW, "exp": NOW + 30, "jti": "j1",
        "digest": BINDING.digest, "claim": BINDING.claim, "approval": "a1",
        "sub": BINDING.subject, "act": { "sub": BINDING.actor },
        "groups": ["release-managers"], "approvers": ["demo/bob@demo"],
    })
}

#[test]
fn the_services_word_for_this_attempt_counts() {
    let grant = Service::new().check(&claims()).unwrap();
    assert_eq!((grant.id(), grant.approval()), ("j1", "a1"));
    assert_eq!(grant.groups(), ["release-managers"]);
    assert_eq!(grant.approvers(), ["demo/bob@demo"]);
}

#[test]
fn any_other_word_does_not() {
    use GrantError::{Binding, Claim, Malformed, Party, SelfApproval, Time};
    let service = Service::new();
    let changes = [
        ("iss", json!("https://other.demo"), Party("iss")),
        ("aud", json!("gateway-other"), Party("aud")),
        ("aud", json!(["gateway-demo"]), Claim("aud")),
        ("exp", json!(NOW), Time),
        ("exp", json!(NOW + MAX_GRANT_SECONDS + 1), Time),
        ("exp", json!("soon"), Malformed),
        ("exp", json!(i64::MIN), Malformed),
        ("iat", json!(NOW + 6), Time),
        ("iat", json!(i64::MIN), Malformed),
        ("iat", json!(NOW + 30), Time),
        ("digest", json!("sha-256:abd"), Binding("digest")),
        ("claim", json!("c2"), Binding("claim")),
        ("claim", json!(""), Claim("claim")),
        ("sub", json!("demo/mallory@demo"), Binding("sub")),
        ("act", json!({ "sub": "demo/spiffe://demo/agent/other" }), Binding("act")),
        ("act", json!(BINDING.actor), Claim("act")),
        ("act", json!({}), Claim("sub")),
        ("jti", json!(1), Malformed),
        ("approval", Value::Null, Claim("approval")),
        ("groups", json!([]), Claim("groups")),
        ("groups", json!("release-managers"), Claim("groups")),
        ("groups", json!(["a", "a"]), Claim("groups")),
        ("groups", json!([""]), Claim("groups")),
        ("groups", json!((0..65).map(|n| n.to_string()).collect::<Vec<_>>()), Claim("groups")),
        ("approvers", json!([]), Claim("approvers")),
        ("approvers", json!(["demo/bob@demo", BINDING.subject]), SelfApproval),
        ("approvers", json!([BINDING.actor]), SelfApproval),
    ];
    for (name, value, error) in changes {
        let mut changed = claims();
        changed[name] = value.clone();
        assert_eq!(service.check(&changed).unwrap_err(), error, "{name} = {value}");
    }
    for name in claims().as_object().unwrap().keys() {
        let mut less = claims();
        less.as_object_mut().unwrap().remove(name);
        assert!(matches!(service.check(&less), Err(Claim(_))), "without {name}");
    }
}

#[test]
fn no_other_token_and_no_other_key_makes_a_grant() {
    let service = Service::new();
    for typ in ["at+jwt", "JWT", "ACTGATE-GRANT+JWT", "application/actgate-grant+jwt", ""] {
        assert_eq!(service.check_as(typ, &claims()).unwrap_err(), GrantError::Malformed, "{typ}");
    }
    let foreign = Service::new();
    let header = json!({ "alg": "EdDSA", "kid": "g1", "typ": GRANT_TYPE }).to_string();
    let verify = |grant: &str| {
        service.verifier.verify(&PureRust, grant.as_bytes(), BINDING, UnixTime::new(NOW)).unwrap_err()
    };
    assert_eq!(verify(&foreign.key.sign(&header, &claims().to_string())), GrantError::Signature);
    for header in [
        json!({ "alg": "EdDSA", "kid": "g2", "typ": GRANT_TYPE }),
        json!({ "alg": "ES256", "kid": "g1", "typ": GRANT_TYPE }),
    ] {
        let grant = service.key.sign(&header.to_string(), &claims().to_string());
        assert_eq!(verify(&grant), GrantError::Signature, "{header}");
    }
    for header in [
        json!({ "alg": "none", "typ": GRANT_TYPE }),
        json!({ "alg": "EdDSA", "kid": "g1", "typ": GRANT_TYPE, "crit": [] }),
        json!({ "alg": "EdDSA", "kid": "g1", "typ": GRANT_TYPE, "jwk": {} }),
    ] {
        let grant = service.key.sign(&header.to_string(), &claims().to_string());
        assert_eq!(verify(&grant), GrantError::Malformed, "{header}");
    }
}

#[test]
fn an_altered_grant_is_none() {
    let service = Service::new();
    let header = json!({ "alg": "EdDSA", "kid": "g1", "typ": GRANT_TYPE }).to_string();
    let grant = service.key.sign(&header, &claims().to_string());
    for at in 0..grant.len() {
        let mut altered = grant.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let result = service.verifier.verify(&PureRust, &altered, BINDING, UnixTime::new(NOW));
        assert!(result.is_err(), "byte {at}");
    }
}
