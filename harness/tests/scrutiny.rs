//! What the shipped packs' cases are worth, and that what looks over the gate's shoulder sees what the gate does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use actgate_authz::Analysis;
use actgate_harness::case::{Case, Native, Observing, Setup, find_cases, play};
use serde_json::Value;

const PACKS: [&str; 4] = ["deploy", "git", "mcp", "secrets"];

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn test(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .current_dir(folder)
        .env_remove("ACTGATE_CONFIG")
        .arg("test")
        .args(arguments)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A copy of a pack for this test alone.
fn pack(name: &str, of: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scrutiny").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let copied = Command::new("cp").arg("-r").arg(root().join("policies").join(of)).arg(&folder).status();
    assert!(copied.unwrap().success());
    folder
}

/// The trace that people see and the verdict that the gate gives are made by different code.
#[test]
fn every_case_is_seen_as_it_is_decided() {
    let mut requests = 0;
    for name in PACKS {
        let files = find_cases(&[root().join("policies").join(name)]).unwrap();
        let cases: Vec<Case> = files.iter().map(|file| Case::read(&file.path).unwrap()).collect();
        let setup = Setup::of(cases[0].origin()).unwrap();
        let analysis = Analysis::load(setup.bundle()).unwrap();
        let mut engine = Observing::new(Native::new(&setup), &analysis);
        for case in &cases {
            let played = play(case, &setup, &mut engine).unwrap();
            let seen = engine.take();
            assert_eq!(played.len(), seen.len());
            for (played, seen) in played.iter().zip(&seen) {
                requests += 1;
                let record = &played.outcome.record["decided"];
                // Whose a session is, its seal says, and who looks at a request has no key.
                if record["reason"] == "session_unknown" {
                    continue;
                }
                assert_eq!(record["decision"], seen.conclusion.decision, "{}", case.name());
                let reason = seen.conclusion.denial.as_ref().map(|denial| denial.reason.code());
                assert_eq!(record["reason"].as_str(), reason, "{}", case.name());
                let policies: Vec<&str> =
                    record["policies"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                assert_eq!(policies, seen.conclusion.policies, "{}", case.name());
                let texts: Vec<_> = analysis.policies().collect();
                let applying = |forbids: bool| -> BTreeSet<&str> {
                    let candidates = seen.hearings.iter().flat_map(|hearing| &hearing.candidates);
                    let applying = candidates.filter(|candidate| candidate.applies);
                    let texts = applying.map(|candidate| texts[candidate.policy]);
                    texts.filter(|text| text.forbids == forbids).map(|text| text.id.as_str()).collect()
                };
                let decided: BTreeSet<&str> = policies.into_iter().collect();
                match seen.conclusion.decision {
                    "allow" => {
                        assert_eq!(decided, applying(false), "{}", case.name());
                        assert!(applying(true).is_empty(), "{}", case.name());
                    }
                    "hold" => assert_eq!(decided, applying(true), "{}", case.name()),
                    // A denial names what no approval lifts, which is a part of what forbids.
                    _ => assert!(decided.is_subset(&applying(true)), "{}", case.name()),
                }
            }
        }
    }
    assert!(requests > 150, "{requests}");
}

#[test]
fn shipped_packs_are_tried_whole_and_every_change_is_noticed() {
    for name in PACKS {
        let pack = format!("policies/{name}");
        let ran = test(&root(), &[&pack, "--coverage", "--min-coverage", "100", "--mutate"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
}

#[test]
fn a_case_that_is_missing_leaves_a_gap_and_a_survivor() {
    let folder = pack("gap", "secrets");
    for entry in fs::read_dir(folder.join("secrets/cases")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("secrets.agents-never-list") || text.contains("LIST") {
            fs::remove_file(&path).unwrap();
        }
    }
    let ran = test(&folder, &["secrets", "--coverage", "--mutate"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for finding in [
        "secrets/agents.cedar:18:1: warning: policy `secrets.agents-never-list` has decided in no case\n",
        "secrets/agents.cedar:18:1: warning: every case holds without this policy (`secrets.agents-never-list`)\n",
        "secrets/catalog.yaml:47:5: warning: no case takes the route `LIST /v1/kv`\n",
    ] {
        assert!(ran.out.contains(finding), "{finding}{}", ran.out);
    }
    assert!(ran.err.contains("--allow-survivors"), "{}", ran.err);
    assert_eq!(test(&folder, &["secrets", "--mutate", "--allow-survivors"]).code, 0);

    assert_eq!(test(&folder, &["secrets", "--coverage"]).code, 0);
    let ran = test(&folder, &["secrets", "--coverage", "--min-coverage", "95", "--format", "json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("--min-coverage asks for 95 %"), "{}", ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let coverage = &told["coverage"];
    assert!(coverage["percent"].as_u64().unwrap() < 95);
    assert_eq!((&coverage["policies"]["total"], &coverage["policies"]["tried"]), (&7.into(), &6.into()));
    let gaps = coverage["gaps"].as_array().unwrap();
    let gap = gaps.iter().find(|gap| gap["kind"] == "policy").unwrap();
    assert_eq!((&gap["name"], &gap["line"]), (&"secrets.agents-never-list".into(), &18.into()));
}

#[test]
fn a_condition_that_is_only_ever_one_way_is_a_gap() {
    let folder = pack("condition", "secrets");
    let policies = folder.join("secrets/people.cedar");
    let text = fs::read_to_string(&policies).unwrap();
    fs::write(
        &policies,
        text.replacen(
            "Secrets::Folder::\"kv/dev\"\n)",
            "Secrets::Folder::\"kv/dev\"\n)\nwhen { context.time > 0 }",
            1,
        ),
    )
    .unwrap();
    let ran = test(&folder, &["secrets", "--coverage", "--mutate"]);
    let gap =
        "secrets/people.cedar:10:1: warning: condition of `secrets.developers-read-dev` was false in no case";
    assert!(ran.out.contains(gap), "{}", ran.out);
    let survivor = "secrets/people.cedar:10:1: warning: every case holds without this condition";
    assert!(ran.out.contains(survivor), "{}", ran.out);
    assert_eq!(ran.code, 1);
    // With a reason it is expected.
    let text = fs::read_to_string(&policies).unwrap();
    let excused = text.replace(
        "@id(\"secrets.developers-read-dev\")",
        "@id(\"secrets.developers-read-dev\")\n@unnoticed(\"it is later than 1970\")",
    );
    fs::write(&policies, excused).unwrap();
    let ran = test(&folder, &["secrets", "--mutate"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("help: expected: it is later than 1970\n"), "{}", ran.out);
}
