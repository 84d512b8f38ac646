//! Wrong files, and what `actgate check` (of a case, `actgate test`) says of each: file, line, message and help.
//!
//! `good/` passes. `bad/<name>/edit.yaml` makes one thing wrong in it, and `bad/<name>/expect.txt` is what the
//! command then writes, with its exit code. `ACTGATE_BLESS=1` writes the expectations anew: read the diff.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use actgate_harness::document::{Document, Place};
use actgate_harness::text::SourceText;
use libtest_mimic::{Arguments, Failed, Trial};

/// Fewer than this and some of them were lost.
const AT_LEAST: usize = 80;

fn main() {
    let arguments = Arguments::from_args();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut names: Vec<PathBuf> =
        fs::read_dir(data.join("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= AT_LEAST, "only {} cases", names.len());
    let trials = names
        .into_iter()
        .map(|case| {
            let good = data.join("good");
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            Trial::test(name.clone(), move || run(&good, &case, &name))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn run(good: &Path, case: &Path, name: &str) -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    copy(good, &folder)?;
    for edit in read(&case.join("edit.yaml"))?.root().items() {
        apply(&folder, &edit)?;
    }
    let arguments =
        if name.starts_with("case-") { ["test", "packs/notes"] } else { ["check", "actgate.yaml"] };
    let output = Command::new(env!("CARGO_BIN_EXE_actgate"))
        .args(arguments)
        .current_dir(&folder)
        .env_remove("ACTGATE_CONFIG")
        .output()?;
    let code = output.status.code().ok_or("killed")?;
    let said = match name.strip_prefix("case-") {
        // Failed cases are a result.
        Some(_) => timeless(&String::from_utf8(output.stdout)?) + &String::from_utf8(output.stderr)?,
        None => String::from_utf8(output.stderr)?,
    };
    let found = format!("{said}exit {code}\n");
    let expectation = case.join("expect.txt");
    if std::env::var_os("ACTGATE_BLESS").is_some() {
        fs::write(&expectation, &found)?;
    }
    let expected = fs::read_to_string(&expectation).unwrap_or_default();
    if found == expected { Ok(()) } else { Err(format!("expected\n{expected}\nfound\n{found}").into()) }
}

/// What a run of cases writes, without how long it took and the ids that come with it.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(" (native, ") {
        Some((result, _seconds)) => result.to_owned() + "\n",
        None => line.to_owned() + "\n",
    });
    lines.collect()
}

/// `{file, old, new}` replaces the one place of `old`, `{file, text}` writes the file, `{file}` removes it.
fn apply(folder: &Path, edit: &Place<'_>) -> Result<(), Failed> {
    let text = |name: &str| edit.member(name).and_then(|member| member.as_str());
    let path = folder.join(text("file").ok_or("an edit without `file`")?);
    if let Some(old) = text("old") {
        let before = fs::read_to_string(&path)?;
        if before.matches(old).count() != 1 {
            return Err(format!("`{old}` is not there exactly once").into());
        }
        fs::write(&path, before.replace(old, text("new").ok_or("an edit without `new`")?))?;
    } else if let Some(whole) = text("text") {
        fs::write(&path, whole)?;
    } else if path.is_dir() {
        fs::remove_dir_all(&path)?;
    } else {
        fs::remove_file(&path)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Document, Failed> {
    let text = SourceText::new(path.to_string_lossy(), fs::read_to_string(path)?);
    Document::parse(text).map_err(|findings| format!("{findings:?}").into())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
