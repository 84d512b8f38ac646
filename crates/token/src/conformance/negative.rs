//! Tokens that must not pass, each genuinely signed unless that is what is wrong with it, and the reason for which it is
//! refused. What other implementations take and this one does not, `DEVIATIONS` says and why.
#![expect(clippy::arithmetic_side_effects, clippy::string_slice, reason = "positions in test data")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::{
    AUDIENCE, ISSUER, NOW, TestKey, World, base64url, demo_claims, demo_rules, with, without,
};

/// A name, a token, and the reason.
type Row = (String, String, &'static str);

const MALFORMED: &str = "token_malformed";
const ALGORITHM: &str = "token_algorithm_refused";
const SIGNATURE: &str = "token_signature_invalid";
const CLAIM: &str = "token_claim_invalid";
const MISSING: &str = "token_claim_missing";
const TYPE: &str = "token_type_refused";

/// Where RFCs allow more than is taken here.
const DEVIATIONS: [(&str, &str); 9] = [
    ("the JSON serialisations of JWS", "a JWT is compact (RFC 7519 section 3); two forms are two readings"),
    (
        "`crit` with extensions that are known",
        "none is: what must be understood is refused (RFC 7515 section 4.1.11)",
    ),
    ("`jwk`, `jku`, `x5c`, `x5u`", "a token does not bring its own key (RFC 8725 section 3.10)"),
    ("`b64: false`", "it changes what is signed (RFC 7797)"),
    ("duplicate members", "RFC 7519 section 4 lets the last one win; others take the first"),
    ("numeric dates with a fraction", "RFC 7519 section 2 allows them; issuers write whole seconds"),
    ("`salt`", "it means something to one library only"),
    ("`cty`, `x5t` and `nonce` that are no strings", "their RFCs say that they are strings"),
    ("claims over 8 KiB", "what is read is bounded"),
];

struct Table {
    world: World,
    rows: Vec<Row>,
}

impl Table {
    fn add(&mut self, name: impl Into<String>, token: String, code: &'static str) {
        self.rows.push((name.into(), token, code));
    }

    fn key(&self) -> &TestKey {
        &self.world.key
    }

    /// Signed over this header and the good claims.
    fn header(&mut self, header: &str, code: &'static str) {
        let token = self.key().sign(header, &demo_claims().to_string());
        self.add(format!("header {header}"), token, code);
    }

    /// Signed over these claims, as they are written.
    fn text(&mut self, claims: &str, code: &'static str) {
        let token = self.key().sign(r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#, claims);
        self.add(format!("claims {claims}"), token, code);
    }

    fn claim(&mut self, name: &str, value: Value, code: &'static str) {
        self.text(&with(&demo_claims(), name, value).to_string(), code);
    }
}

fn table() -> Table {
    let key = TestKey::p256();
    let rules = demo_rules(&key);
    let mut table = Table { world: World::with(key, vec![rules]), rows: Vec::new() };
    shapes(&mut table);
    headers(&mut table);
    signatures(&mut table);
    claims(&mut table);
    delegation(&mut table);
    table
}

fn shapes(table: &mut Table) {
    let good = table.key().token(&demo_claims());
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let flattened = json!({ "protected": header, "payload": claims, "signature": signature }).to_string();
    let general =
        json!({ "payload": claims, "signatures": [{ "protected": header, "signature": signature }] })
            .to_string();
    let shapes = [
        ("nothing", String::new()),
        ("a dot", ".".to_owned()),
        ("two dots", "..".to_owned()),
        ("three dots", "...".to_owned()),
        ("one segment", header.to_owned()),
        ("two segments", format!("{header}.{claims}")),
        ("four segments", format!("{good}.")),
        ("five segments, as a JWE", format!("{header}.{claims}.{signature}.{claims}.{signature}")),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("flattened JSON", flattened),
        ("general JSON", general),
        ("a space before", format!(" {good}")),
        ("a space behind", format!("{good} ")),
        ("a line feed behind", format!("{good}\n")),
        ("a tab inside", format!("{header}.\t{claims}.{signature}")),
        ("a NUL behind", format!("{good}\0")),
        ("quoted", format!("\"{good}\"")),
        ("with its scheme", format!("Bearer {good}")),
        ("twice, with a comma", format!("{good},{good}")),
        ("padding of the header", format!("{header}=.{claims}.{signature}")),
        ("padding of the claims", format!("{header}.{claims}=.{signature}")),
        ("padding of the signature", format!("{header}.{claims}.{signature}==")),
        ("a plus sign", format!("{header}.+{}.{signature}", &claims[1..])),
        ("a slash", format!("{header}./{}.{signature}", &claims[1..])),
        ("a percent sign", format!("{header}.%65{claims}.{signature}")),
        ("a letter that is not ASCII", format!("{header}.é{claims}.{signature}")),
        ("no base64 of that length", format!("{header}.{claims}A.{signature}A")),
    ];
    for (name, token) in shapes {
        table.add(name, token, MALFORMED);
    }
    // The last letter of 64 octets holds four bits that mean nothing and have to be 0.
    let last = signature.chars().last().unwrap();
    for other in ('A'..='Z').filter(|letter| *letter != last) {
        let meaningless = !matches!(other, 'A' | 'Q');
        if meaningless {
            let token = format!("{header}.{claims}.{}{other}", &signature[..signature.len() - 1]);
            table.add(format!("trailing bits {other}"), token, MALFORMED);
        }
    }
}

fn headers(table: &mut Table) {
    let refused = [
        "",
        "null",
        "[]",
        "1",
        r#""x""#,
        "{",
        "{}x",
        "{}{}",
        r#"{"alg":"ES256",}"#,
        r#"{"alg":"ES256"}//"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"none"}"#,
        r#"{"typ":"at+jwt"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":256}"#,
        r#"{"alg":["ES256"]}"#,
        r#"{"alg":{"name":"ES256"}}"#,
        r#"{"alg":"ES256","kid":null}"#,
        r#"{"alg":"ES256","kid":1}"#,
        r#"{"alg":"ES256","kid":["k1"]}"#,
        r#"{"alg":"ES256","typ":null}"#,
        r#"{"alg":"ES256","typ":["at+jwt"]}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"ES256","crit":null}"#,
        r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"ES256","b64":true}"#,
        r#"{"alg":"ES256","jku":"https://evil.example/keys"}"#,
        r#"{"alg":"ES256","jwk":{"kty":"oct","k":"AA"}}"#,
        r#"{"alg":"ES256","x5u":"https://evil.example/cert"}"#,
        r#"{"alg":"ES256","x5c":["AA"]}"#,
        r#"{"alg":"ES256","enc":"A128GCM"}"#,
        r#"{"alg":"ES256","zip":"DEF"}"#,
        r#"{"alg":"ES256","salt":"AA"}"#,
        r#"{"alg":"ES256","cty":1}"#,
        r#"{"alg":"ES256","x5t":1}"#,
        r#"{"alg":"ES256","x5t#S256":[]}"#,
    ];
    for header in refused {
        table.header(header, MALFORMED);
    }
    let deep =
        format!(r#"{{"alg":"ES256","kid":"k1","typ":"at+jwt","x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    table.header(&deep, MALFORMED);
    let algorithms = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256K",
        "ES384",
        "ES512",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "RS1",
        "PS256",
        "PS384",
        "PS512",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "ML-DSA-65",
        "dir",
        "A128KW",
        "RSA-OAEP",
        "ECDH-ES",
        "PBES2-HS256+A128KW",
        "ES256\u{0}",
    ];
    for algorithm in algorithms {
        let header = json!({ "alg": algorithm, "kid": "k1", "typ": "at+jwt" }).to_string();
        table.header(&header, ALGORITHM);
    }
    let types = [
        "JWT",
        "jwt",
        "JOSE",
        "jwt+at",
        "at+jwt ",
        "at+jwt;v=1",
        "at+jwtx",
        "text/at+jwt",
        "application/jwt",
        "id+jwt",
        "dpop+jwt",
        "oauth-id-jag+jwt",
        "txntoken+jwt",
        "wit+jwt",
        "secevent+jwt",
        "actgate-grant+jwt",
        "",
    ];
    for typ in types {
        table.header(&json!({ "alg": "ES256", "kid": "k1", "typ": typ }).to_string(), TYPE);
    }
    table.header(r#"{"alg":"ES256","kid":"k1"}"#, TYPE);
    for kid in
        ["k2", "K1", "k1 ", "", "../k1", "k1\u{0}", "'; drop table keys; --", "https://evil.example/k1"]
    {
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "at+jwt" }).to_string();
        table.header(&header, "token_key_unknown");
    }
}

