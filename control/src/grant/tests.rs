use actgate_token::{GrantBinding, GrantVerifier, KeySet, PureRust, UnixTime};

use std::fs;

use super::*;

const NOW: i64 = 1_800_000_000;

fn signed(key: &GrantKey) -> String {
    key.sign(&GrantClaims {
        id: "j1",
        issuer: "https://control.demo",
        audience: "gateway-demo",
        issued: NOW,
        digest: "sha-256:abc",
        claim: "c1",
        approval: "a1",
        subject: "demo/alice@demo",
        actor: "demo/spiffe://demo/agent/coder",
        groups: &["release-managers".to_owned()],
        approvers: &["demo/bob@demo".to_owned()],
    })
}

fn verifier(key: &GrantKey) -> GrantVerifier {
    let set = json!({ "keys": [key.public_jwk()] }).to_string();
    let (keys, _) = KeySet::parse(&set).unwrap();
    GrantVerifier { issuer: "https://control.demo".to_owned(), audience: "gateway-demo".to_owned(), keys }
}

const BINDING: GrantBinding<'_> = GrantBinding {
    digest: "sha-256:abc",
    claim: "c1",
    subject: "demo/alice@demo",
    actor: "demo/spiffe://demo/agent/coder",
};

#[test]
fn the_gate_takes_what_is_signed_here() {
    let key = GrantKey::random().unwrap();
    let grant =
        verifier(&key).verify(&PureRust, signed(&key).as_bytes(), BINDING, UnixTime::new(NOW)).unwrap();
    assert_eq!((grant.approval(), grant.groups()), ("a1", ["release-managers".to_owned()].as_slice()));
}

#[test]
fn the_gate_takes_no_other_keys_grant() {
    let (key, other) = (GrantKey::random().unwrap(), GrantKey::random().unwrap());
    verifier(&key).verify(&PureRust, signed(&other).as_bytes(), BINDING, UnixTime::new(NOW)).unwrap_err();
}

#[test]
fn a_key_file_is_made_once_and_read_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grant-key.pem");
    let made = GrantKey::in_file(&path).unwrap();
    assert_eq!(GrantKey::in_file(&path).unwrap().public_jwk(), made.public_jwk());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&path, "not a key").unwrap();
    GrantKey::in_file(&path).unwrap_err();
}
