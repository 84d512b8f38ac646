//! The host in these tests verifies with other code than the port's own: P-256 over DER, and RSA of another version.
#![expect(clippy::arithmetic_side_effects, clippy::string_slice, reason = "positions in test data")]

use std::sync::atomic::{AtomicUsize, Ordering};

use jwt_simple::claims::Claims;
use jwt_simple::prelude::{Duration, RS256KeyPair, RSAKeyPairLike as _};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, Signature, VerifyingKey as P256Key};
use p256::pkcs8::DecodePublicKey as _;
use serde_json::json;
use superboring::reexports::rsa::pkcs8::DecodePublicKey as _;
use superboring::reexports::rsa::sha2::{Digest as _, Sha256};
use superboring::reexports::rsa::{Pkcs1v15Sign, RsaPublicKey};

use super::{Cryptography, VALID};
use crate::algorithm::Algorithm;
use crate::cache::TokenCache;
use crate::error::TokenError;
use crate::fixture::{NOW, TestKey, base64url, demo_claims, demo_rules, key_set, with};
use crate::jws::UnverifiedToken;
use crate::key_set::KeySet;
use crate::signature::oracle::{self, Verdict};
use crate::signature::{InvalidSignature, PureRust, SignaturePort as _};
use crate::time::UnixTime;
use crate::verify::Verifier;

/// The fields of a message, in order.
fn fields(mut message: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut fields = Vec::new();
    while let Some((tag, mut rest)) = message.split_first() {
        let (mut size, mut shift) = (0usize, 0);
        loop {
            let (byte, after) = rest.split_first()?;
            size |= usize::from(byte & 0x7f) << shift;
            (rest, shift) = (after, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        fields.push((tag >> 3, rest.get(..size)?.to_vec()));
        message = &rest[size..];
    }
    Some(fields)
}

fn host(message: &[u8]) -> Option<Vec<u8>> {
    let fields = fields(message)?;
    let [(1, digest), (2, key), (3, signature), (4, text)] = fields.as_slice() else {
        panic!("the message has other fields: {fields:?}")
    };
    assert_eq!(digest, b"sha256");
    let is_valid = if let Ok(key) = P256Key::from_public_key_der(key) {
        let signature = DerSignature::try_from(signature.as_slice()).expect("strict DER");
        key.verify(text, &signature).is_ok()
    } else {
        let key = RsaPublicKey::from_public_key_der(key).expect("an SPKI");
        key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text), signature).is_ok()
    };
    Some(if is_valid { VALID.to_vec() } else { b"\x12\x02no".to_vec() })
}

/// Checks with both, and holds them to one verdict.
fn check(keys: &KeySet, compact: &str) -> Result<(), InvalidSignature> {
    let key = keys.iter().next().unwrap();
    let token = UnverifiedToken::parse(compact.as_bytes()).expect("a compact JWS");
    let verdict = Cryptography::of_host(host).check(key, &token);
    assert_eq!(verdict, PureRust.check(key, &token), "the host and wasm differ over {compact}");
    let oracle = oracle::ask(key, &token);
    assert_eq!(verdict.is_ok(), oracle == Verdict::Valid, "jwt-simple says {oracle:?} of {compact}");
    verdict
}

fn with_signature(compact: &str, signature: &[u8]) -> String {
    format!("{}.{}", compact.rsplit_once('.').unwrap().0, base64url(signature))
}

fn signature_of(compact: &str) -> Vec<u8> {
    UnverifiedToken::parse(compact.as_bytes()).unwrap().signature().to_vec()
}

/// 32 octets from hexadecimal.
fn number(hex: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
}

fn rsa(bits: usize) -> (RS256KeyPair, KeySet) {
    let pair = RS256KeyPair::generate(bits).unwrap();
    let components = pair.public_key().to_components();
    let (n, e) = (base64url(&components.n), base64url(&components.e));
    let keys = key_set(&[json!({"kty": "RSA", "alg": "RS256", "n": n, "e": e})]);
    (pair, keys)
}

#[test]
fn a_right_host_is_believed_for_both_algorithms() {
    let algorithms: Vec<Algorithm> = Cryptography::of_host(host).of_the_host().collect();
    assert_eq!(algorithms, [Algorithm::Es256, Algorithm::Rs256]);
    assert_eq!(Cryptography::default().of_the_host().count(), 0);
}

#[test]
fn the_host_is_asked_where_it_is_believed() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    fn counting(message: &[u8]) -> Option<Vec<u8>> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        host(message)
    }
    let cryptography = Cryptography::of_host(counting);
    let (p256, ed25519) = (TestKey::p256(), TestKey::ed25519());
    let before = ASKED.load(Ordering::Relaxed);
    for (key, asked) in [(p256, 1), (ed25519, 1)] {
        let (keys, token) = (key_set(&[key.jwk("k1")]), key.token(&demo_claims()));
        let token = UnverifiedToken::parse(token.as_bytes()).unwrap();
        assert_eq!(cryptography.check(keys.iter().next().unwrap(), &token), Ok(()));
        assert_eq!(ASKED.load(Ordering::Relaxed) - before, asked, "Ed25519 is no affair of the host's");
    }
}

