//! An issuer's public keys (RFC 7517), each pinned to one algorithm.

use std::fmt;
use std::sync::Arc;

use jwt_simple::prelude::{ES256PublicKey, ES384PublicKey, Ed25519PublicKey, PS256PublicKey, RS256PublicKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::json;
use crate::jws::decode;

#[cfg(test)]
mod tests;

/// Largest JWK set that is read: 64 RSA-4096 keys with a certificate chain each fit.
const MAX_SET_BYTES: usize = 512 * 1024;

/// Most keys in a set. Public issuers publish 2 to 10 and rotate daily at most; a flood of keys would make every
/// look-up slow.
const MAX_KEYS: usize = 64;

/// The usable keys of one issuer; there is at least one.
#[derive(Clone)]
pub struct KeySet {
    keys: Arc<[VerifyingKey]>,
}

/// A public key that is used with exactly one algorithm (RFC 8725 section 3.1).
pub struct VerifyingKey {
    id: Option<String>,
    algorithm: Algorithm,
    purpose: Purpose,
    // The public octets, to tell two keys apart.
    octets: Vec<u8>,
    material: Material,
}

/// The key in the form that jwt-simple verifies with; its variant is the pinned algorithm.
pub(crate) enum Material {
    EdDsa(Ed25519PublicKey),
    Es256(ES256PublicKey),
    Es384(ES384PublicKey),
    Ps256(PS256PublicKey),
    Rs256(RS256PublicKey),
}

/// What the JWK's `use` says the key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// No `use`.
    Any,
    /// `sig`.
    Signature,
    /// `jwt-svid`, in SPIFFE bundles.
    JwtSvid,
}

/// A JWK that was left out, so that it does not spoil the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Position in `keys`.
    pub index: usize,
    /// Its `kid`, if one could be read.
    pub key_id: Option<String>,
    /// Why.
    pub reason: SkipReason,
}

/// Why a JWK is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// `alg` is not one that may be used.
    #[error("`alg` is not an algorithm that may be used")]
    Algorithm,
    /// `crv` is not one that may be used, or not the one of `alg`.
    #[error("`crv` is unknown or does not belong to `alg`")]
    Curve,
    /// The same key again.
    #[error("the same key again")]
    Duplicate,
    /// `kty` is unknown or does not belong to `alg`.
    #[error("`kty` is unknown or does not belong to `alg`")]
    KeyType,
    /// Not a JSON object with the members that its key type needs, or with some twice.
    #[error("not a JWK: a member is missing, duplicate or malformed")]
    Malformed,
    /// `key_ops` without `verify`.
    #[error("`key_ops` does not allow to verify")]
    Operations,
    /// A private key: whoever read the set can sign with it.
    #[error("a private key: whoever read it can sign")]
    Private,
    /// A symmetric key (`oct`): who can verify with it can also sign.
    #[error("a symmetric key (`oct`)")]
    Symmetric,
    /// `use` is neither `sig` nor `jwt-svid`.
    #[error("`use` is not for signatures")]
    Use,
    /// An RSA modulus under 2048 or over 4096 bits, an exponent other than 65537, or a point that is not on the
    /// curve or of small order.
    #[error("weak or invalid key material")]
    Weak,
}

/// Why a JWK set cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Two different keys have the same `kid`.
    #[error("two different keys have the `kid` `{key_id}`")]
    DuplicateKeyId {
        /// The `kid`.
        key_id: String,
    },
    /// Not a JSON object with an array `keys`.
    #[error("not a JWK set: {problem}")]
    Malformed {
        /// What the JSON reader says.
        problem: String,
    },
    /// No key that could verify anything.
    #[error("no usable key among {} in the set", skipped.len())]
    NoUsableKey {
        /// Every key of the set and why it is of no use.
        skipped: Vec<SkippedKey>,
    },
    /// More bytes than a set may have.
    #[error("a JWK set of {bytes} bytes; at most {MAX_SET_BYTES} are read")]
    TooLarge {
        /// Size of the set.
        bytes: usize,
    },
    /// More keys than a set may have.
    #[error("a JWK set of {count} keys; at most {MAX_KEYS} are read")]
    TooManyKeys {
        /// Number of keys.
        count: usize,
    },
}

