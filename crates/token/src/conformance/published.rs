//! The examples of RFC 7515 and RFC 8037, and the verdict of each. `docs/jose-vectors.md` is the list in prose, of those of RFC
//! 7520 too: this test holds one to the other.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::key_set;
use crate::jws::UnverifiedToken;
use crate::signature::{PureRust, SignaturePort as _};

const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// Name, compact form (without the claims, which are the same), the key where its signature is to be checked, and the verdict.
fn vectors() -> Vec<(&'static str, String, Option<Value>, &'static str)> {
    let of = |header: &str, signature: &str| format!("{header}.{CLAIMS}.{signature}");
    let rs256 = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1d",
        "nZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu",
        "sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    let n = concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgN",
        "MsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xs",
        "mtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    );
    let es256 = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let ed25519 =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    vec![
        (
            "RFC 7515 A.1",
            of("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            None,
            "token_algorithm_refused",
        ),
        (
            "RFC 7515 A.2",
            of("eyJhbGciOiJSUzI1NiJ9", rs256),
            Some(json!({ "kty": "RSA", "n": n, "e": "AQAB" })),
            "signature valid",
        ),
        (
            "RFC 7515 A.3",
            of(
                "eyJhbGciOiJFUzI1NiJ9",
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
            Some(es256),
            "signature valid",
        ),
        // The signature of A.4 is over another payload; the algorithm is refused before anything else is looked at.
        ("RFC 7515 A.4", of("eyJhbGciOiJFUzUxMiJ9", "AA"), None, "token_algorithm_refused"),
        ("RFC 7515 A.5", of("eyJhbGciOiJub25lIn0", ""), None, "token_algorithm_refused"),
        (
            "RFC 7515 A.6",
            json!({ "payload": CLAIMS, "signatures": [{ "protected": "eyJhbGciOiJSUzI1NiJ9", "signature": rs256 }] })
                .to_string(),
            None,
            "token_malformed",
        ),
        (
            "RFC 7515 A.7",
            json!({ "payload": CLAIMS, "protected": "eyJhbGciOiJSUzI1NiJ9", "signature": rs256 }).to_string(),
            None,
            "token_malformed",
        ),
        // `{"alg":"none","crit":["http://example.com/UNDEFINED"],...}`
        (
            "RFC 7515 appendix E",
            "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRk\
             lORUQiOnRydWUNCn0.RkFJTA."
                .to_owned(),
            None,
            "token_malformed",
        ),
        (
            "RFC 8037 A.4",
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4\
             iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
                .to_owned(),
            Some(ed25519),
            "signature valid",
        ),
    ]
}

#[test]
fn every_published_example_has_the_listed_verdict() {
    let mut listed: BTreeSet<(String, String)> = include_str!("../../../../docs/jose-vectors.md")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| RFC ")?.split(" | ");
            Some((format!("RFC {}", cells.next()?), cells.next()?.trim_matches('`').to_owned()))
        })
        .collect();
    for (name, compact, key, expected) in vectors() {
        let verdict = match &key {
            None => UnverifiedToken::parse(compact.as_bytes()).map_or_else(|error| error.code(), |_| "ok"),
            Some(jwk) => {
                let keys = key_set(std::slice::from_ref(jwk));
                let token = UnverifiedToken::with_payload_unread(&compact).unwrap();
                let is_valid = PureRust.check(keys.iter().next().unwrap(), &token).is_ok();
                if is_valid { "signature valid" } else { "signature invalid" }
            }
        };
        assert_eq!(verdict, expected, "{name}");
        assert!(listed.remove(&(name.to_owned(), expected.to_owned())), "{name} is not listed so");
    }
    for (name, code) in super::COOKBOOK {
        let (section, _) = name.split_once('.').unwrap();
        let name = format!("RFC 7520 {}", section.replace('_', "."));
        assert!(listed.remove(&(name.clone(), code.to_owned())), "{name}: {code} is not listed");
    }
    listed.remove(&("RFC 9449 7.1".to_owned(), "proof valid".to_owned()));
    assert_eq!(listed, BTreeSet::new(), "listed, and not tried");
}
