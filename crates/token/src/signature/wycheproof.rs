//! Wycheproof's signatures, all that are of our algorithms: each has the published verdict, or is listed, with the reason.
//! What the port takes, the cryptography beneath jwt-simple takes.
#![expect(clippy::arithmetic_side_effects, reason = "counting vectors")]

use serde_json::{Value, json};
use superboring::reexports::rsa::{self as other_rsa, sha2::Digest as _, sha2::Sha256};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::{PureRust, SignaturePort as _};
use crate::fixture::base64url;
use crate::jwk::{SkipReason, VerifyingKey};

/// One signature of theirs.
struct Vector {
    set: &'static str,
    number: usize,
    message: Vec<u8>,
    signature: Vec<u8>,
    verdict: TestResult,
}

/// How it came out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    valid: usize,
    invalid: usize,
    /// Left to implementations, and refused here.
    strict: usize,
    /// Of keys that are not used at all.
    keyless: usize,
}

fn key(jwk: &Value) -> Result<VerifyingKey, SkipReason> {
    VerifyingKey::parse(jwk.as_object().unwrap())
}

/// Holds a vector to its verdict; `other` is what other cryptography says.
fn judge(tally: &mut Tally, key: &VerifyingKey, vector: &Vector, other: bool) {
    let Vector { set, number, message, signature, verdict } = vector;
    let taken = PureRust.verify(key, message, signature).is_ok();
    assert!(other || !taken, "{set} {number}: only the port takes it");
    match (verdict, taken) {
        (TestResult::Valid, true) => tally.valid += 1,
        (TestResult::Invalid, false) => tally.invalid += 1,
        (TestResult::Acceptable, false) => tally.strict += 1,
        _ => panic!("{set} {number}: {verdict:?}, and taken: {taken}"),
    }
}

#[test]
fn ed25519() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let x = base64url(&group.key.pk);
        let key = key(&json!({ "kty": "OKP", "crv": "Ed25519", "x": x })).unwrap();
        let other = ed25519_compact::PublicKey::from_slice(&group.key.pk).unwrap();
        for test in group.tests {
            let said = ed25519_compact::Signature::from_slice(&test.sig)
                .is_ok_and(|signature| other.verify(&*test.msg, &signature).is_ok());
            let (message, signature) = (test.msg.to_vec(), test.sig.to_vec());
            let vector =
                Vector { set: "ed25519", number: test.tc_id, message, signature, verdict: test.result };
            judge(&mut tally, &key, &vector, said);
        }
    }
    assert_eq!(tally, Tally { valid: 88, invalid: 63, strict: 0, keyless: 0 });
}

#[test]
fn ecdsa() {
    let sets = [
        ("ecdsa_secp256r1_sha256_p1363", ecdsa::TestName::EcdsaSecp256r1Sha256P1363, "P-256", 32),
        ("ecdsa_secp384r1_sha384_p1363", ecdsa::TestName::EcdsaSecp384r1Sha384P1363, "P-384", 48),
    ];
    let mut tallies = Vec::new();
    for (set, name, curve, size) in sets {
        let mut tally = Tally::default();
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            // The point, uncompressed.
            let (x, y) = group.key.key[1..].split_at(size);
            let jwk = json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) });
            let key = key(&jwk).unwrap();
            for test in group.tests {
                let (message, signature) = (test.msg.to_vec(), test.sig.to_vec());
                let vector = Vector { set, number: test.tc_id, message, signature, verdict: test.result };
                // jwt-simple has the same cryptography here.
                judge(&mut tally, &key, &vector, true);
            }
        }
        tallies.push(tally);
    }
    assert_eq!(
        tallies,
        [
            Tally { valid: 173, invalid: 89, strict: 0, keyless: 0 },
            Tally { valid: 193, invalid: 87, strict: 0, keyless: 0 }
        ]
    );
}

