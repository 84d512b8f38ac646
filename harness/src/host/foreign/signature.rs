//! `verify_signature`, as BoringSSL's `EVP_DigestVerify` answers it: RSA with PKCS #1 v1.5 and ECDSA with an ASN.1
//! signature, the key decides which. P-224 and P-521, which Envoy could do, no token of ours is signed with.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::DecodePublicKey;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use superboring::reexports::rsa::{self, Pkcs1v15Sign, RsaPublicKey, pkcs8::DecodePublicKey as _};

use super::super::status::Status;
use super::fields::{Field, parse};

/// `VerifySignatureResult { result: true }`
const VALID: [u8; 2] = [8, 1];

/// `envoy.source.extensions.common.wasm.VerifySignatureArguments`
#[derive(Default)]
struct Arguments<'m> {
    hash: &'m [u8],
    key: &'m [u8],
    signature: &'m [u8],
    text: &'m [u8],
    pem: &'m [u8],
}

enum Key {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Rsa(Box<RsaPublicKey>),
}

/// A digest, and how PKCS #1 names it.
struct Hashed {
    digest: Vec<u8>,
    scheme: Pkcs1v15Sign,
}

pub(super) fn verify(argument: &[u8]) -> Result<Vec<u8>, Status> {
    let arguments = Arguments::parse(argument).ok_or(Status::BadArgument)?;
    // One of the two.
    if arguments.key.is_empty() == arguments.pem.is_empty() {
        return Err(Status::BadArgument);
    }
    let Some(hashed) = Hashed::new(arguments.hash, arguments.text) else {
        return Ok(failure(&format!("{} is not supported.", String::from_utf8_lossy(arguments.hash))));
    };
    let key =
        if arguments.key.is_empty() { Key::from_pem(arguments.pem) } else { Key::from_der(arguments.key) };
    let Some(key) = key else { return Ok(failure("Failed to initialize digest verify.")) };
    if key.verifies(hashed, arguments.signature) {
        Ok(VALID.to_vec())
    } else {
        Ok(failure("Failed to verify digest. Error code: 0"))
    }
}

/// `VerifySignatureResult { error }`
fn failure(error: &str) -> Vec<u8> {
    let size = u8::try_from(error.len()).unwrap_or_default() & 0x7f;
    [&[0x12, size], error.as_bytes().get(..usize::from(size)).unwrap_or_default()].concat()
}

// === impl Arguments ===

impl<'m> Arguments<'m> {
    fn parse(message: &'m [u8]) -> Option<Self> {
        let mut arguments = Self::default();
        for field in parse(message)? {
            match field {
                (1, Field::Bytes(bytes)) => arguments.hash = bytes,
                (2, Field::Bytes(bytes)) => arguments.key = bytes,
                (3, Field::Bytes(bytes)) => arguments.signature = bytes,
                (4, Field::Bytes(bytes)) => arguments.text = bytes,
                (5, Field::Bytes(bytes)) => arguments.pem = bytes,
                (_, Field::Bytes(_) | Field::Number(_)) => {}
            }
        }
        Some(arguments)
    }
}

// === impl Key ===

impl Key {
    fn from_der(der: &[u8]) -> Option<Self> {
        p256::ecdsa::VerifyingKey::from_public_key_der(der)
            .map(Self::P256)
            .ok()
            .or_else(|| p384::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P384).ok())
            .or_else(|| RsaPublicKey::from_public_key_der(der).map(|key| Self::Rsa(Box::new(key))).ok())
    }

    fn from_pem(pem: &[u8]) -> Option<Self> {
        let pem = std::str::from_utf8(pem).ok()?;
        p256::ecdsa::VerifyingKey::from_public_key_pem(pem)
            .map(Self::P256)
            .ok()
            .or_else(|| p384::ecdsa::VerifyingKey::from_public_key_pem(pem).map(Self::P384).ok())
            .or_else(|| RsaPublicKey::from_public_key_pem(pem).map(|key| Self::Rsa(Box::new(key))).ok())
    }

    fn verifies(&self, hashed: Hashed, signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify_prehash(&hashed.digest, &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify_prehash(&hashed.digest, &signature).is_ok()),
            Self::Rsa(key) => key.verify(hashed.scheme, &hashed.digest, signature).is_ok(),
        }
    }
}

// === impl Hashed ===

impl Hashed {
    fn new(name: &[u8], text: &[u8]) -> Option<Self> {
        // The `rsa` crate names digests by an older `sha2`.
        let (digest, scheme) = match name.to_ascii_lowercase().as_slice() {
            b"sha224" => (Sha224::digest(text).to_vec(), Pkcs1v15Sign::new::<rsa::sha2::Sha224>()),
            b"sha256" => (Sha256::digest(text).to_vec(), Pkcs1v15Sign::new::<rsa::sha2::Sha256>()),
            b"sha384" => (Sha384::digest(text).to_vec(), Pkcs1v15Sign::new::<rsa::sha2::Sha384>()),
            b"sha512" => (Sha512::digest(text).to_vec(), Pkcs1v15Sign::new::<rsa::sha2::Sha512>()),
            _ => return None,
        };
        Some(Self { digest, scheme })
    }
}

#[cfg(test)]
mod tests;
