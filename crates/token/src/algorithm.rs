//! The signature algorithms that may be used at all, by their JOSE names.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod tests;

/// A JWS algorithm that a key can be pinned to.
///
/// Only asymmetric algorithms exist here: `none` and the HMAC family have no variant, so that the two classic
/// confusions of RFC 8725 section 2.1 cannot be expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519: `EdDSA` (RFC 8037), or by its fully specified name `Ed25519` (RFC 9864).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// ECDSA on P-384 with SHA-384 (RFC 7518 section 3.4).
    Es384,
    /// RSASSA-PSS with SHA-256 (RFC 7518 section 3.5).
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256,
}

/// A name that is not one of the [`Algorithm`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signature algorithm that may be used; known are EdDSA, ES256, ES384, PS256, RS256")]
pub struct UnknownAlgorithm;

// === impl Algorithm ===

impl Algorithm {
    /// Every algorithm, in the order of their names.
    pub const ALL: [Self; 5] = [Self::EdDsa, Self::Es256, Self::Es384, Self::Ps256, Self::Rs256];

    /// The JOSE name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The JOSE name: what configuration and logs call the algorithm.
    pub const fn code(self) -> &'static str {
        self.name()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Exact case: JOSE names are case-sensitive, and `noNE` or `rs256` name nothing (RFC 8725bis section 3.1).
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "EdDSA" | "Ed25519" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            "ES384" => Ok(Self::Es384),
            "PS256" => Ok(Self::Ps256),
            "RS256" => Ok(Self::Rs256),
            _ => Err(UnknownAlgorithm),
        }
    }
}
