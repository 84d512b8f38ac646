//! `actgate grant verify`, as people run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};

const ISSUED: i64 = 1_790_000_000;

/// The approval service's key, as the service would have it.
fn pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([7; Seed::BYTES]))
}

fn jwk(pair: &KeyPair) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k", "x": URL_SAFE_NO_PAD.encode(pair.pk.as_ref()) })
}

fn claims() -> Value {
    json!({
        "iss": "https://control.demo", "aud": "actgate-demo", "iat": ISSUED, "exp": ISSUED + 30, "jti": "j",
        "digest": "sha-256:d", "claim": "c", "approval": "a", "sub": "demo/alice@demo",
        "act": { "sub": "demo/spiffe://demo/agent/coder" },
        "groups": ["release-managers"], "approvers": ["demo/bob@demo"],
    })
}

fn sign(typ: &str, claims: &Value, pair: &KeyPair) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "EdDSA", "typ": typ, "kid": "k" })), part(claims));
    let signature = pair.sk.sign(&signed, None);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn grant() -> String {
    sign("actgate-grant+jwt", &claims(), &pair())
}

fn verify(folder: &Path, grant: &str, arguments: &[&str]) -> (i32, String, String) {
    let keys = folder.join("keys.json");
    fs::write(&keys, json!({ "keys": [jwk(&pair())] }).to_string()).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(["grant", "verify", "-", "--key"])
        .arg(&keys)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    run.stdin.take().unwrap().write_all(grant.as_bytes()).unwrap();
    let output = run.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a gateway would compare, at the time of the grant.
const ALL: [&str; 14] = [
    "--at",
    "2026-09-21T14:13:21Z",
    "--issuer",
    "https://control.demo",
    "--audience",
    "actgate-demo",
    "--digest",
    "sha-256:d",
    "--claim",
    "c",
    "--subject",
    "demo/alice@demo",
    "--actor",
    "demo/spiffe://demo/agent/coder",
];

#[test]
fn a_grant_holds_for_what_it_says_and_what_was_not_compared_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = verify(folder.path(), &grant(), &ALL);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("the grant holds\n") && out.contains("demo/bob@demo"), "{out}");
    assert!(!out.contains("not compared"), "{out}");

    let (code, out, _) =
        verify(folder.path(), &grant(), &["--at", "1790000001", "--digest", "sha-256:d", "--format", "json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["holds"], &shown["claims"]), (0, &json!(true), &claims()));
    assert_eq!(shown["not_compared"], json!(["issuer", "audience", "claim", "subject", "actor"]));
}

#[test]
fn whatever_differs_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    for at in (1..ALL.len()).step_by(2) {
        let mut other = ALL;
        other[at] = if at == 1 { "2026-09-21T14:14:00Z" } else { "other" };
        let (code, out, _) = verify(folder.path(), &grant(), &other);
        assert_eq!(code, 1, "{}: {out}", other[at - 1]);
        assert!(out.starts_with("the grant does not hold: ") && !out.contains("demo/"), "{out}");
    }
    let own = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let mut altered = grant().into_bytes();
    *altered.last_mut().unwrap() ^= 1;
    let foreign = KeyPair::from_seed(Seed::new([8; Seed::BYTES]));
    for (what, grant) in [
        ("altered", String::from_utf8(altered).unwrap()),
        ("another key's", sign("actgate-grant+jwt", &claims(), &foreign)),
        ("another type", sign("at+jwt", &claims(), &pair())),
        (
            "approved by its subject",
            sign("actgate-grant+jwt", &own("approvers", json!(["demo/alice@demo"])), &pair()),
        ),
        ("approved by nobody", sign("actgate-grant+jwt", &own("approvers", json!([])), &pair())),
        ("long-lived", sign("actgate-grant+jwt", &own("exp", json!(ISSUED + 3600)), &pair())),
        ("no JWS", "grant".to_owned()),
    ] {
        let (code, out, _) = verify(folder.path(), &grant, &["--at", "1790000001", "--format", "json"]);
        let shown: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &shown["holds"]), (1, &json!(false)), "{what}");
        assert!(shown.get("claims").is_none(), "{what}");
    }
    // Long over.
    assert_eq!(verify(folder.path(), &grant(), &[]).0, 1);
}

#[test]
fn without_a_grant_or_a_key_nothing_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(verify(folder.path(), " \n", &ALL).0, 2);
    assert_eq!(verify(folder.path(), &grant(), &["--at", "yesterday"]).0, 2);
    let run = |key: &Value| {
        let (file, token) = (folder.path().join("key"), folder.path().join("grant"));
        fs::write(&file, key.to_string()).unwrap();
        fs::write(&token, grant()).unwrap();
        let command = &mut Command::new(env!("CARGO_BIN_EXE_actgate"));
        command.args(["grant", "verify", "--at", "1790000001"]).arg(&token).arg("--key").arg(&file);
        command.output().unwrap().status.code().unwrap()
    };
    // One key is a set of one.
    assert_eq!(run(&jwk(&pair())), 0);
    let mut private = jwk(&pair());
    private["d"] = json!(URL_SAFE_NO_PAD.encode([7; 32]));
    for bad in [json!({}), json!({ "keys": [] }), json!([]), private] {
        assert_eq!(run(&bad), 2, "{bad}");
    }
}
