//! The JWS examples of RFC 7520 section 4 (the JOSE cookbook), as far as they are signed with our algorithms,
//! and the refusal of all the others.

mod negative;
mod published;

use serde_json::{Value, json};

use crate::fixture::{key_set, with, without};
use crate::jwk::SkipReason;
use crate::jws::UnverifiedToken;
use crate::key_set::{KeySet, KeySetError};
use crate::signature::{InvalidSignature, PureRust, SignaturePort as _};

/// The examples of section 4 and what becomes of them.
const COOKBOOK: [(&str, &str); 8] = [
    // A good signature over a payload that is not claims.
    ("4_1.rsa_v15_signature.json", "token_malformed"),
    ("4_2.rsa-pss_signature.json", "token_algorithm_refused"),
    ("4_3.ecdsa_signature.json", "token_algorithm_refused"),
    ("4_4.hmac-sha2_integrity_protection.json", "token_algorithm_refused"),
    ("4_5.signature_with_detached_content.json", "token_algorithm_refused"),
    ("4_6.protecting_specific_header_fields.json", "no compact form"),
    ("4_7.protecting_content_only.json", "no compact form"),
    ("4_8.multiple_signatures.json", "no compact form"),
];

/// The examples, which lie beside the repository; without them the test says so and has nothing to compare with.
fn cookbook() -> Option<Value> {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/jose_cookbook_jws.json");
    #[expect(clippy::disallowed_methods, reason = "a test reads its data")]
    let text = std::fs::read_to_string(PATH);
    match text {
        Ok(text) => Some(serde_json::from_str(&text).expect("the examples are JSON")),
        Err(error) => {
            println!("SKIPPED: the JOSE cookbook is not beside the repository: {error}");
            None
        }
    }
}

fn compact(example: &Value) -> Option<&str> {
    example["output"]["compact"].as_str()
}

#[test]
fn every_example_is_signed_with_our_algorithms_or_refused() {
    let Some(examples) = cookbook() else { return };
    let names: Vec<&str> = examples.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), COOKBOOK.len(), "an example that nobody expects: {names:?}");
    for (name, expected) in COOKBOOK {
        let example = &examples[name];
        let code = compact(example).map_or("no compact form", |compact| {
            UnverifiedToken::parse(compact.as_bytes()).map_or_else(|error| error.code(), |_| "ok")
        });
        assert_eq!(code, expected, "{name}");
        for form in ["json", "json_flat"] {
            let json = example["output"][form].to_string();
            assert_eq!(
                UnverifiedToken::parse(json.as_bytes()).unwrap_err().code(),
                "token_malformed",
                "{name} {form}"
            );
        }
    }
}

#[test]
fn the_signature_of_4_1_verifies_with_its_key_only() {
    let Some(examples) = cookbook() else { return };
    let example = &examples["4_1.rsa_v15_signature.json"];
    let private = &example["input"]["key"];
    let mut public = private.clone();
    public
        .as_object_mut()
        .unwrap()
        .retain(|name, _| ["kty", "kid", "use", "n", "e"].contains(&name.as_str()));

    let check = |keys: &KeySet, compact: &str| {
        let token = UnverifiedToken::with_payload_unread(compact).unwrap();
        PureRust.check(keys.iter().next().unwrap(), &token)
    };
    let compact = compact(example).unwrap();
    let keys = key_set(std::slice::from_ref(&public));
    assert_eq!(check(&keys, compact), Ok(()));

    let (input, signature) = compact.rsplit_once('.').unwrap();
    let changed = format!("{input}.{}", signature.replacen("MRjd", "MRje", 1));
    assert_ne!(changed, compact);
    assert_eq!(check(&keys, &changed), Err(InvalidSignature));
    let (header, _) = input.split_once('.').unwrap();
    assert_eq!(check(&keys, &format!("{header}.e30.{signature}")), Err(InvalidSignature));
    let pss = key_set(&[with(&public, "alg", json!("PS256"))]);
    assert_eq!(check(&pss, compact), Err(InvalidSignature), "the key is pinned to another algorithm");
}

#[test]
fn the_keys_of_the_examples_are_judged() {
    let Some(examples) = cookbook() else { return };
    let reason = |jwk: Value| match KeySet::parse(&json!({"keys": [jwk]}).to_string()) {
        Ok(_) => None,
        Err(KeySetError::NoUsableKey { skipped }) => skipped.first().map(|key| key.reason),
        Err(error) => panic!("{error}"),
    };
    let key = |name: &str| examples[name]["input"]["key"].clone();
    let rsa = key("4_1.rsa_v15_signature.json");
    assert_eq!(reason(rsa.clone()), Some(SkipReason::Private));
    // Any of the private members gives it away.
    assert_eq!(reason(without(&rsa, "d")), Some(SkipReason::Private));
    let private = ["d", "p", "q", "dp", "dq", "qi"];
    assert_eq!(reason(private.iter().fold(rsa, |key, name| without(&key, name))), None);
    assert_eq!(reason(without(&key("4_3.ecdsa_signature.json"), "d")), Some(SkipReason::Curve), "P-521");
    assert_eq!(reason(key("4_4.hmac-sha2_integrity_protection.json")), Some(SkipReason::Symmetric));
}
