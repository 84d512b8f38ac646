//! What jwt-simple says, a second reader of whole tokens with other cryptography for Ed25519 and RSA. The port is held to
//! it: what the port takes, jwt-simple takes.

use jwt_simple::claims::{JWTClaims, NoCustomClaims};
use jwt_simple::prelude::{
    Duration, ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, ES256PublicKey, ES384PublicKey,
    Ed25519PublicKey, EdDSAPublicKeyLike as _, PS256PublicKey, RS256PublicKey, RSAPublicKeyLike as _,
    UnixTimeStamp, VerificationOptions,
};

use crate::algorithm::Algorithm;
use crate::jwk::VerifyingKey;
use crate::jws::{MAX_TOKEN_BYTES, UnverifiedToken};

/// What jwt-simple says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    Invalid,
    /// The signature is valid, and what it is over no claims.
    Unreadable,
}

/// Asks jwt-simple whether the token is signed with the key.
pub(crate) fn ask(key: &VerifyingKey, token: &UnverifiedToken<'_>) -> Verdict {
    const E: &[u8] = &[1, 0, 1];
    let (compact, octets, options) = (token.compact(), key.octets(), Some(signature_only(token)));
    let result: Result<JWTClaims<NoCustomClaims>, jwt_simple::Error> = match key.algorithm() {
        Algorithm::EdDsa => {
            Ed25519PublicKey::from_bytes(octets).and_then(|key| key.verify_token(compact, options))
        }
        Algorithm::Es256 => {
            ES256PublicKey::from_bytes(octets).and_then(|key| key.verify_token(compact, options))
        }
        Algorithm::Es384 => {
            ES384PublicKey::from_bytes(octets).and_then(|key| key.verify_token(compact, options))
        }
        Algorithm::Ps256 => {
            PS256PublicKey::from_components(octets, E).and_then(|key| key.verify_token(compact, options))
        }
        Algorithm::Rs256 => {
            RS256PublicKey::from_components(octets, E).and_then(|key| key.verify_token(compact, options))
        }
    };
    match result {
        Ok(_) => Verdict::Valid,
        // It reads the claims after the signature verified.
        Err(error) if error.is::<serde_json::Error>() => Verdict::Unreadable,
        Err(_) => Verdict::Invalid,
    }
}

/// Options that leave every decision on claims to others: it would read the system clock and forgive 15 minutes.
fn signature_only(token: &UnverifiedToken<'_>) -> VerificationOptions {
    VerificationOptions {
        accept_future: true,
        artificial_time: Some(UnixTimeStamp::from_secs(0)),
        time_tolerance: Some(Duration::from_secs(0)),
        max_validity: None,
        max_token_length: Some(MAX_TOKEN_BYTES),
        required_signature_type: token.header().typ().map(str::to_owned),
        ..VerificationOptions::default()
    }
}