/// Why no key was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The key is there and pinned to another algorithm.
    Pinned,
    /// No such key, or no single one.
    Unknown,
}

/// The set as it is written, its keys unread: each is judged alone.
#[derive(Deserialize)]
struct RawSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

// === impl KeySet ===

impl KeySet {
    /// Reads a JWK set and says which of its keys were left out.
    pub fn parse(json: &str) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        if json.len() > MAX_SET_BYTES {
            return Err(KeySetError::TooLarge { bytes: json.len() });
        }
        let set: RawSet<'_> = serde_json::from_str(json)
            .map_err(|error| KeySetError::Malformed { problem: error.to_string() })?;
        if set.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys { count: set.keys.len() });
        }

        let mut keys: Vec<VerifyingKey> = Vec::with_capacity(set.keys.len());
        let mut skipped = Vec::new();
        for (index, raw) in set.keys.into_iter().enumerate() {
            let jwk = json::object(raw.get().as_bytes()).unwrap_or_default();
            let key = match VerifyingKey::parse(&jwk) {
                Ok(key) => key,
                Err(reason) => {
                    let key_id = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
                    skipped.push(SkippedKey { index, key_id, reason });
                    continue;
                }
            };
            match keys.iter().find(|other| other.id == key.id && other.id.is_some()) {
                Some(other) if !other.is_same(&key) => {
                    return Err(KeySetError::DuplicateKeyId { key_id: key.id.unwrap_or_default() });
                }
                Some(_) => {
                    skipped.push(SkippedKey { index, key_id: key.id, reason: SkipReason::Duplicate });
                }
                None => keys.push(key),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey { skipped });
        }
        Ok((Self { keys: keys.into() }, skipped))
    }

    /// The usable keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// The key for a token's header, among those that are `suitable`.
    ///
    /// Without a `kid` only a lone candidate is taken: trying one key after the other would let a sender choose.
    pub(crate) fn choose(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        suitable: impl Fn(&VerifyingKey) -> bool,
    ) -> Result<&VerifyingKey, NoKey> {
        let mut candidates = self.keys.iter().filter(|key| suitable(key));
        if let Some(key_id) = key_id {
            let key = candidates.find(|key| key.id.as_deref() == Some(key_id)).ok_or(NoKey::Unknown)?;
            return if key.algorithm == algorithm { Ok(key) } else { Err(NoKey::Pinned) };
        }
        let mut candidates = candidates.filter(|key| key.algorithm == algorithm);
        match (candidates.next(), candidates.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) | (None, _) => Err(NoKey::Unknown),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter()).finish()
    }
}

// === impl VerifyingKey ===

impl VerifyingKey {
    /// `kid`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The one algorithm that the key is used with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    fn is_same(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.purpose == other.purpose && self.octets == other.octets
    }

    fn parse(jwk: &Map<String, Value>) -> Result<Self, SkipReason> {
        let key_type = text(jwk, "kty")?.ok_or(SkipReason::Malformed)?;
        if key_type == "oct" {
            return Err(SkipReason::Symmetric);
        }
        // `d` is the private part of every asymmetric key type (RFC 7518 section 6, RFC 8037 section 2).
        if jwk.contains_key("d") {
            return Err(SkipReason::Private);
        }
        let id = text(jwk, "kid")?.map(str::to_owned);
        let purpose = match text(jwk, "use")? {
            None => Purpose::Any,
            Some("sig") => Purpose::Signature,
            Some("jwt-svid") => Purpose::JwtSvid,
            Some(_) => return Err(SkipReason::Use),
        };
        allows_verify(jwk)?;
        let algorithm = pinned_algorithm(jwk, key_type)?;
        let (octets, material) = match algorithm {
            Algorithm::EdDsa => {
                let octets = octets(jwk, "x")?;
                let key = Ed25519PublicKey::from_bytes(&octets).map_err(|_| SkipReason::Weak)?;
                (octets, Material::EdDsa(key))
            }
            Algorithm::Es256 => {
                let point = point(jwk, 32)?;
                let key = ES256PublicKey::from_bytes(&point).map_err(|_| SkipReason::Weak)?;
                (point, Material::Es256(key))
            }
            Algorithm::Es384 => {
                let point = point(jwk, 48)?;
                let key = ES384PublicKey::from_bytes(&point).map_err(|_| SkipReason::Weak)?;
                (point, Material::Es384(key))
            }
            Algorithm::Ps256 => {
                let (modulus, exponent) = (octets(jwk, "n")?, octets(jwk, "e")?);
                let key =
                    PS256PublicKey::from_components(&modulus, &exponent).map_err(|_| SkipReason::Weak)?;
                (modulus, Material::Ps256(key))
            }
            Algorithm::Rs256 => {
                let (modulus, exponent) = (octets(jwk, "n")?, octets(jwk, "e")?);
                let key =
                    RS256PublicKey::from_components(&modulus, &exponent).map_err(|_| SkipReason::Weak)?;
                (modulus, Material::Rs256(key))
            }
        };
        Ok(Self { id, algorithm, purpose, octets, material })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

// === impl SkipReason ===

impl SkipReason {
    /// The stable reason code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Algorithm => "jwk_algorithm_refused",
            Self::Curve => "jwk_curve_refused",
            Self::Duplicate => "jwk_duplicate",
            Self::KeyType => "jwk_type_refused",
            Self::Malformed => "jwk_malformed",
            Self::Operations => "jwk_operations_refused",
            Self::Private => "jwk_private",
            Self::Symmetric => "jwk_symmetric",
            Self::Use => "jwk_use_refused",
            Self::Weak => "jwk_weak",
        }
    }
}

