//! What `actgate` does on a terminal, and in a shell: in a real one each.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A folder of this test alone, with a copy of the good configuration in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("terminal").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good");
    assert!(Command::new("cp").arg("-r").arg(good).arg(&folder).status().unwrap().success());
    folder.join("good")
}

/// What a terminal shows (`script` of util-linux makes one).
fn on_a_terminal(folder: &Path, arguments: &str, environment: &[(&str, &str)]) -> String {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_actgate"));
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn findings_are_coloured_on_a_terminal_unless_nobody_wants_it() {
    let folder = folder("colour");
    let config = folder.join("actgate.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("version: 1", "version: 2")).unwrap();
    let shown = on_a_terminal(&folder, "check actgate.yaml", &[]);
    assert!(shown.contains("\u{1b}[") && shown.contains("version"), "{shown:?}");
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = on_a_terminal(&folder, "check actgate.yaml", &[plain]);
        assert!(!shown.contains('\u{1b}') && shown.contains("version"), "{plain:?}: {shown:?}");
    }
    let piped = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(["check", "actgate.yaml"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(!piped.stderr.contains(&0x1b), "nobody watches");
}

#[test]
fn a_long_run_says_how_far_it_is_and_cleans_up() {
    let folder = folder("progress");
    let cases = folder.join("packs/notes/cases");
    fs::create_dir_all(&cases).unwrap();
    let step = "  - request: { method: GET, path: /notes/a/b }\n    \
                expect: { decision: deny, reason: token_missing, status: 401 }\n";
    // Some seconds: a run of half a second needs no line.
    let case = format!("name: Nobody\npack: ..\nsteps:\n{}", step.repeat(150));
    for number in 0..500 {
        fs::write(cases.join(format!("case-{number:04}.yaml")), &case).unwrap();
    }
    let shown = on_a_terminal(&folder, "test packs/notes --engine native", &[]);
    assert!(shown.contains(" of 501 cases"), "{shown:?}");
    // The line is rewritten, and taken away before the result.
    let last = shown.rsplit("\r\u{1b}[K").next().unwrap();
    assert!(!last.contains(" of 501 cases") && last.contains("501 passed"), "{last:?}");
    let piped = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(["test", "packs/notes", "--engine", "native"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&piped.stderr).contains(" of 501 cases"), "nobody watches");
}

/// What a real bash proposes for a line, with the script that `actgate completions bash` prints.
fn proposed(folder: &Path, words: &[&str]) -> Vec<String> {
    let script = "\
        source <(\"$ACTGATE\" completions bash) || exit 1\n\
        complete -p actgate >/dev/null || exit 1\n\
        COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=\"$*\"; COMP_POINT=${#COMP_LINE}\n\
        function=$(complete -p actgate | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
        \"$function\" actgate \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", script, "bash"])
        .args(words)
        .env("ACTGATE", env!("CARGO_BIN_EXE_actgate"))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_options_and_values() {
    let folder = folder("bash");
    assert_eq!(proposed(&folder, &["actgate", "ser"]), ["serve"]);
    assert!(proposed(&folder, &["actgate", ""]).contains(&"replay".to_owned()));
    assert_eq!(proposed(&folder, &["actgate", "serve", "--upstream-h"]), ["--upstream-header"]);
    let engines = proposed(&folder, &["actgate", "test", "packs/notes", "--engine", ""]);
    assert_eq!(engines, ["native", "wasm", "both"]);
    assert_eq!(proposed(&folder, &["actgate", "approvals", "appr"]), ["approve"]);
    assert_eq!(proposed(&folder, &["actgate", "nothing-like-that"]), [""]);
}
