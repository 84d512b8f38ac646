//! What the docs tell people to write and to run is what `actgate` accepts: the tutorial, followed literally.

#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::unwrap_used, reason = "test code")]

use std::{env, fs, path::Path, process::Command};

const TUTORIAL: &str = include_str!("../../docs/tutorial.md");

struct Ran {
    succeeded: bool,
    text: String,
}

/// What stands in the block behind each marker `<!-- WORD ... -->`, with the rest of the marker.
fn blocks(word: &str) -> Vec<(&'static str, &'static str)> {
    let marker = format!("<!-- {word}");
    let parts: Vec<&str> = TUTORIAL.split(marker.as_str()).skip(1).collect();
    let read = |part: &&'static str| {
        let (rest, behind) = part.split_once("-->").expect("the marker ends");
        let block = behind.split("```").nth(1).expect("a block follows the marker");
        let (_language, text) = block.split_once('\n').expect("the block has lines");
        (rest.trim(), text)
    };
    parts.iter().map(read).collect()
}

/// Writes every block that is a file to it; returns how many there were.
fn write_files(folder: &Path) -> usize {
    let files = blocks("file: ");
    for (name, text) in &files {
        // What a comment says, only this test reads.
        assert!(
            TUTORIAL.contains(&format!("`{name}`")),
            "the page does not say that a file is called `{name}`"
        );
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    files.len()
}

/// Runs lines as a reader types them.
fn shell(folder: &Path, lines: &str) -> Ran {
    let program = Path::new(env!("CARGO_BIN_EXE_actgate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", lines]).current_dir(folder).env("PATH", path).env_remove("ACTGATE_CONFIG");
    let output = command.output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ran { succeeded: output.status.success(), text }
}

#[test]
fn the_tutorial_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(write_files(folder), 8);
    let runs = blocks("run");
    assert_eq!(runs.len(), 3);
    let said: Vec<String> = runs
        .iter()
        .map(|(_, lines)| {
            let Ran { succeeded, text } = shell(folder, lines);
            assert!(succeeded, "{lines}: {text}");
            text
        })
        .collect();
    let [checked, tested, _built] = said.as_slice() else { return assert_eq!(said.len(), 3) };
    assert!(checked.contains("2 routes") && checked.contains("2 policies"), "{checked}");
    assert!(tested.starts_with("3 passed, 0 failed"), "{tested}");
    assert!(fs::read_to_string(folder.join("bundle.json")).unwrap().contains("tracker.closing-needs-a-lead"));

    // "Change something to see it fail."
    let case = folder.join("tracker/cases/close.yaml");
    fs::write(&case, fs::read_to_string(&case).unwrap().replace("state: closed", "state: review")).unwrap();
    let Ran { succeeded, text } = shell(folder, "actgate test tracker");
    assert!(!succeeded && text.contains("2 passed, 1 failed"), "{text}");
    assert!(
        text.contains("tracker/cases/close.yaml:9: decision\n    expected  `hold`\n    got       `allow`"),
        "{text}"
    );
}
