//! Development keys on disk: `<alias>.key.pem` (mode 0600) beside the key set that the configuration names.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Algorithm, Issuer, MintError, Profile, TokenKey};

/// One issuer's keys.
#[derive(Debug, Clone)]
pub struct KeyStore {
    alias: String,
    algorithms: Vec<Algorithm>,
    profile: Profile,
    key_set: PathBuf,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It was missing or incomplete, and is now as it should be.
    Wrote(PathBuf),
    /// It was there.
    Kept(PathBuf),
}

// === impl KeyStore ===

impl KeyStore {
    /// The store of an issuer whose key set is a file.
    pub fn of(issuer: &Issuer) -> Result<Self, MintError> {
        let key_set = issuer.key_set.clone().ok_or_else(|| MintError::KeySetRemote(issuer.alias.clone()))?;
        let Issuer { alias, algorithms, profile, .. } = issuer.clone();
        Ok(Self { alias, algorithms, profile, key_set })
    }

    /// Makes what is missing: a private key per algorithm, and their public halves in the key set.
    pub fn init(&self) -> Result<Vec<Stored>, MintError> {
        let there = self.key_set_there()?;
        if there.is_some() && !self.algorithms.iter().any(|algorithm| self.private(*algorithm).exists()) {
            // Somebody else's key set: a key of ours in it would be a back door.
            return Err(MintError::KeySetForeign(self.key_set.clone()));
        }
        if let Some(folder) = self.key_set.parent() {
            let mut builder = fs::DirBuilder::new();
            let made = builder.recursive(true).mode(0o700).create(folder);
            made.map_err(|source| file_error(folder, source))?;
        }
        let mut stored = Vec::new();
        let mut keys = there.clone().unwrap_or_default();
        let mut made = Vec::new();
        for algorithm in &self.algorithms {
            let path = self.private(*algorithm);
            let key = if path.exists() {
                stored.push(Stored::Kept(path));
                self.load(*algorithm)?
            } else {
                let key = TokenKey::generate(*algorithm)?;
                write_private(&path, &key.to_pem()?)?;
                stored.push(Stored::Wrote(path));
                key
            };
            made.push(key.jwk(self.profile)?);
        }
        let known = |key: &Value| keys.iter().any(|there| there.get("kid") == key.get("kid"));
        if there.as_ref().is_some_and(|there| !there.is_empty()) && !made.iter().any(known) {
            return Err(MintError::KeySetForeign(self.key_set.clone()));
        }
        let missing: Vec<Value> = made.iter().filter(|key| !known(key)).cloned().collect();
        if missing.is_empty() {
            stored.push(Stored::Kept(self.key_set.clone()));
        } else {
            keys.extend(missing);
            replace(&self.key_set, &format!("{:#}\n", json!({ "keys": keys })))?;
            stored.push(Stored::Wrote(self.key_set.clone()));
        }
        Ok(stored)
    }

    /// The key that tokens are signed with unless another algorithm is asked for.
    pub fn preferred(&self) -> Result<TokenKey, MintError> {
        self.load(self.algorithms.first().copied().unwrap_or(Algorithm::Es256))
    }

    /// The private key for an algorithm.
    pub fn load(&self, algorithm: Algorithm) -> Result<TokenKey, MintError> {
        let path = self.private(algorithm);
        let pem = fs::read_to_string(&path).map_err(|source| file_error(&path, source))?;
        TokenKey::from_pem(algorithm, &pem)
    }

    /// `<alias>.key.pem`; an algorithm other than ES256 stands in the name, so that each has its own file.
    fn private(&self, algorithm: Algorithm) -> PathBuf {
        let name = match algorithm {
            Algorithm::Es256 => format!("{}.key.pem", self.alias),
            Algorithm::EdDsa | Algorithm::Es384 | Algorithm::Ps256 | Algorithm::Rs256 => {
                format!("{}.{}.key.pem", self.alias, algorithm.name().to_lowercase())
            }
        };
        self.key_set.with_file_name(name)
    }

    fn key_set_there(&self) -> Result<Option<Vec<Value>>, MintError> {
        let invalid =
            |reason: &str| MintError::KeySetInvalid { path: self.key_set.clone(), reason: reason.to_owned() };
        let text = match fs::read_to_string(&self.key_set) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(file_error(&self.key_set, source)),
        };
        let value: Value = serde_json::from_str(&text).map_err(|error| invalid(&error.to_string()))?;
        let keys = value.get("keys").and_then(Value::as_array);
        keys.cloned().map(Some).ok_or_else(|| invalid("there is no list `keys`"))
    }
}

impl TokenKey {
    /// The private key in a file of its own.
    ///
    /// # Errors
    /// The file is not there, or no such key.
    pub fn read(path: &Path, algorithm: Algorithm) -> Result<Self, MintError> {
        let pem = fs::read_to_string(path).map_err(|source| file_error(path, source))?;
        Self::from_pem(algorithm, &pem)
    }

    /// The same; where the file is missing, it is made.
    ///
    /// # Errors
    /// The file can be neither read nor made.
    pub fn read_or_make(path: &Path, algorithm: Algorithm) -> Result<Self, MintError> {
        if path.exists() {
            return Self::read(path, algorithm);
        }
        let key = Self::generate(algorithm)?;
        write_private(path, &key.to_pem()?)?;
        Ok(key)
    }
}

/// Readable by nobody else from the first moment on; never over a file that is there.
fn write_private(path: &Path, pem: &str) -> Result<(), MintError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(pem.as_bytes()));
    written.map_err(|source| file_error(path, source))
}

/// At once or not at all: a gateway may be reading it.
fn replace(path: &Path, text: &str) -> Result<(), MintError> {
    let fresh = path.with_extension("json.new");
    let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, path));
    written.map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: io::Error) -> MintError {
    MintError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
