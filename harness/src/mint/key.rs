//! A private key that signs tokens, and its public half as a JWK.

use std::fmt;
use std::str::FromStr;

use jwt_simple::prelude::{
    ECDSAP256KeyPairLike as _, ECDSAP384KeyPairLike as _, ES256KeyPair, ES384KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike as _, PS256KeyPair, RS256KeyPair, RSAKeyPairLike,
};
use serde_json::Value;
use superboring::pkey::PKey;
use superboring::sign::Signer;

use super::{MintError, Profile};

/// RFC 7518 section 3.3 asks for at least this many bits; more would only make tests slow.
const RSA_BITS: usize = 2048;

/// What a token is signed with. A list of our own: what mints hostile tokens must not share its idea of an
/// algorithm with what verifies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// A private key, its algorithm and its key id (the RFC 7638 thumbprint).
pub struct TokenKey {
    pair: Pair,
    kid: String,
}

enum Pair {
    EdDsa(Ed25519KeyPair),
    Es256(ES256KeyPair),
    Es384(ES384KeyPair),
    Ps256(PS256KeyPair),
    Rs256(RS256KeyPair),
}

// === impl Algorithm ===

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::EdDsa, Self::Es256, Self::Es384, Self::Ps256, Self::Rs256];

    /// The JOSE name (RFC 7518 section 3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    fn error(self, reason: impl fmt::Display) -> MintError {
        MintError::Key { algorithm: self, reason: reason.to_string() }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = MintError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        known.ok_or_else(|| MintError::AlgorithmUnknown(name.to_owned()))
    }
}

// === impl TokenKey ===

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The private half stays out of logs and of failing assertions.
        f.debug_struct("TokenKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl TokenKey {
    /// A fresh key.
    pub fn generate(algorithm: Algorithm) -> Result<Self, MintError> {
        let failed = |error: jwt_simple::Error| algorithm.error(error);
        Ok(Self::of(match algorithm {
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::generate()),
            Algorithm::Es256 => Pair::Es256(ES256KeyPair::generate()),
            Algorithm::Es384 => Pair::Es384(ES384KeyPair::generate()),
            Algorithm::Ps256 => Pair::Ps256(PS256KeyPair::generate(RSA_BITS).map_err(failed)?),
            Algorithm::Rs256 => Pair::Rs256(RS256KeyPair::generate(RSA_BITS).map_err(failed)?),
        }))
    }

    /// A key from its PKCS #8 PEM form.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, MintError> {
        let failed = |error: jwt_simple::Error| algorithm.error(error);
        Ok(Self::of(match algorithm {
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_pem(pem).map_err(failed)?),
            Algorithm::Es256 => Pair::Es256(ES256KeyPair::from_pem(pem).map_err(failed)?),
            Algorithm::Es384 => Pair::Es384(ES384KeyPair::from_pem(pem).map_err(failed)?),
            Algorithm::Ps256 => Pair::Ps256(PS256KeyPair::from_pem(pem).map_err(failed)?),
            Algorithm::Rs256 => Pair::Rs256(RS256KeyPair::from_pem(pem).map_err(failed)?),
        }))
    }

    /// The PKCS #8 PEM form of the private key.
    pub fn to_pem(&self) -> Result<String, MintError> {
        let failed = |error: jwt_simple::Error| self.algorithm().error(error);
        match &self.pair {
            Pair::EdDsa(pair) => Ok(pair.to_pem()),
            Pair::Es256(pair) => pair.to_pem().map_err(failed),
            Pair::Es384(pair) => pair.to_pem().map_err(failed),
            Pair::Ps256(pair) => pair.to_pem().map_err(failed),
            Pair::Rs256(pair) => pair.to_pem().map_err(failed),
        }
    }

    /// The PEM form of the public key, as an attacker has it.
    pub fn public_pem(&self) -> Result<String, MintError> {
        let failed = |error: jwt_simple::Error| self.algorithm().error(error);
        match &self.pair {
            Pair::EdDsa(pair) => Ok(pair.public_key().to_pem()),
            Pair::Es256(pair) => pair.public_key().to_pem().map_err(failed),
            Pair::Es384(pair) => pair.public_key().to_pem().map_err(failed),
            Pair::Ps256(pair) => pair.public_key().to_pem().map_err(failed),
            Pair::Rs256(pair) => pair.public_key().to_pem().map_err(failed),
        }
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.pair {
            Pair::EdDsa(_) => Algorithm::EdDsa,
            Pair::Es256(_) => Algorithm::Es256,
            Pair::Es384(_) => Algorithm::Es384,
            Pair::Ps256(_) => Algorithm::Ps256,
            Pair::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// The key id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK (RFC 7517) with `kid`, `alg` and the `use` of the profile.
    pub fn jwk(&self, profile: Profile) -> Result<Value, MintError> {
        let text = match &self.pair {
            Pair::EdDsa(pair) => pair.public_key().with_key_id(&self.kid).to_jwk(),
            Pair::Es256(pair) => pair.public_key().with_key_id(&self.kid).to_jwk(),
            Pair::Es384(pair) => pair.public_key().with_key_id(&self.kid).to_jwk(),
            Pair::Ps256(pair) => pair.public_key().with_key_id(&self.kid).to_jwk(),
            Pair::Rs256(pair) => pair.public_key().with_key_id(&self.kid).to_jwk(),
        };
        let mut jwk: Value = serde_json::from_str(&text).map_err(|error| self.algorithm().error(error))?;
        if let Some(members) = jwk.as_object_mut() {
            members.insert("use".to_owned(), Value::from(profile.key_use()));
        }
        Ok(jwk)
    }

    /// The JWS signature (RFC 7518 section 3) over `message`.
    pub fn signature(&self, message: &[u8]) -> Result<Vec<u8>, MintError> {
        match &self.pair {
            Pair::EdDsa(pair) => Ok(pair.key_pair().as_ref().sk.sign(message, None).to_vec()),
            // "Recoverable" is beside the point: it is how this type signs without further traits.
            Pair::Es256(pair) => Ok(pair.key_pair().as_ref().sign_recoverable(message).0.to_bytes().to_vec()),
            Pair::Es384(pair) => Ok(pair.key_pair().as_ref().sign_recoverable(message).0.to_bytes().to_vec()),
            Pair::Ps256(pair) => {
                rsa_signature(pair, message).map_err(|reason| self.algorithm().error(reason))
            }
            Pair::Rs256(pair) => {
                rsa_signature(pair, message).map_err(|reason| self.algorithm().error(reason))
            }
        }
    }

    fn of(pair: Pair) -> Self {
        let kid = match &pair {
            Pair::EdDsa(pair) => pair.jwk_thumbprint(),
            Pair::Es256(pair) => pair.jwk_thumbprint(),
            Pair::Es384(pair) => pair.jwk_thumbprint(),
            Pair::Ps256(pair) => pair.jwk_thumbprint(),
            Pair::Rs256(pair) => pair.jwk_thumbprint(),
        };
        Self { pair, kid }
    }
}

/// As jwt-simple signs, over bytes instead of claims.
fn rsa_signature<K: RSAKeyPairLike>(pair: &K, message: &[u8]) -> Result<Vec<u8>, String> {
    let key = PKey::from_rsa(pair.key_pair().as_ref().clone()).map_err(|error| error.to_string())?;
    let mut signer = Signer::new(K::hash(), &key).map_err(|error| error.to_string())?;
    signer.set_rsa_padding(pair.padding_scheme()).map_err(|error| error.to_string())?;
    signer.update(message).map_err(|error| error.to_string())?;
    signer.sign_to_vec().map_err(|error| error.to_string())
}
