//! What the docs tell people to write is what `actgate` accepts.

#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::unwrap_used, reason = "test code")]

use std::{fs, path::Path, process::Command};

const TUTORIAL: &str = include_str!("../../docs/tutorial.md");

/// Writes every block that follows `<!-- file: NAME -->` to its file; returns how many there were.
fn write_files(folder: &Path) -> usize {
    let mut written = 0;
    for part in TUTORIAL.split("<!-- file: ").skip(1) {
        let (name, rest) = part.split_once(" -->").expect("the marker ends");
        let block = rest.split("```").nth(1).expect("a block follows the marker");
        let (_language, text) = block.split_once('\n').expect("the block has lines");
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        written += 1;
    }
    written
}

fn actgate(folder: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_actgate")).args(arguments).current_dir(folder).output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "actgate {arguments:?}: {text}");
    text
}

#[test]
fn the_tutorials_pack_checks_and_builds() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(write_files(folder.path()), 5);
    actgate(folder.path(), &["mint", "init", "--config", "actgate.yaml"]);
    let summary = actgate(folder.path(), &["check", "actgate.yaml"]);
    assert!(summary.contains("2 routes") && summary.contains("2 policies"), "{summary}");
    let bundle = actgate(folder.path(), &["build", "actgate.yaml"]);
    assert!(bundle.contains("tracker.closing-needs-a-lead"));
}
