use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A folder of its own per test, below the build's own folder for such things.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("actgate-store-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn store(&self, algorithms: &[Algorithm]) -> KeyStore {
        KeyStore::of(&Issuer {
            alias: "demo".into(),
            issuer: "https://issuer.demo".into(),
            audiences: vec![],
            delegated: true,
            profile: Profile::AtJwt,
            algorithms: algorithms.to_vec(),
            key_set: Some(self.0.join("keys/demo.jwks.json")),
        })
        .unwrap()
    }

    fn key_ids(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.join("keys/demo.jwks.json")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let keys = value["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn keys_are_made_once_and_kept() {
    let folder = Folder::new("once");
    let store = folder.store(&[Algorithm::Es256]);
    let private = folder.0.join("keys/demo.key.pem");
    let public = folder.0.join("keys/demo.jwks.json");
    assert_eq!(store.init().unwrap(), [Stored::Wrote(private.clone()), Stored::Wrote(public.clone())]);
    assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    let key = store.preferred().unwrap();
    assert_eq!(folder.key_ids(), [key.kid()]);
    assert_eq!(store.init().unwrap(), [Stored::Kept(private), Stored::Kept(public)]);
    assert_eq!(store.preferred().unwrap().kid(), key.kid());
}

#[test]
fn a_further_algorithm_joins_the_key_set() {
    let folder = Folder::new("join");
    folder.store(&[Algorithm::Es256]).init().unwrap();
    let store = folder.store(&[Algorithm::EdDsa, Algorithm::Es256]);
    store.init().unwrap();
    let ids = folder.key_ids();
    assert_eq!(ids.len(), 2);
    assert_eq!(store.preferred().unwrap().algorithm(), Algorithm::EdDsa);
    assert!(folder.0.join("keys/demo.eddsa.key.pem").exists());
    assert!(ids.contains(&store.load(Algorithm::Es256).unwrap().kid().to_owned()));
}

#[test]
fn a_lost_key_set_is_written_again() {
    let folder = Folder::new("lost");
    let store = folder.store(&[Algorithm::Es256]);
    store.init().unwrap();
    let before = folder.key_ids();
    fs::remove_file(folder.0.join("keys/demo.jwks.json")).unwrap();
    store.init().unwrap();
    assert_eq!(folder.key_ids(), before);
}

#[test]
fn nobody_elses_key_set_is_touched() {
    let folder = Folder::new("foreign");
    fs::create_dir_all(folder.0.join("keys")).unwrap();
    let public = folder.0.join("keys/demo.jwks.json");
    let foreign =
        json!({"keys": [TokenKey::generate(Algorithm::Es256).unwrap().jwk(Profile::AtJwt).unwrap()]})
            .to_string();
    fs::write(&public, &foreign).unwrap();
    let store = folder.store(&[Algorithm::Es256]);
    assert_eq!(store.init().unwrap_err().code(), "key_set_foreign");
    assert!(!folder.0.join("keys/demo.key.pem").exists());
    // Not even with a private key of ours beside it, where the set does not hold its public half.
    let pem = TokenKey::generate(Algorithm::Es256).unwrap().to_pem().unwrap();
    fs::write(folder.0.join("keys/demo.key.pem"), pem).unwrap();
    assert_eq!(store.init().unwrap_err().code(), "key_set_foreign");
    assert_eq!(fs::read_to_string(&public).unwrap(), foreign);
}

#[test]
fn what_cannot_be_read_says_which_file() {
    let folder = Folder::new("unreadable");
    let store = folder.store(&[Algorithm::Es256]);
    let error = store.preferred().unwrap_err();
    assert_eq!(error.code(), "file");
    assert!(error.to_string().contains("demo.key.pem"), "{error}");
    fs::create_dir_all(folder.0.join("keys")).unwrap();
    fs::write(folder.0.join("keys/demo.jwks.json"), "{}").unwrap();
    assert_eq!(store.init().unwrap_err().code(), "key_set_invalid");
}
