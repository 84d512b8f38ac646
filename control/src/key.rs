//! Keys that this service signs with: one for grants, one for checkpoints of the ledger, so that neither can be taken for the
//! other.

use std::{fmt, fs, io, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_compact::{KeyPair, PublicKey, Seed};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::secret::write_private;

/// An Ed25519 key.
pub struct SigningKey {
    pair: KeyPair,
    id: String,
}

// === impl SigningKey ===

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut seed = [0_u8; Seed::BYTES];
        getrandom::fill(&mut seed)?;
        Ok(Self::of(KeyPair::from_seed(Seed::new(seed))))
    }

    /// Reads the key (PKCS #8, PEM) from a file; where there is none, makes one that only this user can read.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no Ed25519 key.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(pem) => match KeyPair::from_pem(&pem) {
                Ok(pair) => Ok(Self::of(pair)),
                Err(_) => {
                    Err(io::Error::new(io::ErrorKind::InvalidData, "it is no Ed25519 key (PKCS #8, PEM)"))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Self::random().map_err(io::Error::other)?;
                write_private(path, made.pair.to_pem().as_bytes())?;
                Ok(made)
            }
            Err(error) => Err(error),
        }
    }

    fn of(pair: KeyPair) -> Self {
        let id = thumbprint(&pair.pk);
        Self { pair, id }
    }

    /// The public half.
    pub fn public_jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.pk.as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.id, "x": x })
    }

    /// Signs claims as a compact JWS of a type.
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "typ": typ, "kid": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sk.sign(&signed, None);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// RFC 7638, over the members that RFC 8037 section 2 names.
fn thumbprint(key: &PublicKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_ref());
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}
