//! What only its holder may know: made at random, kept as a hash, compared in constant time.

use std::{
    fmt, fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Beyond guessing.
const SECRET_BYTES: usize = 32;

/// A gateway's bearer, a session's cookie or a terminal's token.
#[derive(Clone)]
pub struct Secret(String);

/// What is kept of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

// === impl Secret ===

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The one that somebody presents.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// To hand it to its holder.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// To keep or compare it. `purpose` keeps the hashes of one secret apart.
    pub fn hash(&self, purpose: &str) -> SecretHash {
        let mut hash = Sha256::new();
        hash.update(purpose.as_bytes());
        hash.update(b"\0");
        hash.update(self.0.as_bytes());
        SecretHash(hash.finalize().into())
    }

    /// Reads one from a file; where there is none, makes one that only this user can read.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds too little to be a secret.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) if text.trim().len() >= SECRET_BYTES => Ok(Self(text.trim().to_owned())),
            Ok(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "fewer than 32 characters are no secret"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Self::random().map_err(io::Error::other)?;
                // Without a line's end: proxies send what is in the file, byte for byte.
                write_private(path, made.0.as_bytes())?;
                Ok(made)
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

// === impl SecretHash ===

impl SecretHash {
    /// Whether both are of one secret, in a time that does not tell where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// Writes a new file that only this user can read, in a folder that is made where it is missing. Never replaces one.
///
/// # Errors
/// It is there already, or cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_made_once_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/gateway.token");
        let made = Secret::in_file(&path).unwrap();
        let read = Secret::in_file(&path).unwrap();
        assert_eq!(made.reveal(), read.reveal());
        assert_eq!(fs::read_to_string(&path).unwrap(), made.reveal());
        assert!(made.hash("a").matches(&read.hash("a")) && !made.hash("a").matches(&read.hash("b")));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_short_or_empty_file_is_no_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        Secret::in_file(file.path()).unwrap_err();
        fs::write(file.path(), "changeme").unwrap();
        Secret::in_file(file.path()).unwrap_err();
    }
}
