//! Development keys and tokens: what an issuer would do, for laptops, demos and tests.
//!
//! [`TokenSpec`] describes a token, a [`TokenKey`] signs it, and [`Tamper`] breaks it on purpose, so that a
//! test of a refusal differs from a good token in exactly one thing. The cryptography is jwt-simple's; the
//! JSON around it is written here, because hostile tokens need headers that no library writes.

mod issuers;
mod key;
mod proof;
mod signing;
mod store;
mod tamper;
mod token;

use std::path::PathBuf;

pub use issuers::{Issuer, issuers};
pub use key::{Algorithm, TokenKey};
pub use proof::ProofSpec;
pub use signing::sign;
pub use store::{KeyStore, Stored};
pub use tamper::Tamper;
pub use token::{Actor, Profile, TokenSpec, random_token_id};

/// Why there is no key or token.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// No algorithm that tokens are signed with here.
    #[error("algorithm `{0}` is not one of EdDSA, ES256, ES384, RS256, PS256")]
    AlgorithmUnknown(String),
    /// A file of the key store could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The issuer's key set exists and none of its keys is ours: it is somebody's real one.
    #[error("{0} holds keys that were not made here; it stays as it is")]
    KeySetForeign(PathBuf),
    /// The issuer's key set is no JWKS.
    #[error("{path} is no key set: {reason}")]
    KeySetInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key set is not a local file, so its private keys are elsewhere.
    #[error("issuer `{0}` has its keys elsewhere: `jwks` is not the path of a file")]
    KeySetRemote(String),
    /// A private key could not be made, read or used.
    #[error("{algorithm} key: {reason}")]
    Key {
        /// The algorithm.
        algorithm: Algorithm,
        /// What jwt-simple says.
        reason: String,
    },
    /// A tampering that this token cannot undergo.
    #[error("cannot tamper so: {0}")]
    Tamper(&'static str),
}

// === impl MintError ===

impl MintError {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnknown(_) => "algorithm_unknown",
            Self::File { .. } => "file",
            Self::KeySetForeign(_) => "key_set_foreign",
            Self::KeySetInvalid { .. } => "key_set_invalid",
            Self::KeySetRemote(_) => "key_set_remote",
            Self::Key { .. } => "key",
            Self::Tamper(_) => "tamper",
        }
    }
}

#[cfg(test)]
mod tests;