// === impl KeySetError ===

impl KeySetError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateKeyId { .. } => "key_set_duplicate_key_id",
            Self::Malformed { .. } => "key_set_malformed",
            Self::NoUsableKey { .. } => "key_set_no_usable_key",
            Self::TooLarge { .. } => "key_set_too_large",
            Self::TooManyKeys { .. } => "key_set_too_many_keys",
        }
    }
}

/// The algorithm of `alg`; without it the one that the curve leaves, and RS256 for RSA, which is what issuers
/// that leave `alg` out sign with (Microsoft Entra and SPIRE among them).
fn pinned_algorithm(jwk: &Map<String, Value>, key_type: &str) -> Result<Algorithm, SkipReason> {
    let named = match text(jwk, "alg")? {
        None => None,
        Some(name) => Some(name.parse().map_err(|_| SkipReason::Algorithm)?),
    };
    let by_key = match (key_type, text(jwk, "crv")?) {
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("EC", Some("P-384")) => Algorithm::Es384,
        ("RSA", None) => match named {
            Some(Algorithm::Ps256) => Algorithm::Ps256,
            Some(Algorithm::Rs256) | None => Algorithm::Rs256,
            Some(Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384) => return Err(SkipReason::KeyType),
        },
        ("OKP" | "EC", Some(_)) => return Err(SkipReason::Curve),
        ("OKP" | "EC", None) | ("RSA", Some(_)) => return Err(SkipReason::Malformed),
        _ => return Err(SkipReason::KeyType),
    };
    match named {
        Some(named) if named != by_key => {
            let same_type = matches!(
                (key_type, named),
                ("EC", Algorithm::Es256 | Algorithm::Es384) | ("OKP", Algorithm::EdDsa)
            );
            Err(if same_type { SkipReason::Curve } else { SkipReason::KeyType })
        }
        Some(_) | None => Ok(by_key),
    }
}

fn allows_verify(jwk: &Map<String, Value>) -> Result<(), SkipReason> {
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(_) => Err(SkipReason::Operations),
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, SkipReason> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(SkipReason::Malformed),
    }
}

fn octets(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SkipReason> {
    text(jwk, name)?.and_then(decode).ok_or(SkipReason::Malformed)
}

/// The uncompressed point of SEC 1 section 2.3.3; both coordinates have the full size of the field (RFC 7518
/// section 6.2.1.2).
fn point(jwk: &Map<String, Value>, field_bytes: usize) -> Result<Vec<u8>, SkipReason> {
    let (x, y) = (octets(jwk, "x")?, octets(jwk, "y")?);
    if x.len() != field_bytes || y.len() != field_bytes {
        return Err(SkipReason::Malformed);
    }
    Ok([&[0x04], x.as_slice(), y.as_slice()].concat())
}