/// The key as we and as others have it; none where it is not used.
fn rsa_key(algorithm: &str, n: &[u8], e: &[u8]) -> Option<(VerifyingKey, other_rsa::RsaPublicKey)> {
    let jwk = json!({ "kty": "RSA", "alg": algorithm, "n": base64url(n), "e": base64url(e) });
    let key = match key(&jwk) {
        Ok(key) => key,
        Err(why) => {
            assert_eq!(why, SkipReason::Weak);
            return None;
        }
    };
    let number = other_rsa::BigUint::from_bytes_be;
    Some((key, other_rsa::RsaPublicKey::new(number(n), number(e)).unwrap()))
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::{TestName, TestSet};
    let sets = [
        ("rsa_signature_2048_sha256", TestName::Rsa2048Sha256),
        ("rsa_signature_3072_sha256", TestName::Rsa3072Sha256),
        ("rsa_signature_4096_sha256", TestName::Rsa4096Sha256),
        ("rsa_signature_8192_sha256", TestName::Rsa8192Sha256),
    ];
    let mut tally = Tally::default();
    for (set, name) in sets {
        for group in TestSet::load(name).unwrap().test_groups {
            let keys = rsa_key("RS256", &group.key.n, &group.key.e);
            let Some((key, other)) = keys else {
                tally.keyless += group.tests.len();
                continue;
            };
            for test in group.tests {
                let scheme = other_rsa::Pkcs1v15Sign::new::<Sha256>();
                let said = other.verify(scheme, &Sha256::digest(&*test.msg), &test.sig).is_ok();
                let (message, signature) = (test.msg.to_vec(), test.sig.to_vec());
                let vector = Vector { set, number: test.tc_id, message, signature, verdict: test.result };
                judge(&mut tally, &key, &vector, said);
            }
        }
    }
    // Strict: a digest without the NULL of its algorithm (RFC 8017 appendix A.2.4 lets it be absent; nothing writes it so).
    // Keyless: 8192 bits.
    assert_eq!(tally, Tally { valid: 21, invalid: 749, strict: 3, keyless: 261 });
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::{TestName, TestSet};
    let sets = [
        ("rsa_pss_2048_sha256_mgf1_32", TestName::RsaPss2048Sha256Mgf1SaltLen32),
        ("rsa_pss_3072_sha256_mgf1_32", TestName::RsaPss3072Sha256Mgf1SaltLen32),
        ("rsa_pss_4096_sha256_mgf1_32", TestName::RsaPss4096Sha256Mgf1SaltLen32),
    ];
    let mut tally = Tally::default();
    for (set, name) in sets {
        for group in TestSet::load(name).unwrap().test_groups {
            let keys = rsa_key("PS256", &group.key.n, &group.key.e);
            let Some((key, other)) = keys else {
                tally.keyless += group.tests.len();
                continue;
            };
            for test in group.tests {
                let scheme = other_rsa::Pss::new_with_salt::<Sha256>(32);
                let said = other.verify(scheme, &Sha256::digest(&*test.msg), &test.sig).is_ok();
                let (message, signature) = (test.msg.to_vec(), test.sig.to_vec());
                let vector = Vector { set, number: test.tc_id, message, signature, verdict: test.result };
                judge(&mut tally, &key, &vector, said);
            }
        }
    }
    assert_eq!(tally, Tally { valid: 189, invalid: 135, strict: 0, keyless: 0 });
}

/// Signatures with a salt of another length are of another algorithm (RFC 7518 section 3.5).
#[test]
fn rsa_pss_has_one_length_of_salt() {
    use rsa_pss_verify::{TestName, TestSet};
    let mut refused = 0usize;
    for group in TestSet::load(TestName::RsaPss2048Sha256Mgf1SaltLen0).unwrap().test_groups {
        let Some((key, _)) = rsa_key("PS256", &group.key.n, &group.key.e) else { continue };
        for test in group.tests {
            // What they call invalid there may have the right salt for us.
            if test.result == TestResult::Valid {
                assert!(PureRust.verify(&key, &test.msg, &test.sig).is_err(), "{}", test.tc_id);
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "nothing was genuine");
}