#[test]
fn es256_has_one_verdict_whatever_the_signature() {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let key = TestKey::p256();
    let (keys, token) = (key_set(&[key.jwk("k1")]), key.token(&demo_claims()));
    assert_eq!(check(&keys, &token), Ok(()));
    let signature = signature_of(&token);

    for bit in 0..512 {
        let mut turned = signature.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(check(&keys, &with_signature(&token, &turned)), Err(InvalidSignature), "{bit}");
    }
    // Integers at the ends of their range, each beside a genuine one.
    let mut beside = number(ORDER);
    beside[31] -= 1;
    let edges =
        [[0; 32], number(&format!("{:064x}", 1)), number(ORDER), beside, [0xff; 32], [0x7f; 32], [0x80; 32]];
    for edge in edges {
        for forged in [[&edge, &signature[32..]].concat(), [&signature[..32], &edge].concat(), edge.repeat(2)]
        {
            assert_eq!(check(&keys, &with_signature(&token, &forged)), Err(InvalidSignature));
        }
    }
    // Lengths, and DER where the two integers belong.
    let der = Signature::from_slice(&signature).unwrap().to_der();
    let padded = [&[0], &signature[..32], &[0], &signature[32..]].concat();
    for shape in [&[][..], &signature[..63], &signature[..32], &padded, &signature.repeat(2), der.as_bytes()]
    {
        assert_eq!(check(&keys, &with_signature(&token, shape)), Err(InvalidSignature));
    }
    // `(r, n - s)` is a signature too (FIPS 186-5 does not forbid it), for both.
    let s = Signature::from_slice(&signature).unwrap();
    let (r, s) = s.split_scalars();
    let other = Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
    assert_eq!(check(&keys, &with_signature(&token, &other.to_bytes())), Ok(()));
}

/// DER drops leading zeros and adds one before a high bit: many signatures, so that all forms come up.
#[test]
fn es256_signatures_of_every_der_form_verify() {
    let key = TestKey::p256();
    let keys = key_set(&[key.jwk("k1")]);
    let mut forms = [0usize; 2];
    // Each form stays away once in 2^64 runs.
    let claims = (0..64).map(|at| with(&demo_claims(), "jti", json!(format!("{at}"))));
    for claims in claims {
        let token = key.token(&claims);
        assert_eq!(check(&keys, &token), Ok(()));
        forms[usize::from(signature_of(&token)[0] >> 7)] += 1;
    }
    assert!(forms.iter().all(|count| *count > 0), "{forms:?}");
}

#[test]
fn rs256_has_one_verdict_whatever_the_signature() {
    for bits in [2048, 3072, 4096] {
        let (pair, keys) = rsa(bits);
        let token = pair.sign(Claims::create(Duration::from_days(1))).unwrap();
        assert_eq!(check(&keys, &token), Ok(()));
        let (signature, size) = (signature_of(&token), bits / 8);
        for octet in (0..size).step_by(size / 16) {
            let mut turned = signature.clone();
            turned[octet] ^= 1;
            assert_eq!(check(&keys, &with_signature(&token, &turned)), Err(InvalidSignature));
        }
        let modulus = pair.public_key().to_components().n;
        let longer = [&[0], signature.as_slice()].concat();
        for shape in
            [&[][..], &signature[1..], &longer, &vec![0; size], &vec![0xff; size], &modulus, &signature[..64]]
        {
            assert_eq!(check(&keys, &with_signature(&token, shape)), Err(InvalidSignature));
        }
    }
}

#[test]
fn another_key_and_another_algorithm_do_not_verify() {
    let (own, other, ed25519) = (TestKey::p256(), TestKey::p256(), TestKey::ed25519());
    let (_, rsa) = rsa(2048);
    let token = own.token(&demo_claims());
    assert_eq!(check(&key_set(&[other.jwk("k1")]), &token), Err(InvalidSignature));
    assert_eq!(check(&rsa, &token), Err(InvalidSignature));
    let token = ed25519.token(&demo_claims());
    assert_eq!(check(&key_set(&[own.jwk("k1")]), &token), Err(InvalidSignature));
}

