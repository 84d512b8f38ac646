//! The signature port: the one place where a key meets a token.

use jwt_simple::claims::{JWTClaims, NoCustomClaims};
use jwt_simple::prelude::{
    Duration, ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, EdDSAPublicKeyLike as _,
    RSAPublicKeyLike as _, UnixTimeStamp, VerificationOptions,
};

use crate::jwk::{Material, VerifyingKey};
use crate::jws::{MAX_TOKEN_BYTES, UnverifiedToken};

mod foreign;

#[cfg(test)]
mod tests;

pub(crate) use self::foreign::ForeignKey;
pub use self::foreign::{Cryptography, VerifySignature};

/// Whether a signature is a key's over a token's bytes, and nothing else: time, audience and the rest are
/// decided elsewhere. A host with faster cryptography implements it too.
pub trait SignaturePort {
    /// Checks the signature with `key`, whose algorithm is the token's `alg`.
    fn check(&self, key: &VerifyingKey, token: &UnverifiedToken<'_>) -> Result<(), SignatureFault>;
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// It is not this key's over these bytes.
    #[error("the signature is not the key's over these bytes")]
    Invalid,
    /// The library cannot read the token as a JWT.
    #[error("the token cannot be read as a JWT")]
    Unreadable,
}

/// The cryptography of jwt-simple, in pure Rust: it runs in every host.
#[derive(Clone, Copy, Debug, Default)]
pub struct JwtSimple;

// === impl JwtSimple ===

impl SignaturePort for JwtSimple {
    fn check(&self, key: &VerifyingKey, token: &UnverifiedToken<'_>) -> Result<(), SignatureFault> {
        // INVARIANT: a key verifies its own algorithm only (RFC 8725 section 3.1). `KeySet::choose` sees to it, and
        // jwt-simple compares the token's `alg` with the one name of the key's type.
        let (compact, options) = (token.compact(), Some(signature_only(token)));
        let result: Result<JWTClaims<NoCustomClaims>, jwt_simple::Error> = match key.material() {
            Material::EdDsa(key) => key.verify_token(compact, options),
            Material::Es256(key) => key.verify_token(compact, options),
            Material::Es384(key) => key.verify_token(compact, options),
            Material::Ps256(key) => key.verify_token(compact, options),
            Material::Rs256(key) => key.verify_token(compact, options),
        };
        match result {
            Ok(_) => Ok(()),
            // jwt-simple reads the claims after the signature verified, so that this is not about the signature; or
            // it could not read a header parameter that is ignored here, such as `x5t`.
            Err(error) if error.is::<serde_json::Error>() => Err(SignatureFault::Unreadable),
            Err(_) => Err(SignatureFault::Invalid),
        }
    }
}

/// Options that leave every decision on claims to this crate. The time is pinned to the epoch, with no tolerance
/// and the future accepted, so that `exp`, `nbf` and `iat` always pass there: jwt-simple would otherwise read the
/// system clock and forgive 15 minutes.
fn signature_only(token: &UnverifiedToken<'_>) -> VerificationOptions {
    VerificationOptions {
        accept_future: true,
        artificial_time: Some(UnixTimeStamp::from_secs(0)),
        time_tolerance: Some(Duration::from_secs(0)),
        max_validity: None,
        max_token_length: Some(MAX_TOKEN_BYTES),
        // The profile decides which `typ` is right; jwt-simple would refuse the `JOSE` of a JWT-SVID.
        required_signature_type: token.header().typ().map(str::to_owned),
        ..VerificationOptions::default()
    }
}
