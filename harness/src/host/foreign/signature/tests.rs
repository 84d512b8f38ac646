//! Signatures of `text` that OpenSSL made.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Status, VALID, verify};

const RSA_KEY: &str = "\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxEfW8MD21QdYAZ/dlu63UuqvekGF1KLlF5UgLtE+IdYX0Pbs/21v\
    33vNg32qq4XLFK7i3K8Vxow1tLPwDCXJrDCmfudLGG29ymo1Y6Y4tQhyhQdQ5j0ve284KLhLjeZunuWKYybRjeHXR9r8ti6G\
    khO8wTKZ1CJ+8z1BVu3+bJ4tyrl3pKsOusl5mX+Bu+U9T7H2LS4sNAX4NAUQOAyTXIPjgG7ErtGK35B6eKDMfaw1dcYnXTyi\
    /FNqsB1kRz8Y6fWyOeJMVIuX/Neb4XobHfoIdGBXXzAeWR1+ZIasYgjutz9c39MunvxXjmciO/EIK7PKZENthP1Q9hnmMl4E\
    9wIDAQAB";
const RSA_SIGNATURE: &str = "\
    MIecwIhbdbEBaOntfYVZ3S0bKOuxgj9y5mMX3lhd8nEXJn0S9s41Xk5CH/w1kL1eArPV9qe3ED5XcqqSr+4V0YhogSCKFg4y\
    x82s83zgpKk/cyEQSvzEmVIl/fXJ50kPAn3WSZFmzUP3zHQ1amY4KYnvLD6WhGqYuI+JiPq4oTDVuUzjH9Xvl2y1TesB876t\
    BXg0Abz/MRpqI3pCjRVhuRIG0SsSP/IO/oRTVn0ld/lNz2mJOGSG3DGtvkJ1C/JTUszIHSa3BD5v6bjcKAsLLr5TnO36P8qb\
    Lsulm0J1rEInvLQaae1i5QF53DJP5WcsbTc3kz2BoylDnLmiSLt7/Q==";
const P256_KEY: &str = "\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDEHEWC0bxFf2yOrk9To/oR01gEmtIE4PoQ8/2nRtGsZ99X3lgB92OL3cg6Xc\
    Ag7fq5pwvrA2VugaJve9VCR6qg==";
const P256_SIGNATURE: &str =
    "MEUCIQDEFbJUHykw9U49OFWYkW/J6V0lKFXcxZiIdriGgI+fAwIgGXR0+jipVe3B8DxppMn/EdJuo+C9NIhDAGAhYZ0FAs8=";
const P256_SIGNATURE_SHA512: &str =
    "MEQCIFA+u1NMJ1gZkQfeAkMbkU6xc5gPRnXWCY025tvdDy2fAiAsNjLNOy0mJsVwomxqzRbHIYCdDzKFno98a/0GYMU6Jw==";
const P384_KEY: &str = "\
    MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEna58L//KxR0iC7+RJSSiPfpPTcgBoJD4dWlaQFRDV140WhyxU5eoKHKwvXAST6Pm\
    QlWCxfrlYHw0He94zE7lnxuzx2Ydm434GcW/tteIFpp5tWG1ieg7aB5UVcaAzEsZ";
const P384_SIGNATURE: &str = "\
    MGQCMFwT4uJDgOxNiFdjHo3Tw/wI9XVSKc2XcAGDctBlDh/kQkbsc1spKevJhLsEOw0TfAIweKiWsCXfT3TmEW7NPLYQvppG\
    gHDK0J4Q0VQZJjqhTbc8iy1E0RrXNnO8yd8TJqJ7";
const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDEHEWC0bxFf2yOrk9To/oR01gEmt\n\
IE4PoQ8/2nRtGsZ99X3lgB92OL3cg6XcAg7fq5pwvrA2VugaJve9VCR6qg==\n\
-----END PUBLIC KEY-----\n";

/// Arguments in protobuf, empty ones left out.
fn arguments(hash: &str, key: &[u8], signature: &[u8], text: &[u8], pem: &str) -> Vec<u8> {
    let mut message = Vec::new();
    for (number, bytes) in [(1, hash.as_bytes()), (2, key), (3, signature), (4, text), (5, pem.as_bytes())] {
        if bytes.is_empty() {
            continue;
        }
        message.push(number << 3 | 2);
        let mut length = bytes.len();
        while length > 0x7f {
            message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap());
        message.extend(bytes);
    }
    message
}

fn check(hash: &str, key: &str, signature: &str, text: &str) -> Vec<u8> {
    let decode = |text: &str| STANDARD.decode(text).unwrap();
    verify(&arguments(hash, &decode(key), &decode(signature), text.as_bytes(), "")).unwrap()
}

#[test]
fn what_was_signed_is_valid() {
    assert_eq!(check("sha256", RSA_KEY, RSA_SIGNATURE, "text"), VALID);
    assert_eq!(check("SHA256", P256_KEY, P256_SIGNATURE, "text"), VALID);
    assert_eq!(check("sha512", P256_KEY, P256_SIGNATURE_SHA512, "text"), VALID);
    assert_eq!(check("sha384", P384_KEY, P384_SIGNATURE, "text"), VALID);
}

#[test]
fn what_was_not_is_an_error_in_words() {
    const OTHER: &[u8] = b"\x12\x26Failed to verify digest. Error code: 0";
    assert_eq!(check("sha256", RSA_KEY, RSA_SIGNATURE, "test"), OTHER);
    assert_eq!(check("sha512", RSA_KEY, RSA_SIGNATURE, "text"), OTHER);
    assert_eq!(check("sha256", P256_KEY, P256_SIGNATURE, "test"), OTHER);
    assert_eq!(check("sha256", P256_KEY, RSA_SIGNATURE, "text"), OTHER);
    assert_eq!(check("sha256", RSA_KEY, P256_SIGNATURE, "text"), OTHER);
    assert_eq!(check("sha256", P256_KEY, "", "text"), OTHER);
}

#[test]
fn a_hash_that_is_none_is_said_in_words() {
    let answer = check("md5", P256_KEY, P256_SIGNATURE, "text");
    assert_eq!(answer, b"\x12\x15md5 is not supported.");
}

#[test]
fn a_key_comes_in_one_form() {
    let key = STANDARD.decode(P256_KEY).unwrap();
    let signature = STANDARD.decode(P256_SIGNATURE).unwrap();
    let verdict = |key: &[u8], pem: &str| verify(&arguments("sha256", key, &signature, b"text", pem));
    assert_eq!(verdict(&[], P256_PEM), Ok(VALID.to_vec()));
    assert_eq!(verdict(&key, P256_PEM), Err(Status::BadArgument));
    assert_eq!(verdict(&[], ""), Err(Status::BadArgument));
    assert_eq!(verdict(b"no key", ""), Ok(b"\x12\x23Failed to initialize digest verify.".to_vec()));
    assert_eq!(verify(b"\xff\xff"), Err(Status::BadArgument));
}