fn signatures(table: &mut Table) {
    let good = table.key().token(&demo_claims());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (input, signature) = (input.to_owned(), signature.to_owned());
    let octets = crate::jws::decode(&signature).unwrap();
    let (r, s) = octets.split_at(32);
    let zero = [0u8; 32];
    let order = crate::jws::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").unwrap();
    let der = [&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat();
    let forged: [(&str, Vec<u8>); 14] = [
        ("none", Vec::new()),
        ("all zero", vec![0; 64]),
        ("all ones", vec![0xff; 64]),
        ("r is 0", [&zero, s].concat()),
        ("s is 0", [r, &zero].concat()),
        ("r is n", [&order, s].concat()),
        ("s is n", [r, &order].concat()),
        ("both are n", order.repeat(2)),
        ("swapped", [s, r].concat()),
        ("too short", octets[..63].to_vec()),
        ("too long", [octets.as_slice(), &[0]].concat()),
        ("of P-384's size", [&[0; 16][..], r, &[0; 16], s].concat()),
        ("DER", der),
        ("another hash's", octets.iter().rev().copied().collect()),
    ];
    for (name, octets) in forged {
        table.add(format!("signature: {name}"), format!("{input}.{}", base64url(&octets)), SIGNATURE);
    }
    let stranger = TestKey::p256().token(&demo_claims());
    table.add("a stranger's key under the same name", stranger, SIGNATURE);
    let (header, _) = input.split_once('.').unwrap();
    let other = with(&demo_claims(), "sub", json!("bob@demo")).to_string();
    table.add("other claims", format!("{header}.{}.{signature}", base64url(other.as_bytes())), SIGNATURE);
    let spaced = base64url(format!(" {}", demo_claims()).as_bytes());
    table.add("the same claims, written otherwise", format!("{header}.{spaced}.{signature}"), SIGNATURE);
}

fn claims(table: &mut Table) {
    for text in [
        "",
        "null",
        "[]",
        "1",
        "{",
        "{}x",
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        "\u{feff}{}",
    ] {
        table.text(text, MALFORMED);
    }
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    table.text(&deep, MALFORMED);
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        table.text(&without(&demo_claims(), claim).to_string(), MISSING);
    }
    for claim in ["iss", "sub", "jti", "client_id"] {
        for value in [json!(1), json!(""), json!(["x"]), Value::Null, json!("a\u{0}b"), json!("a\nb")] {
            table.claim(claim, value, CLAIM);
        }
    }
    for value in [json!(1), json!({}), json!([1]), json!([AUDIENCE, 1]), Value::Null, json!("")] {
        table.claim("aud", value, CLAIM);
    }
    for value in [json!("other"), json!([]), json!(["other"]), json!("Actgate-demo"), json!("actgate-demo/")]
    {
        table.claim("aud", value, "token_audience_mismatch");
    }
    for issuer in
        ["https://other.demo", "https://issuer.demo/", "HTTPS://issuer.demo", "https://issuer.demo:443"]
    {
        table.claim("iss", json!(issuer), "token_issuer_unknown");
    }
    for claim in ["exp", "iat", "nbf"] {
        for value in [json!("1800000600"), json!(1.5), json!(-1), json!(true), Value::Null, json!([NOW])] {
            table.claim(claim, value, CLAIM);
        }
    }
    for seconds in [-31, -600, -NOW] {
        table.claim("exp", json!(NOW + seconds), "token_expired");
    }
    table.claim("exp", json!(NOW + 3601), "token_lifetime_exceeded");
    table.claim("exp", json!(i64::MAX), "token_lifetime_exceeded");
    table.claim("exp", json!(u64::MAX), CLAIM);
    for claim in ["iat", "nbf"] {
        table.claim(claim, json!(NOW + 31), "token_not_yet_valid");
    }
    table.claim("nonce", json!(1), CLAIM);
    for value in [json!({}), json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!("x"), Value::Null] {
        table.claim("cnf", value, "token_binding_unchecked");
    }
    for value in [json!(1), json!(["a"]), Value::Null] {
        table.claim("scope", value, CLAIM);
    }
    for value in [json!({}), json!("x"), json!([1]), json!([{}]), json!([{ "type": 1 }]), Value::Null] {
        table.claim("authorization_details", value, CLAIM);
    }
}