/// What one implementation could read and the other not is refused before either.
#[test]
fn what_jwt_simple_cannot_read_is_no_token_at_all() {
    let key = TestKey::p256();
    for member in [r#""cty":1"#, r#""x5t":["a"]"#, r#""x5t#S256":{}"#, r#""salt":"c2FsdA""#, r#""x5t":null"#]
    {
        let token = key.sign(&format!(r#"{{"alg":"ES256",{member}}}"#), &demo_claims().to_string());
        let refused = UnverifiedToken::parse(token.as_bytes()).unwrap_err();
        assert_eq!(refused.code(), "token_malformed", "{member}");
    }
    let keys = key_set(&[key.jwk("k1")]);
    let header = r#"{"alg":"ES256","cty":"json","x5t":"dGh1bWI","x5t#S256":"dGh1bWI","unknown":[1,{}]}"#;
    assert_eq!(check(&keys, &key.sign(header, &demo_claims().to_string())), Ok(()));
}

/// Every registered claim in every JSON form: the claims are judged before the signature, so that a library's reading of
/// them decides nothing.
#[test]
fn claims_have_one_verdict_whoever_checks_the_signature() {
    let key = TestKey::p256();
    let verifier = Verifier::new(vec![demo_rules(&key)]).unwrap();
    let cryptography = Cryptography::of_host(host);
    let values = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e3",
        "1e300",
        "18446744073709551615",
        "18446744073709551616",
        r#""""#,
        r#""x""#,
        r#""\u0000""#,
        "[]",
        "[1]",
        r#"["x"]"#,
        r#"["x","x"]"#,
        "[null]",
        "{}",
        r#"{"sub":"x"}"#,
    ];
    let mut accepted = 0usize;
    for claim in
        ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "client_id", "scope", "act", "other"]
    {
        for value in values {
            let value = serde_json::from_str(value).unwrap();
            let token = key.token(&with(&demo_claims(), claim, value));
            let verdict = |result: Result<_, TokenError>| result.map_or_else(|error| error.code(), |_| "ok");
            let (mut first, mut second) = (TokenCache::default(), TokenCache::default());
            let now = UnixTime::new(NOW);
            let own = verdict(verifier.verify(&mut first, token.as_bytes(), now));
            let hosts = verdict(verifier.verify_with(&cryptography, &mut second, token.as_bytes(), now));
            assert_eq!(own, hosts, "{token}");
            accepted += usize::from(own == "ok");
        }
    }
    assert!(accepted > 20, "the table would show nothing: {accepted}");
}

#[test]
fn a_host_that_is_not_proven_decides_nothing() {
    let hosts: [(&str, super::VerifySignature); 9] = [
        ("absent", |_| None),
        ("says yes to everything", |_| Some(VALID.to_vec())),
        ("says no to everything", |_| Some(vec![8, 0])),
        ("says nothing", |_| Some(Vec::new())),
        ("yes with an error", |message| host(message).map(|result| [&result[..], &[0x12, 0]].concat())),
        ("yes in a longer form", |message| host(message).map(|_| vec![8, 0x81, 0])),
        ("another number", |message| host(message).map(|_| vec![8, 2])),
        ("turned around", |message| {
            host(message).map(|result| if result == VALID { vec![8, 0] } else { VALID.to_vec() })
        }),
        ("does not look at the text", |message| {
            let fields = fields(message)?;
            let shorter = fields[3].1.len() != super::ES256.text.len();
            if shorter { Some(VALID.to_vec()) } else { host(message) }
        }),
    ];
    let key = TestKey::p256();
    let (keys, token) = (key_set(&[key.jwk("k1")]), key.token(&demo_claims()));
    let token = UnverifiedToken::parse(token.as_bytes()).unwrap();
    let mut wrong = token.signature().to_vec();
    wrong[0] ^= 1;
    let wrong = with_signature(token.compact(), &wrong);
    let wrong = UnverifiedToken::parse(wrong.as_bytes()).unwrap();
    for (name, call) in hosts {
        let cryptography = Cryptography::of_host(call);
        assert_eq!(cryptography.of_the_host().count(), 0, "{name}");
        let key = keys.iter().next().unwrap();
        assert_eq!(cryptography.check(key, &token), Ok(()), "{name}");
        assert_eq!(cryptography.check(key, &wrong), Err(InvalidSignature), "{name}");
    }
}

/// A host that fails later refuses: it is not asked twice, and nobody speaks for it.
#[test]
fn a_host_that_fails_later_refuses() {
    static FAILS: AtomicUsize = AtomicUsize::new(0);
    fn failing(message: &[u8]) -> Option<Vec<u8>> {
        if FAILS.load(Ordering::Relaxed) > 0 { None } else { host(message) }
    }
    let cryptography = Cryptography::of_host(failing);
    FAILS.store(1, Ordering::Relaxed);
    let key = TestKey::p256();
    let (keys, token) = (key_set(&[key.jwk("k1")]), key.token(&demo_claims()));
    let token = UnverifiedToken::parse(token.as_bytes()).unwrap();
    assert_eq!(cryptography.check(keys.iter().next().unwrap(), &token), Err(InvalidSignature));
}
