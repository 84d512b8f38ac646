//! The signature port: the one place where a key meets a text.

use rsa::signature::Verifier as _;

use crate::jwk::{Material, VerifyingKey};
use crate::jws::UnverifiedToken;

mod foreign;
#[cfg(test)]
mod oracle;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;

pub(crate) use self::foreign::ForeignKey;
pub use self::foreign::{Cryptography, VerifySignature};

/// Whether a signature is a key's over some bytes, and nothing else: time, audience and the rest are decided
/// elsewhere. A host with faster cryptography implements it too.
pub trait SignaturePort {
    /// Whether `signature`, in the form of JOSE (RFC 7518 section 3), is the key's over `text`.
    fn verify(&self, key: &VerifyingKey, text: &[u8], signature: &[u8]) -> Result<(), InvalidSignature>;

    /// Checks the signature of a token with `key`.
    fn check(&self, key: &VerifyingKey, token: &UnverifiedToken<'_>) -> Result<(), InvalidSignature> {
        // INVARIANT: a key verifies its own algorithm only (RFC 8725 section 3.1). `KeySet::choose` sees to it already.
        if token.header().algorithm() != key.algorithm() {
            return Err(InvalidSignature);
        }
        self.verify(key, token.signing_input().as_bytes(), token.signature())
    }
}

/// The signature is not this key's over these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not the key's over these bytes")]
pub struct InvalidSignature;

/// Cryptography in Rust, which runs in every host.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureRust;

// === impl PureRust ===

impl SignaturePort for PureRust {
    fn verify(&self, key: &VerifyingKey, text: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let verdict = match key.material() {
            // Strictly: neither the key nor the point of a signature is of small order, and S is below the order of the
            // group (RFC 8032 section 5.1.7), so that one message has one signature and a signature one meaning.
            Material::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(text, &signature)),
            Material::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| key.verify(text, &signature)),
            Material::Es384(key) => p384::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| key.verify(text, &signature)),
            Material::Ps256(key) => {
                rsa::pss::Signature::try_from(signature).and_then(|signature| key.verify(text, &signature))
            }
            Material::Rs256(key) => rsa::pkcs1v15::Signature::try_from(signature)
                .and_then(|signature| key.verify(text, &signature)),
        };
        verdict.map_err(|_| InvalidSignature)
    }
}
