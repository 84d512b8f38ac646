//! `actgate test` as its users run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A plugin that has nothing but a trap.
const TRAP: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func $stumble unreachable)
  (func $decide call $stumble)
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) call $decide i32.const 0))
"#;

/// A folder of this test alone, with the good configuration in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good");
    assert!(Command::new("cp").arg("-r").arg(good).arg(&folder).status().unwrap().success());
    folder.join("good")
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("ACTGATE_CONFIG")
        .env_remove("ACTGATE_WASM")
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The good case, and one that does not hold.
fn with_a_failure(name: &str) -> PathBuf {
    let folder = folder(name);
    let cases = folder.join("packs/notes/cases");
    let good = fs::read_to_string(cases.join("unknown-agent.yaml")).unwrap();
    let wrong =
        good.replace("name: An agent", "name: <Wrong> & \"so\"").replace("policy_denied", "policy_error");
    fs::write(cases.join("wrong.yaml"), wrong).unwrap();
    folder
}

#[test]
fn a_pack_a_configuration_and_a_case_are_played() {
    let folder = folder("targets");
    for target in ["packs/notes", "actgate.yaml", "packs/notes/cases/unknown-agent.yaml"] {
        let ran = run(&folder, &["test", target]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{target}");
        assert!(ran.out.starts_with("1 passed, 0 failed (native, "), "{}", ran.out);
    }
    fs::create_dir(folder.join("cases")).unwrap();
    let text = fs::read_to_string(folder.join("packs/notes/cases/unknown-agent.yaml")).unwrap();
    let own = text.replace("pack: ..", "config: ../actgate.yaml");
    fs::write(folder.join("cases/own.yaml"), own).unwrap();
    let ran = run(&folder, &["test", "actgate.yaml", "packs/notes"]);
    assert!(ran.out.starts_with("2 passed, 0 failed"), "{}{}", ran.out, ran.err);
    let ran = run(&folder, &["test", "."]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean `actgate.yaml`?"), "{}", ran.err);
}

#[test]
fn a_filter_chooses_and_one_that_fits_nothing_is_an_error() {
    let folder = with_a_failure("filter");
    assert_eq!(run(&folder, &["test", "packs/notes"]).code, 1);
    assert_eq!(run(&folder, &["test", "packs/notes", "--filter", "unknown"]).code, 0);
    assert_eq!(run(&folder, &["test", "packs/notes", "--filter", "<Wrong>"]).code, 1);
    let ran = run(&folder, &["test", "packs/notes", "--filter", "zebra"]);
    assert_eq!((ran.code, ran.err.as_str()), (2, "error: no case has `zebra` in its name\n"));
    // Another case that is half written is no matter of this one.
    fs::write(folder.join("packs/notes/cases/half.yaml"), "name: [").unwrap();
    assert_eq!(run(&folder, &["test", "packs/notes", "--filter", "unknown"]).code, 0);
    assert_eq!(run(&folder, &["test", "packs/notes"]).code, 2);
}

#[test]
fn machines_read_json_and_junit() {
    let folder = with_a_failure("machines");
    let ran = run(&folder, &["test", "packs/notes", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &report["passed"], &report["failed"]), (1, &Value::from(1), &Value::from(1)));
    let wrong = &report["cases"][1];
    assert_eq!((&wrong["name"], &wrong["passed"]), (&"notes/wrong".into(), &false.into()));
    let mismatch = &wrong["failures"][0]["mismatches"][0];
    assert_eq!((&mismatch["line"], &mismatch["got"]), (&9.into(), &"`policy_denied`".into()));

    let ran = run(&folder, &["test", "packs/notes", "--format", "junit"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("<testsuite name=\"native\" tests=\"2\" failures=\"1\" errors=\"0\""),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("message=\"&lt;Wrong&gt; &amp; &quot;so&quot;"), "{}", ran.out);

    fs::write(folder.join("packs/notes/cases/wrong.yaml"), "name: [").unwrap();
    let ran = run(&folder, &["test", "packs/notes", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &report["findings"][0]["line"]), (2, &2.into()), "{report}");
    let ran = run(&folder, &["test", "packs/notes", "--format", "junit"]);
    assert!(ran.code == 2 && ran.out.contains("errors=\"1\""), "{}", ran.out);
}

#[test]
fn a_trap_fails_the_case_with_its_backtrace() {
    let folder = folder("trap");
    fs::write(folder.join("trap.wasm"), wat::parse_str(TRAP).unwrap()).unwrap();
    for engine in ["wasm", "both"] {
        let ran = run(&folder, &["test", "packs/notes", "--engine", engine, "--wasm", "trap.wasm"]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        let said =
            "cases/unknown-agent.yaml:4:1: error: the plugin trapped in proxy_on_request_headers: wasm trap";
        assert!(ran.out.contains(said), "{}", ran.out);
        assert!(ran.out.contains("    in stumble\n    in decide\n"), "{}", ran.out);
    }
}

#[test]
fn a_plugin_that_is_not_there_or_is_none_is_said_so() {
    let folder = folder("plugin");
    let ran = run(&folder, &["test", "packs/notes", "--engine", "wasm", "--wasm", "gone.wasm"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("looked for `gone.wasm`") && ran.err.contains("make wasm"), "{}", ran.err);
    fs::write(folder.join("none.wasm"), "no wasm").unwrap();
    let ran = run(&folder, &["test", "packs/notes", "--engine", "wasm", "--wasm", "none.wasm"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("not a proxy-wasm module"), "{}", ran.err);
}
