use serde_json::json;

use super::{MAX_TOKEN_BYTES, UnverifiedToken};
use crate::error::TokenError;
use crate::fixture::{TestKey, base64url, demo_claims};

fn code(credential: &[u8]) -> &'static str {
    UnverifiedToken::parse(credential).map_or_else(|error| error.code(), |_| "ok")
}

fn with_header(header: &str) -> String {
    TestKey::ed25519().sign(header, &demo_claims().to_string())
}

#[test]
fn a_token_is_taken_apart() {
    let compact = TestKey::ed25519().token(&demo_claims());
    let token = UnverifiedToken::parse(compact.as_bytes()).unwrap();
    assert_eq!(token.compact(), compact);
    assert_eq!(format!("{}.{}", token.signing_input(), base64url(token.signature())), compact);
    assert_eq!(token.header().algorithm().name(), "EdDSA");
    assert_eq!((token.header().key_id(), token.header().typ()), (Some("k1"), Some("at+jwt")));
    assert!(!token.header().extended());
    assert_eq!(json!(token.claims()), demo_claims());
}

#[test]
fn debug_shows_no_credential() {
    let compact = TestKey::ed25519().token(&demo_claims());
    let shown = format!("{:?}", UnverifiedToken::parse(compact.as_bytes()).unwrap());
    assert!(compact.split('.').all(|segment| !shown.contains(segment)), "{shown}");
    assert!(!shown.contains("alice"), "{shown}");
}

#[test]
fn size_is_bounded() {
    let claims = |bytes: usize| json!({"x": "a".repeat(bytes)}).to_string();
    let sized = |bytes: usize| TestKey::ed25519().sign(r#"{"alg":"EdDSA"}"#, &claims(bytes));
    let largest = (0..MAX_TOKEN_BYTES).rev().map(sized).find(|token| token.len() <= MAX_TOKEN_BYTES).unwrap();
    assert!(largest.len() > MAX_TOKEN_BYTES - 3, "{}", largest.len());
    assert_eq!(code(largest.as_bytes()), "ok");

    let bytes = MAX_TOKEN_BYTES + 1;
    let padded = format!("{largest:A<bytes$}");
    assert_eq!(UnverifiedToken::parse(padded.as_bytes()).unwrap_err(), TokenError::TooLarge { bytes });
}

#[test]
fn only_three_segments_are_a_compact_jws() {
    let token = TestKey::ed25519().token(&demo_claims());
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let json = json!({"protected": header, "payload": claims, "signature": signature}).to_string();
    let general = json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]});
    for credential in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.to_owned(),
        format!("{header}.{claims}"),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{claims}.{signature}.{claims}.{signature}"),
        json,
        general.to_string(),
    ] {
        assert_eq!(code(credential.as_bytes()), "token_malformed", "{credential}");
    }
    for credential in
        [header.to_owned(), format!("{header}.{claims}"), format!("{token}.{signature}"), "....".to_owned()]
    {
        let error = UnverifiedToken::parse(credential.as_bytes()).unwrap_err();
        assert_eq!(error, TokenError::Malformed { problem: "not three segments" }, "{credential}");
    }
}

#[test]
fn base64url_has_one_form() {
    let token = TestKey::ed25519().token(&demo_claims());
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for credential in [
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}=.{signature}"),
        format!("{header}.{claims}.{signature}=="),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{header}.{claims}\n.{signature}"),
        format!("{header}.{claims}.{signature}+"),
        format!("{header}.{claims}.{signature}%3D"),
        format!("{header}.{claims}.{signature}é"),
    ] {
        assert_eq!(code(credential.as_bytes()), "token_malformed", "{credential}");
    }
    assert_eq!(code(&[token.as_bytes(), b"\xFF"].concat()), "token_malformed");
}

#[test]
fn trailing_bits_are_refused() {
    // 64 octets leave four unused bits in the last of 86 characters: 16 spellings of one signature, one canonical.
    let token = TestKey::ed25519().token(&demo_claims());
    let last = token.chars().next_back().unwrap();
    let body = token.strip_suffix(last).unwrap();
    let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
    let accepted: Vec<char> =
        alphabet.filter(|other| code(format!("{body}{other}").as_bytes()) == "ok").collect();
    assert!(accepted.contains(&last));
    assert_eq!(accepted.len(), 4, "two bits of four characters count");
}

#[test]
fn what_changes_the_meaning_of_a_token_is_refused() {
    for parameter in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":[]"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""b64":true"#,
        r#""jku":"https://attacker.example/jwks""#,
        r#""jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        r#""x5u":"https://attacker.example/cert""#,
        r#""x5c":["MIIB"]"#,
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
        r#""kid":7"#,
        r#""kid":null"#,
        r#""typ":["at+jwt"]"#,
        r#""alg":"EdDSA""#,
        r#""kid":"k1","kid":"k1""#,
        r#""x":{"y":1,"y":2}"#,
    ] {
        let token = with_header(&format!(r#"{{"alg":"EdDSA",{parameter}}}"#));
        assert_eq!(code(token.as_bytes()), "token_malformed", "{parameter}");
    }
    for header in ["{}", "[]", "\"EdDSA\"", r#"{"alg":null}"#, r#"{"alg":["EdDSA"]}"#, r#"{"alg":"EdDSA"} x"#]
    {
        assert_eq!(code(with_header(header).as_bytes()), "token_malformed", "{header}");
    }
    assert_eq!(code(with_header(r#"{"alg":"EdDSA","x5t":"abc"}"#).as_bytes()), "ok", "RFC 7515 section 4");
}

#[test]
fn algorithms_that_may_not_be_used_are_refused() {
    for algorithm in ["none", "noNE", "HS256", "eddsa", "RS512", "RSA-OAEP", ""] {
        let token = with_header(&json!({"alg": algorithm}).to_string());
        assert_eq!(code(token.as_bytes()), "token_algorithm_refused", "{algorithm}");
    }
    let unsigned = format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(b"{}"));
    assert_eq!(code(unsigned.as_bytes()), "token_algorithm_refused");
}

#[test]
fn claims_are_one_object_without_duplicates() {
    for claims in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"act":{"sub":"a","sub":"b"}}"#,
        "{}{}",
    ] {
        let token = TestKey::ed25519().sign(r#"{"alg":"EdDSA"}"#, claims);
        assert_eq!(code(token.as_bytes()), "token_malformed", "{claims}");
    }
}
