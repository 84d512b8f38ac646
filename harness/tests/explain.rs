//! `actgate explain` as its users run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

const ALICE: [&str; 4] = ["--subject", "alice@demo", "--actor", "spiffe://demo/agent/coder"];

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn explain(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .current_dir(folder)
        .env_remove("ACTGATE_CONFIG")
        .arg("explain")
        .args(arguments)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(arguments: &[&str]) -> Value {
    let ran = explain(&root(), &[arguments, &["--format", "json"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let mut told: Value = serde_json::from_str(&ran.out).unwrap();
    told[0].take()
}

#[test]
fn a_hold_names_its_policy_its_values_and_who_can_lift_it() {
    let target = "/secrets/v1/kv/prod/db";
    let ran = explain(
        &root(),
        &[&["policies/secrets", target, "--at", "2026-01-01T00:00:00Z"], &ALICE[..]].concat(),
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let expected = "\
request   GET /secrets/v1/kv/prod/db
service   secrets
caller    demo/alice@demo through demo/spiffe://demo/agent/coder; issuer `demo`, expires in 300 s
route     GET /v1/kv/{path...}  policies/secrets/catalog.yaml:7:5
call      secrets.read Secrets::Secret::\"kv/prod/db\"
          in Secrets::Folder::\"kv/prod\", Secrets::Folder::\"kv\"
policies  for the subject User::\"demo/alice@demo\"
            forbids  secrets.prod-needs-security  policies/secrets/approvals.cedar:3:1  <- decides
                     unless { context.approvals.contains(\"security\") } is false
                     context.approvals = []
            permits  secrets.developers-read-prod  policies/secrets/people.cedar:12:1
policies  for the actor Agent::\"demo/spiffe://demo/agent/coder\"
            permits  secrets.coders-read-prod  policies/secrets/agents.cedar:11:1
            forbids  secrets.prod-needs-security  policies/secrets/approvals.cedar:3:1  <- decides
                     unless { context.approvals.contains(\"security\") } is false
                     context.approvals = []
decision  hold at stage `policy`: approval_required (403)
";
    assert!(ran.out.starts_with(expected), "{}", ran.out);
    assert!(ran.out.ends_with("\napproval  by security lets it through\n"), "{}", ran.out);
}

#[test]
fn a_refusal_says_at_which_stage() {
    let secret = "/secrets/v1/kv/dev/db";
    for (arguments, stage, reason) in [
        (&["/secrets/v1/kv/../x"][..], "head", "path_not_canonical"),
        (&["/nowhere"], "service", "route_unknown"),
        (&[secret], "token", "token_missing"),
        (&[secret, "-H", "Authorization: Bearer x.y.z"], "token", "token_malformed"),
        (&[&["/secrets/v1/sys/seal"], &ALICE[..]].concat(), "route", "route_unknown"),
        (&[&[secret, "-X", "GET", "-d", "x"], &ALICE[..]].concat(), "route", "body_not_allowed"),
        (&[&[secret, "--scope", "secrets.write"], &ALICE[..]].concat(), "scope", "scope_insufficient"),
        (&[&[secret, "-X", "DELETE"], &ALICE[..]].concat(), "policy", "policy_denied"),
    ] {
        let told = json(&[&["policies/secrets"], arguments].concat());
        assert_eq!(
            (told["stage"].as_str(), told["reason"].as_str()),
            (Some(stage), Some(reason)),
            "{arguments:?}"
        );
        assert_eq!(told["decision"], "deny");
    }
}

#[test]
fn a_case_is_explained_at_its_own_time() {
    let told = json(&["policies/deploy", "policies/deploy/cases/deploy-production-with-ticket.yaml"]);
    assert_eq!(told["decision"], "hold");
    assert_eq!(told["approval"], json!({ "groups": ["release-managers"], "helps": true }));
    assert_eq!(told["caller"]["claims"]["ticket"].as_str().map(str::is_empty), Some(false));
    let candidates = told["hearings"][0]["candidates"].as_array().unwrap();
    let of = |id: &str| candidates.iter().find(|candidate| candidate["policy"] == id).unwrap();
    let ticket = of("deploy.production-needs-ticket");
    assert_eq!(
        (&ticket["applies"], &ticket["values"]["context.claims has ticket"]),
        (&json!(false), &json!("true"))
    );
    assert_eq!(of("deploy.production-needs-release-managers")["decides"], json!(true));
}

#[test]
fn a_pasted_token_is_held_against_the_real_keys() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explain-real");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let good = root().join("harness/tests/good");
    assert!(Command::new("cp").arg("-r").arg(good).arg(folder.join("good")).status().unwrap().success());
    fs::remove_dir_all(folder.join("good/keys")).unwrap();
    let mint = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_actgate"))
            .current_dir(&folder)
            .args(["mint"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    mint(&["init", "--config", "good/actgate.yaml"]);
    let token = mint(&[&["--config", "good/actgate.yaml"], &ALICE[..]].concat());
    let bearer = format!("Authorization: Bearer {token}");
    let asked = ["good/actgate.yaml", "http://gateway.example/notes/drafts/a", "-H", &bearer];
    let ran = explain(&folder, &asked);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("good/packs/notes/policies.cedar:1:1\n"), "{}", ran.out);
    // The subject may, and the agent has no right of its own.
    assert!(ran.out.contains("no policy permits `demo/spiffe://demo/agent/coder`"), "{}", ran.out);
    assert!(!ran.out.contains(&token));
    let late = explain(&folder, &[&asked[..], &["--at", "2099-01-01T00:00:00Z"]].concat());
    assert!(late.out.contains("deny at stage `token`: token_expired (401)"), "{}", late.out);
}

#[test]
fn what_cannot_be_asked_is_bad_input() {
    let folder = root();
    let case = "policies/git/cases/push-main.yaml";
    for (arguments, says) in [
        (&["policies/nowhere", "/x"][..], "no such file"),
        (&["policies/git", "nowhere.yaml"], "nowhere.yaml: error: no such file"),
        (&["policies/git", case, "--subject", "alice@demo"], "as it is written there"),
        (&["policies/git", "/x", "--actor", "a"], "--subject"),
        (&["policies/git", "/x", "--at", "noon"], "is no time"),
        (&["policies/git", "/x", "--subject", "a", "--issuer", "dmo"], "did you mean `demo`?"),
        (&["policies/git", "/x y"], "does not fit into a request line"),
    ] {
        let ran = explain(&folder, arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?} {}", ran.err);
        assert!(ran.err.contains(says), "{arguments:?} {}", ran.err);
    }
}
