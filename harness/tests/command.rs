//! The command as its users run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use actgate_authz::{Authorizer, BundleDocument};
use serde_json::{Value, json};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A folder of this test alone, with a copy of a folder of the repository in it.
fn folder(name: &str, copies: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in copies {
        let target = folder.join(Path::new(part).file_name().unwrap());
        let copied = Command::new("cp").arg("-r").arg(root.join(part)).arg(target).status().unwrap();
        assert!(copied.success());
    }
    folder
}

fn actgate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_actgate"));
    command.current_dir(folder).env_remove("ACTGATE_CONFIG");
    command
}

fn output(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    output(actgate(folder).args(arguments))
}

fn edit(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(path, text.replace(old, new)).unwrap();
}

#[test]
fn check_says_what_it_checked() {
    let folder = folder("check", &["harness/tests/good"]);
    let ran = run(&folder, &["check", "good/actgate.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "good/actgate.yaml: 1 issuer, 1 service, 2 routes, 3 policies, 2 entities\n\
         good/envoy.yaml: 1 connection manager, 1 forwarding route\n"
    );
    let by_environment = output(actgate(&folder).env("ACTGATE_CONFIG", "good/actgate.yaml").arg("check"));
    assert_eq!(by_environment.out, ran.out);
}

#[test]
fn check_writes_findings_for_machines() {
    let folder = folder("json", &["harness/tests/good"]);
    let arguments = ["check", "good/actgate.yaml", "--format", "json"];
    assert_eq!(run(&folder, &arguments).out, "[]\n");
    edit(&folder.join("good/envoy.yaml"), "normalize_path: false", "normalize_path: true");
    let ran = run(&folder, &arguments);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(
        serde_json::from_str::<Value>(&ran.out).unwrap(),
        json!([{
            "file": "good/envoy.yaml",
            "line": 12,
            "column": 17,
            "severity": "error",
            "message": "`normalize_path` repairs paths before they are decided on",
            "help": "`normalize_path: false`",
        }])
    );
}

#[test]
fn warnings_alone_pass() {
    let folder = folder("warning", &["harness/tests/good"]);
    let config = folder.join("good/actgate.yaml");
    edit(
        &config,
        "approvals:",
        "  - {name: wiki, prefix: /wiki/, adapter: rest, pack: packs/notes}\n\napprovals:",
    );
    let ran = run(&folder, &["check", "good/actgate.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("warning: no Envoy route leads to service `wiki`"), "{}", ran.err);
    assert!(ran.err.ends_with("1 warning\n"), "{}", ran.err);
}

#[test]
fn a_route_without_policy_fails_a_strict_check() {
    let folder = folder("strict", &["harness/tests/good"]);
    assert_eq!(run(&folder, &["check", "good/actgate.yaml", "--strict"]).code, 0);
    // Nothing is left that speaks of reading.
    edit(&folder.join("good/packs/notes/policies.cedar"), "notes.read\"", "notes.write\"");
    let ran = run(&folder, &["check", "good/actgate.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let finding = "good/packs/notes/catalog.yaml:6:13: warning: no policy permits `notes.read` here";
    assert!(ran.err.starts_with(finding), "{}", ran.err);
    let ran = run(&folder, &["check", "good/actgate.yaml", "--strict"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with(&finding.replace("warning", "error")), "{}", ran.err);
    // What builds is what the plugin takes, and it takes this.
    assert_eq!(run(&folder, &["build", "good/actgate.yaml"]).code, 0);
}

#[test]
fn a_bundle_is_the_same_from_everywhere_and_loads() {
    let folder = folder("build", &["harness/tests/good"]);
    let ran = run(&folder, &["build", "good/actgate.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let from_inside = run(&folder.join("good"), &["build", "actgate.yaml", "--format", "json"]);
    assert_eq!(from_inside.out, ran.out);
    let absolute = run(Path::new("/"), &["build", folder.join("good/actgate.yaml").to_str().unwrap()]);
    assert_eq!(absolute.out, ran.out);

    assert_eq!(ran.out.lines().count(), 1);
    let bundle: BundleDocument = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(bundle.config.file, "actgate.yaml");
    assert_eq!(bundle.config.value["issuers"][0]["jwks"]["keys"][0]["alg"], "ES256");
    let pack = &bundle.packs["packs/notes"];
    assert_eq!(pack.catalog.file, "packs/notes/catalog.yaml");
    assert_eq!(pack.policies[0].file, "packs/notes/policies.cedar");
    let loaded = Authorizer::load(&bundle).unwrap();
    assert_eq!(loaded.summary.policies, 3);
}

#[test]
fn policies_come_in_the_order_of_their_names() {
    let folder = folder("order", &["harness/tests/good"]);
    for (name, id) in [("zz", "z"), ("aa", "a")] {
        let text = format!("@id(\"{id}\") permit (principal == User::\"x\", action, resource);\n");
        fs::write(folder.join(format!("good/packs/notes/{name}.cedar")), text).unwrap();
    }
    let bundle: BundleDocument =
        serde_json::from_str(&run(&folder, &["build", "good/actgate.yaml"]).out).unwrap();
    let files: Vec<&str> =
        bundle.packs["packs/notes"].policies.iter().map(|policy| policy.file.as_str()).collect();
    assert_eq!(files, ["packs/notes/aa.cedar", "packs/notes/policies.cedar", "packs/notes/zz.cedar",]);
}

#[test]
fn nothing_is_built_of_what_does_not_check() {
    let folder = folder("unbuilt", &["harness/tests/good"]);
    edit(&folder.join("good/envoy.yaml"), "FAIL_RELOAD", "FAIL_OPEN");
    let ran = run(&folder, &["build", "good/actgate.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    edit(&folder.join("good/actgate.yaml"), "version: 1", "version: 2");
    let ran = run(&folder, &["build", "good/actgate.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.starts_with("good/actgate.yaml:1:10: error: "), "{}", ran.err);
}

#[test]
fn formats_that_are_not_there_yet_say_so() {
    let folder = folder("formats", &["harness/tests/good"]);
    for format in ["ecds", "istio", "envoy-gateway"] {
        let ran = run(&folder, &["build", "good/actgate.yaml", "--format", format]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains("not there yet"), "{}", ran.err);
        assert!(!run(&folder, &["build", "--help"]).out.contains(format));
    }
}

#[test]
fn every_verb_has_help_with_an_example() {
    let folder = folder("help", &[]);
    let help = run(&folder, &["--help"]).out;
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).unwrap();
    let verbs: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.contains(&"serve") && verbs.contains(&"replay"), "{help}");
    for verb in verbs.iter().map(|verb| vec![*verb]).chain([vec!["mint", "init"]]) {
        let ran = run(&folder, &[verb.as_slice(), &["--help"]].concat());
        assert_eq!(ran.code, 0);
        let example = ran.out.split("Example").nth(1).unwrap_or_else(|| panic!("{verb:?}: {}", ran.out));
        assert!(example.contains(&format!("actgate {} ", verb.join(" "))), "{}", ran.out);
    }
    assert_eq!(run(&folder, &["chekc"]).code, 2);
    assert_eq!(run(&folder, &[]).code, 2);
    assert_eq!(run(&folder, &["check", "nowhere.yaml"]).code, 2);
}

#[test]
fn what_is_no_text_is_refused() {
    let folder = folder("bytes", &["harness/tests/good"]);
    fs::write(folder.join("good/packs/notes/policies.cedar"), b"// \xff\n").unwrap();
    let ran = run(&folder, &["check", "good/actgate.yaml"]);
    assert_eq!(ran.code, 2);
    let message = "pack `packs/notes`: `packs/notes/policies.cedar`: not UTF-8 from byte 3 on";
    assert!(ran.err.contains(message), "{}", ran.err);
    let ran = run(&folder, &["check", "good"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("good: error: is a directory"), "{}", ran.err);
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let folder = folder("pipe", &["harness/tests/good"]);
    // Larger than a pipe holds, so that the write must fail.
    let filler = "// ".to_owned() + &"x".repeat(200_000) + "\n";
    let policies = folder.join("good/packs/notes/policies.cedar");
    let text = fs::read_to_string(&policies).unwrap();
    fs::write(&policies, filler + &text).unwrap();
    let mut child = actgate(&folder)
        .args(["build", "good/actgate.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let folder = folder("full", &["harness/tests/good"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = output(actgate(&folder).args(["build", "good/actgate.yaml"]).stdout(full));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot write"), "{}", ran.err);
}

#[test]
fn the_demo_checks_with_keys_made_for_it() {
    let folder = folder("demo", &["demo/actgate.yaml", "policies", "envoy"]);
    fs::create_dir(folder.join("demo")).unwrap();
    fs::rename(folder.join("actgate.yaml"), folder.join("demo/actgate.yaml")).unwrap();
    let ran = run(&folder, &["check", "demo/actgate.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("`actgate mint init --config demo/actgate.yaml`"), "{}", ran.err);
    let made = run(&folder, &["mint", "init", "--config", "demo/actgate.yaml"]);
    assert_eq!(
        (made.code, made.out.as_str()),
        (0, "wrote .run/keys/demo.key.pem\nwrote .run/keys/demo.jwks.json\n")
    );
    let private = fs::metadata(folder.join(".run/keys/demo.key.pem")).unwrap();
    assert_eq!(private.permissions().mode() & 0o777, 0o600);
    let again = run(&folder, &["mint", "init", "--config", "demo/actgate.yaml"]);
    assert_eq!(again.out, "kept  .run/keys/demo.key.pem\nkept  .run/keys/demo.jwks.json\n");
    let ran = run(&folder, &["check", "demo/actgate.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("`actgate-control keygen` prints the service's key set"), "{}", ran.err);
    let keys = json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "1",
        // RFC 8037, appendix A.2.
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }] });
    fs::create_dir(folder.join(".run/control")).unwrap();
    fs::write(folder.join(".run/control/grants.jwks.json"), keys.to_string()).unwrap();
    let ran = run(&folder, &["check", "demo/actgate.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn mint_prints_one_token() {
    let folder = folder("mint", &["harness/tests/good"]);
    fs::remove_dir_all(folder.join("good/keys")).unwrap();
    let config = ["--config", "good/actgate.yaml"];
    let coder = ["--actor", "spiffe://demo/agent/coder", "--subject", "alice@demo"];
    let missing = run(&folder, &[&["mint"], &config[..], &coder].concat());
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.contains("good/keys/demo.key.pem") && missing.err.contains("mint init"),
        "{}",
        missing.err
    );

    assert_eq!(run(&folder, &[&["mint", "init"], &config[..]].concat()).code, 0);
    let more =
        ["--claim", "ticket=CHG-1=x", "--claim-json", "n={\"a\":1}", "--scope", "read", "--ttl", "90s"];
    let ran = run(&folder, &[&["mint"], &config[..], &coder, &more].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out.lines().count(), 1);
    let claims = claims(ran.out.trim());
    assert_eq!(claims["sub"], "alice@demo");
    assert_eq!(claims["act"], json!({"sub": "spiffe://demo/agent/coder"}));
    assert_eq!(claims["aud"], "actgate-demo");
    assert_eq!(claims["iss"], "https://issuer.demo");
    assert_eq!(claims["client_id"], "spiffe://demo/agent/coder");
    assert_eq!(claims["ticket"], "CHG-1=x");
    assert_eq!(claims["n"], json!({"a": 1}));
    assert_eq!(claims["scope"], "read");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 90);

    let by_environment =
        ran_mint(actgate(&folder).env("ACTGATE_CONFIG", "good/actgate.yaml").arg("mint").args(coder));
    assert_eq!(by_environment["sub"], "alice@demo");
    let init = output(actgate(&folder).env("ACTGATE_CONFIG", "good/actgate.yaml").args(["mint", "init"]));
    assert_eq!(init.code, 0, "{}", init.err);
}

#[test]
fn mint_says_what_it_lacks() {
    let folder = folder("lacks", &["harness/tests/good"]);
    let config = ["mint", "--config", "good/actgate.yaml"];
    let refused = |more: &[&str], message: &str| {
        let ran = run(&folder, &[&config[..], more].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{more:?}");
        assert!(ran.err.contains(message), "{more:?}: {}", ran.err);
    };
    refused(&[], "--subject");
    refused(&["--subject", "a", "--issuer", "dmeo"], "did you mean `demo`?");
    refused(&["--subject", "a", "--ttl", "soon"], "a number and s, m, h or d");
    refused(&["--subject", "a", "--claim", "ticket"], "NAME=TEXT");
    refused(&["--subject", "a", "--claim-json", "n={"], "EOF");
    refused(&["--subject", "a", "--algorithm", "HS256"], "not one of EdDSA");
    // Somebody's real key set, whose private keys are not here.
    let ran = run(&folder, &["mint", "init", "--config", "good/actgate.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("holds keys that were not made here"), "{}", ran.err);
    assert!(!folder.join("good/keys/demo.key.pem").exists());

    fs::remove_dir_all(folder.join("good/keys")).unwrap();
    run(&folder, &["mint", "init", "--config", "good/actgate.yaml"]);
    let ran = run(&folder, &["mint", "--config", "good/actgate.yaml", "--subject", "alice@demo"]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("delegated"), "{}", ran.err);
}

fn ran_mint(command: &mut Command) -> Value {
    let ran = output(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    claims(ran.out.trim())
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
