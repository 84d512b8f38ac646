//! One public key as a JWK (RFC 7517), pinned to one algorithm.

use std::fmt;

use rsa::BoxedUint;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::jws::decode;
use crate::signature::ForeignKey;
use sha2::Sha256;

#[cfg(test)]
mod tests;

/// A public key that is used with exactly one algorithm (RFC 8725 section 3.1).
pub struct VerifyingKey {
    id: Option<String>,
    algorithm: Algorithm,
    purpose: Purpose,
    // The public octets, to tell two keys apart.
    octets: Vec<u8>,
    material: Material,
    foreign: Option<ForeignKey>,
}

/// The key in the form that it is verified with; its variant is the pinned algorithm.
pub(crate) enum Material {
    EdDsa(ed25519_dalek::VerifyingKey),
    Es256(p256::ecdsa::VerifyingKey),
    Es384(p384::ecdsa::VerifyingKey),
    Ps256(rsa::pss::VerifyingKey<Sha256>),
    Rs256(rsa::pkcs1v15::VerifyingKey<Sha256>),
}

/// Bits of the moduli that are used: below is weak (RFC 7518 section 3.3), above is work that a sender chooses.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// The exponent of every RSA key that is in use; smaller ones have been the way into bad paddings, larger ones are work.
const RSA_EXPONENT: u32 = 65_537;

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

/// Why a JWK is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// Another key of the set has the same `kid`.
    #[error("another key of the set has its `kid`")]
    Ambiguous,
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

    /// The public octets: point or modulus.
    #[cfg(test)]
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// The key in the form that the host verifies with, where it can.
    pub(crate) fn foreign(&self) -> Option<&ForeignKey> {
        self.foreign.as_ref()
    }

    /// Whether a token that the other has verified is verified by this one: the same key under the same name.
    pub(crate) fn is_interchangeable(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.id == other.id && self.is_same(other))
    }

    /// Whether it is the same key, for the same use.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.purpose == other.purpose && self.octets == other.octets
    }

    /// Reads the key that a JWS brings for itself, which is pinned to the algorithm that it is used with.
    pub(crate) fn parse_brought(jwk: &Map<String, Value>, algorithm: Algorithm) -> Result<Self, SkipReason> {
        let mut jwk = jwk.clone();
        jwk.entry("alg").or_insert_with(|| algorithm.name().into());
        let key = Self::parse(&jwk)?;
        if key.algorithm == algorithm { Ok(key) } else { Err(SkipReason::Algorithm) }
    }

    /// Reads a JWK, or says why it is of no use.
    pub(crate) fn parse(jwk: &Map<String, Value>) -> Result<Self, SkipReason> {
        let key_type = text(jwk, "kty")?.ok_or(SkipReason::Malformed)?;
        if key_type == "oct" {
            return Err(SkipReason::Symmetric);
        }
        // `d` is the private part of every asymmetric key type (RFC 7518 section 6, RFC 8037 section 2); the others say as
        // much of an RSA key.
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| jwk.contains_key(*name)) {
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
        let (material, octets) = match algorithm {
            Algorithm::EdDsa => {
                let octets = octets(jwk, "x")?;
                (edwards(&octets).map(Material::EdDsa).ok_or(SkipReason::Weak)?, octets)
            }
            Algorithm::Es256 => {
                let point = point(jwk, 32)?;
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| SkipReason::Weak)?;
                (Material::Es256(key), point)
            }
            Algorithm::Es384 => {
                let point = point(jwk, 48)?;
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| SkipReason::Weak)?;
                (Material::Es384(key), point)
            }
            Algorithm::Ps256 => {
                let (key, modulus) = rsa_key(jwk)?;
                (Material::Ps256(rsa::pss::VerifyingKey::new(key)), modulus)
            }
            Algorithm::Rs256 => {
                let (key, modulus) = rsa_key(jwk)?;
                (Material::Rs256(rsa::pkcs1v15::VerifyingKey::new(key)), modulus)
            }
        };
        let foreign = ForeignKey::of(&material);
        Ok(Self { id, algorithm, purpose, octets, material, foreign })
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
            Self::Ambiguous => "jwk_ambiguous",
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

/// An Ed25519 key in its one encoding, and not one of those few whose signatures anybody can make.
fn edwards(octets: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    let octets: &[u8; 32] = octets.try_into().ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(octets).ok()?;
    (!key.is_weak() && key.to_edwards().compress().as_bytes() == octets).then_some(key)
}

/// An RSA key and its modulus.
fn rsa_key(jwk: &Map<String, Value>) -> Result<(rsa::PublicKey, Vec<u8>), SkipReason> {
    let (modulus, exponent) = (octets(jwk, "n")?, octets(jwk, "e")?);
    let significant = |octets: &[u8]| {
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        octets.get(zeros..).unwrap_or_default().to_vec()
    };
    let (n, e) = (significant(&modulus), significant(&exponent));
    // As many octets as the largest modulus has, before anything is reckoned with them.
    if n.len() > 512 || e != RSA_EXPONENT.to_be_bytes()[1..] {
        return Err(SkipReason::Weak);
    }
    let last_is_odd = n.last().is_some_and(|octet| octet & 1 == 1);
    let n = BoxedUint::from_be_slice_vartime(&n);
    if !RSA_BITS.contains(&n.bit_width_vartime()) || !last_is_odd {
        return Err(SkipReason::Weak);
    }
    let key = rsa::PublicKey::new(n, BoxedUint::from(RSA_EXPONENT)).map_err(|_| SkipReason::Weak)?;
    Ok((key, modulus))
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