fn delegation(table: &mut Table) {
    table.text(&without(&demo_claims(), "act").to_string(), "delegation_missing");
    for value in
        [json!("agent"), json!([]), json!({}), json!({ "sub": 1 }), json!({ "sub": "" }), Value::Null]
    {
        table.claim("act", value, "delegation_malformed");
    }
    let actor = |issuer: &str| json!({ "sub": "spiffe://demo/agent/coder", "iss": issuer });
    table.claim("act", actor("https://other.demo"), "delegation_actor_untrusted");
    table.claim("act", actor(&format!("{ISSUER}/")), "delegation_actor_untrusted");
    let mut chain = json!({ "sub": "a0" });
    for depth in 1..5 {
        chain = json!({ "sub": format!("a{depth}"), "act": chain });
    }
    table.claim("act", chain, "delegation_too_deep");
}

#[test]
fn no_token_of_the_table_passes_and_each_is_refused_for_its_reason() {
    let Table { mut world, rows } = table();
    let good = world.key.token(&demo_claims());
    assert_eq!(world.code(&good), "ok", "or everything is refused");
    let mut wrong = Vec::new();
    for (name, token, code) in &rows {
        let is = world.code(token);
        if is != *code {
            wrong.push(format!("{name}: {is}, not {code}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    let distinct: BTreeSet<&str> = rows.iter().map(|(_, token, _)| token.as_str()).collect();
    assert!(distinct.len() >= 250, "{} tokens", distinct.len());
    assert!(DEVIATIONS.iter().all(|(what, why)| !what.is_empty() && !why.is_empty()));
}
