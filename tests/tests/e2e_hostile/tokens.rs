//! Tokens bent in every way, and credentials in every wrong place.

use actgate_harness::mint::{Actor, Tamper, TokenSpec};
use actgate_tests::e2e::tokens::{CODER, alice, header, now};
use serde_json::{Value, json};

use crate::case::{Case, DEV, Expect, Kit, with_credential, with_credential_at};

const TEN_YEARS: i64 = 10 * 365 * 86_400;

pub(crate) fn rows(kit: &Kit) -> Vec<Case> {
    let mut rows = Vec::new();
    for (name, token, reason) in
        bent_headers(kit).into_iter().chain(bent_claims(kit)).chain(bent_actors(kit)).chain(bent_bytes(kit))
    {
        let line = format!("authorization: Bearer {token}");
        rows.push(with_credential(&name, &[&line], Expect::Gate(401, reason)));
    }
    rows.extend(narrowed(kit));
    rows.extend(misplaced(kit));
    rows
}

type Bent = (String, String, &'static str);

fn tampered(kit: &Kit, name: &str, tamper: Tamper, reason: &'static str) -> Bent {
    (name.to_owned(), kit.issuer().tampered([tamper]), reason)
}

fn bent_headers(kit: &Kit) -> Vec<Bent> {
    let set = |name: &str, value: Value, reason| {
        (format!("header {name}: {value}"), kit.issuer().tampered([header(name, value)]), reason)
    };
    let mut rows = vec![
        tampered(kit, "alg none", Tamper::AlgorithmNone, "token_algorithm_refused"),
        tampered(kit, "HS256 with the public key", Tamper::HmacWithPublicKey, "token_algorithm_refused"),
        tampered(kit, "no alg", Tamper::RemoveHeader("alg".into()), "token_malformed"),
        tampered(kit, "no typ", Tamper::RemoveHeader("typ".into()), "token_type_refused"),
        tampered(
            kit,
            "alg twice",
            Tamper::DuplicateHeader { name: "alg".into(), value: json!("none") },
            "token_malformed",
        ),
        tampered(kit, "the header is a list", Tamper::RawHeader("[]".into()), "token_malformed"),
    ];
    for alg in ["noNE", "None", "", "es256", "ES256K", "HS256", "HS512", "ES384", "RS256", "EdDSA"] {
        rows.push(set("alg", json!(alg), "token_algorithm_refused"));
    }
    for alg in [Value::Null, json!(["ES256"])] {
        rows.push(set("alg", alg, "token_malformed"));
    }
    for kid in ["unknown", "../../../../dev/null", "/dev/null", "' OR 1=1 --", "x|id", ""] {
        rows.push(set("kid", json!(kid), "token_key_unknown"));
    }
    rows.push(set("kid", json!(1), "token_malformed"));
    for (name, value) in [
        ("jku", json!("http://127.0.0.1/jwks.json")),
        ("x5u", json!("http://127.0.0.1/x5u.pem")),
        ("jwk", kit.issuer().key_set()["keys"][0].clone()),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        rows.push(set(name, value, "token_malformed"));
    }
    for typ in
        ["JWT", "dpop+jwt", "secevent+jwt", "oauth-id-jag+jwt", "at+jwt ", "application/application/at+jwt"]
    {
        rows.push(set("typ", json!(typ), "token_type_refused"));
    }
    rows
}

fn bent_claims(kit: &Kit) -> Vec<Bent> {
    let set = |name: &str, value: Value, reason| {
        (format!("claim {name}: {value}"), kit.issuer().claiming(name, value), reason)
    };
    let missing = |name: &str, reason| {
        let tamper = Tamper::RemoveClaim(name.to_owned());
        (format!("no claim {name}"), kit.issuer().tampered([tamper]), reason)
    };
    let lived = |name: &str, issued_at, lifetime, reason| {
        (name.to_owned(), kit.issuer().mint(&TokenSpec { issued_at, lifetime, ..alice() }), reason)
    };
    let twice = |name: &str, value: Value| {
        let tamper = Tamper::DuplicateClaim { name: name.to_owned(), value };
        (format!("claim {name} twice"), kit.issuer().tampered([tamper]), "token_malformed")
    };
    vec![
        set("aud", json!("another"), "token_audience_mismatch"),
        set("aud", json!("actgate-demo.evil"), "token_audience_mismatch"),
        set("aud", json!("ACTGATE-DEMO"), "token_audience_mismatch"),
        set("aud", json!(["one", "another"]), "token_audience_mismatch"),
        set("aud", json!([]), "token_audience_mismatch"),
        set("aud", json!({ "actgate-demo": true }), "token_claim_invalid"),
        set("iss", json!("https://issuer.evil"), "token_issuer_unknown"),
        set("iss", json!("https://issuer.demo/"), "token_issuer_unknown"),
        set("iss", json!("HTTPS://ISSUER.DEMO"), "token_issuer_unknown"),
        set("iss", json!(["https://issuer.demo"]), "token_claim_invalid"),
        set("exp", json!((now() + 600).to_string()), "token_claim_invalid"),
        set("exp", json!(1e300), "token_claim_invalid"),
        set("exp", json!(-1), "token_claim_invalid"),
        set("exp", json!(1), "token_expired"),
        set("exp", json!(now() + TEN_YEARS), "token_lifetime_exceeded"),
        set("nbf", json!(now() + 300), "token_not_yet_valid"),
        set("iat", json!(now() + 300), "token_not_yet_valid"),
        set("iat", json!("now"), "token_claim_invalid"),
        set("sub", json!(""), "token_claim_invalid"),
        set("sub", json!(1), "token_claim_invalid"),
        set("sub", json!("alice@demo\u{0}"), "token_claim_invalid"),
        set("scope", json!(["secrets.read"]), "token_claim_invalid"),
        set("authorization_details", json!("everything"), "token_claim_invalid"),
        set(
            "cnf",
            json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
            "token_binding_unchecked",
        ),
        set(
            "cnf",
            json!({ "x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0" }),
            "token_binding_unchecked",
        ),
        set("cnf", Value::Null, "token_binding_unchecked"),
        missing("iss", "token_claim_missing"),
        missing("sub", "token_claim_missing"),
        missing("aud", "token_claim_missing"),
        missing("exp", "token_claim_missing"),
        missing("iat", "token_claim_missing"),
        missing("jti", "token_claim_missing"),
        missing("client_id", "token_claim_missing"),
        twice("sub", json!("bob@demo")),
        twice("exp", json!(now() + TEN_YEARS)),
        twice("aud", json!("actgate-demo")),
        lived("expired", now() - 3600, 600, "token_expired"),
        lived("expired just beyond the skew", now() - 640, 600, "token_expired"),
        lived("issued in the future", now() + 3600, 600, "token_not_yet_valid"),
        lived("ten years", now(), TEN_YEARS, "token_lifetime_exceeded"),
    ]
}

fn bent_actors(kit: &Kit) -> Vec<Bent> {
    let acting =
        |name: &str, act: Value, reason| (format!("act: {name}"), kit.issuer().claiming("act", act), reason);
    let missing = kit.issuer().mint(&TokenSpec { actor: None, ..alice() });
    let named = (1..5).fold(Actor::named(CODER), |actor, _| Actor {
        earlier: Some(Box::new(actor)),
        ..Actor::named(CODER)
    });
    let deep = kit.issuer().mint(&TokenSpec { actor: Some(named), ..alice() });
    let elsewhere = json!({ "sub": CODER, "iss": "https://issuer.evil" });
    vec![
        ("no act".to_owned(), missing, "delegation_missing"),
        ("five actors".to_owned(), deep, "delegation_too_deep"),
        acting("null", Value::Null, "delegation_malformed"),
        acting("text", json!(CODER), "delegation_malformed"),
        acting("a list", json!([{ "sub": CODER }]), "delegation_malformed"),
        acting("nobody", json!({}), "delegation_malformed"),
        acting("a number", json!({ "sub": 1 }), "delegation_malformed"),
        acting("no name", json!({ "sub": "" }), "delegation_malformed"),
        acting("of a foreign issuer", elsewhere.clone(), "delegation_actor_untrusted"),
        acting(
            "of a foreign issuer before",
            json!({ "sub": CODER, "act": elsewhere }),
            "delegation_actor_untrusted",
        ),
        acting("malformed before", json!({ "sub": CODER, "act": "x" }), "delegation_malformed"),
    ]
}

fn bent_bytes(kit: &Kit) -> Vec<Bent> {
    let plain = |name: &str, token: String, reason| (name.to_owned(), token, reason);
    let good = kit.token();
    let payload = good.split('.').nth(1).unwrap_or_default();
    vec![
        tampered(kit, "padding", Tamper::PadPayload, "token_malformed"),
        tampered(kit, "unused bits", Tamper::DirtyPayload, "token_malformed"),
        tampered(kit, "no signature", Tamper::NoSignature, "token_malformed"),
        tampered(kit, "an empty signature", Tamper::EmptySignature, "token_signature_invalid"),
        tampered(kit, "a fourth segment", Tamper::ExtraSegment, "token_malformed"),
        tampered(kit, "a flipped bit", Tamper::FlipSignature, "token_signature_invalid"),
        tampered(kit, "somebody else's key", Tamper::WrongKey, "token_signature_invalid"),
        tampered(
            kit,
            "a changed subject",
            Tamper::AlterClaim { name: "sub".into(), value: json!("bob@demo") },
            "token_signature_invalid",
        ),
        tampered(kit, "text behind the claims", Tamper::RawPayload("{} {}".into()), "token_malformed"),
        tampered(kit, "claims that are a list", Tamper::RawPayload("[]".into()), "token_malformed"),
        tampered(kit, "a byte order mark", Tamper::RawPayload("\u{feff}{}".into()), "token_malformed"),
        plain(
            "a JWE",
            format!("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..{payload}.{payload}.AAAA"),
            "token_malformed",
        ),
        plain("not base64url", good.replace('_', "/").replace('-', "+") + "+", "token_malformed"),
        plain("9 KiB", format!("{good}{}", "A".repeat(9 * 1024)), "token_too_large"),
        plain(
            "9 KiB of claims",
            kit.issuer().claiming("task", json!("x".repeat(9 * 1024))),
            "token_too_large",
        ),
        plain("nothing but dots", "..".to_owned(), "token_malformed"),
        plain("a word", "opaque".to_owned(), "token_malformed"),
    ]
}

/// Good tokens that do not cover the call.
fn narrowed(kit: &Kit) -> Vec<Case> {
    let details = |value| kit.issuer().claiming("authorization_details", value);
    let scope = |words: &str| kit.issuer().claiming("scope", json!(words));
    [
        ("a scope without a mapped word", scope("openid")),
        ("an empty scope", scope("")),
        ("details for another action", details(json!([{ "type": "actgate", "actions": ["secrets.list"], "resources": ["*"] }]))),
        ("details for another resource", details(json!([{ "type": "actgate", "actions": ["read"], "resources": ["Secrets::Secret::\"kv/dev/other\""] }]))),
        ("details of another type only", details(json!([{ "type": "payment" }]))),
    ]
    .into_iter()
    .map(|(name, token)| {
        let line = format!("authorization: Bearer {token}");
        with_credential(name, &[&line], Expect::Gate(403, "scope_insufficient"))
    })
    .collect()
}

/// A good token where it does not belong, or beside something else.
fn misplaced(kit: &Kit) -> Vec<Case> {
    let token = kit.token();
    let bearer = format!("Bearer {token}");
    let other = format!("Bearer {}", kit.issuer().good());
    let authorization = |name: &str, value: &str, expect| {
        with_credential(name, &[&format!("authorization: {value}")], expect)
    };
    let elsewhere =
        |name: &str, line: String| with_credential(name, &[&line], Expect::Gate(401, "token_missing"));
    let ambiguous = Expect::Gate(400, "credential_ambiguous");
    let two = |name: &str, one: &str, two: &str| {
        with_credential(
            name,
            &[&format!("authorization: {one}"), &format!("authorization: {two}")],
            // Envoy joins them with a comma.
            ambiguous,
        )
    };
    let body = format!("access_token={token}");
    let form = format!(
        "GET {DEV} HTTP/1.1\r\nhost: gateway.demo\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len(),
    );
    vec![
        with_credential("no credential", &[], Expect::Gate(401, "token_missing")),
        two("two credentials", &bearer, &other),
        two("the same credential twice", &bearer, &bearer),
        two("a bad one behind a good one", &bearer, "Bearer x"),
        two("a good one behind a bad one", "Basic YTpi", &bearer),
        authorization("two joined by a comma", &format!("{bearer}, {other}"), ambiguous),
        authorization("two joined by a bare comma", &format!("{bearer},{other}"), ambiguous),
        authorization("a comma behind", &format!("{bearer},"), ambiguous),
        authorization("two spaces", &format!("Bearer  {token}"), ambiguous),
        authorization("a tab", &format!("Bearer\t{token}"), ambiguous),
        authorization("parameters", &format!("{bearer} realm=x"), ambiguous),
        authorization("Basic", "Basic YWxpY2U6c2VjcmV0", ambiguous),
        authorization("DPoP", &format!("DPoP {token}"), ambiguous),
        authorization("Token", &format!("Token {token}"), ambiguous),
        authorization("Negotiate", "Negotiate YII=", ambiguous),
        authorization("no scheme", token, ambiguous),
        authorization("no token", "Bearer", ambiguous),
        authorization("nothing", "", ambiguous),
        authorization("the JSON serialisation", r#"Bearer {"payload":"e30","signatures":[]}"#, ambiguous),
        elsewhere("in a cookie", format!("cookie: access_token={token}")),
        elsewhere("in Proxy-Authorization", format!("proxy-authorization: {bearer}")),
        elsewhere("in X-Authorization", format!("x-authorization: {bearer}")),
        elsewhere("in X-Forwarded-Authorization", format!("x-forwarded-authorization: {bearer}")),
        elsewhere("in DPoP", format!("dpop: {token}")),
        with_credential_at(
            "in the query",
            &format!("{DEV}?access_token={token}"),
            &[],
            Expect::Gate(401, "token_missing"),
        ),
        with_credential_at(
            "in the query besides",
            &format!("{DEV}?access_token={token}"),
            &[&format!("authorization: {bearer}")],
            Expect::Gate(400, "query_undeclared"),
        ),
        Case::h1("in a form", form, Expect::Gate(401, "token_missing")),
    ]
}
