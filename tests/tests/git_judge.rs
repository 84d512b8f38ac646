//! The judge over the git adapter: what it decided on is what `git receive-pack` itself tells its `pre-receive` hook.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use actgate_call::{ToolCalls, git::PushReader};
use actgate_tests::cases::artifact::is_ci;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tempfile::TempDir;

/// Tells what it was told and refuses, so that every push finds the repository as the one before did.
const HOOK: &str = r#"#!/bin/sh
{
  cat
  number=0
  while [ "$number" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
    eval "printf 'option %s\n' \"\$GIT_PUSH_OPTION_$number\""
    number=$((number + 1))
  done
} > seen
exit 1
"#;

/// A bare repository with a hook that listens.
struct Judge {
    folder: TempDir,
    format: &'static str,
    /// Ids of objects that are there, and the one that never is.
    ids: Vec<String>,
    zero: String,
    /// A pack of nothing.
    pack: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Change {
    old: usize,
    new: usize,
    name: String,
    line_feed: bool,
}

#[derive(Debug, Clone)]
struct Push {
    changes: Vec<Change>,
    options: Vec<String>,
    shallow: Option<usize>,
}

// === impl Judge ===

impl Judge {
    /// A judge, or nothing where there is no git.
    fn new(format: &'static str) -> Option<Self> {
        if Command::new("git").arg("--version").output().is_err() {
            assert!(!is_ci(), "git is missing, and CI runs everything");
            eprintln!("SKIPPED: git is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut judge = Self { folder, format, ids: Vec::new(), zero: String::new(), pack: Vec::new() };
        judge.git(&["init", "--quiet", "--bare", &format!("--object-format={format}"), "."], b"");
        judge.git(&["config", "receive.advertisePushOptions", "true"], b"");
        let hook = judge.path().join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let tree = judge.text(&["mktree"], b"");
        for message in ["one", "two", "three"] {
            let commit = judge.text(&["commit-tree", "-m", message, &tree], b"");
            judge.ids.push(commit);
        }
        judge.zero = "0".repeat(judge.ids[0].len());
        judge.git(&["update-ref", "refs/heads/main", &judge.ids[0]], b"");
        judge.pack = judge.git(&["pack-objects", "--quiet", "--stdout"], b"").stdout;
        Some(judge)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([
                ("GIT_AUTHOR_NAME", "a"),
                ("GIT_AUTHOR_EMAIL", "a@b"),
                ("GIT_AUTHOR_DATE", "1700000000 +0000"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "a"),
                ("GIT_COMMITTER_EMAIL", "a@b"),
                ("GIT_COMMITTER_DATE", "1700000000 +0000"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A server that has read enough closes its end.
        let written = child.stdin.take().unwrap().write_all(input);
        assert!(written.is_ok() || arguments[0] == "receive-pack", "{written:?}");
        child.wait_with_output().unwrap()
    }

    fn git(&self, arguments: &[&str], input: &[u8]) -> Output {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output
    }

    fn text(&self, arguments: &[&str], input: &[u8]) -> String {
        String::from_utf8(self.git(arguments, input).stdout).unwrap().trim_end().to_owned()
    }

    /// What the hook of a real server is told of this body, line by line; nothing where it is not asked.
    fn sees(&self, body: &[u8]) -> Option<Vec<String>> {
        let seen = self.path().join("seen");
        if seen.exists() {
            fs::remove_file(&seen).unwrap();
        }
        self.run(&["receive-pack", "--stateless-rpc", "."], body);
        let lines = fs::read(&seen).ok()?;
        Some(String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect())
    }

    fn id(&self, number: usize) -> &str {
        self.ids.get(number).unwrap_or(&self.zero)
    }

    fn encode(&self, push: &Push) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(number) = push.shallow {
            packet(&mut body, format!("shallow {}", self.id(number)).as_bytes());
        }
        for (place, Change { old, new, name, line_feed }) in push.changes.iter().enumerate() {
            let mut line = format!("{} {} {name}", self.id(*old), self.id(*new));
            if place == 0 {
                line.push_str(&format!("\0 report-status-v2 atomic object-format={}", self.format));
                if !push.options.is_empty() {
                    line.push_str(" push-options");
                }
            }
            if *line_feed {
                line.push('\n');
            }
            packet(&mut body, line.as_bytes());
        }
        body.extend_from_slice(b"0000");
        if !push.options.is_empty() {
            push.options.iter().for_each(|option| packet(&mut body, option.as_bytes()));
            body.extend_from_slice(b"0000");
        }
        if push.changes.iter().any(|change| self.id(change.new) != self.zero) {
            body.extend_from_slice(&self.pack);
        }
        body
    }
}

fn packet(into: &mut Vec<u8>, payload: &[u8]) {
    into.extend_from_slice(format!("{:04x}", payload.len() + 4).as_bytes());
    into.extend_from_slice(payload);
}

/// What the adapter decides on, in the hook's own form.
fn decided(body: &[u8]) -> Option<Vec<String>> {
    let calls = PushReader::new("r".into()).feed(body, true).ok().flatten()?;
    Some(lines(&calls))
}

fn lines(calls: &ToolCalls) -> Vec<String> {
    let text = |call: &actgate_call::ToolCall, name: &str| call.arguments[name].as_str().unwrap().to_owned();
    let mut lines: Vec<String> = calls
        .iter()
        .filter(|call| &*call.action != "git.push.probe")
        .map(|call| format!("{} {} {}", text(call, "old"), text(call, "new"), text(call, "ref")))
        .collect();
    let options = calls.first().arguments.get("push_options").and_then(|options| options.as_array());
    lines.extend(options.into_iter().flatten().map(|option| format!("option {}", option.as_str().unwrap())));
    lines
}

fn pushes() -> impl Strategy<Value = Push> {
    let name = prop_oneof![
        8 => "refs/(heads|tags|notes|x)/[a-zA-Z0-9._/@{}+ü=-]{1,14}",
        1 => "refs/heads/[ -~]{1,10}",
        1 => Just("refs/heads/main".to_owned()),
    ];
    // The fourth id is none.
    let change = (0_usize..4, 0_usize..4, name, any::<bool>())
        .prop_map(|(old, new, name, line_feed)| Change { old, new, name, line_feed });
    let changes = prop::collection::vec(change, 1..6);
    let options = prop::collection::vec("[ -~ü]{1,12}", 0..3);
    (changes, options, prop::option::weighted(0.2, 0_usize..3)).prop_map(|(changes, options, shallow)| Push {
        changes,
        options,
        shallow,
    })
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn what_is_decided_on_is_what_git_tells_its_hook() {
    for format in ["sha1", "sha256"] {
        let Some(judge) = Judge::new(format) else { return };
        let mut compared = 0_u32;
        let accepted = std::cell::Cell::new(0_u32);
        let result = runner(150).run(&pushes(), |push| {
            let body = judge.encode(&push);
            if let Some(calls) = decided(&body) {
                accepted.set(accepted.get() + 1);
                prop_assert_eq!(Some(calls), judge.sees(&body));
            }
            Ok(())
        });
        compared += accepted.get();
        result.unwrap();
        assert!(compared > 20, "{format}: only {compared} pushes were comparable");
    }
}

#[test]
fn a_push_that_was_changed_on_the_way_does_nothing_that_was_not_decided_on() {
    let Some(judge) = Judge::new("sha1") else { return };
    let changed = (pushes(), any::<prop::sample::Index>(), any::<u8>());
    let result = runner(400).run(&changed, |(push, place, byte)| {
        let mut body = judge.encode(&push);
        let commands = body.len() - judge.pack.len().min(body.len());
        let place = place.index(commands.max(1));
        body[place] = byte;
        if let Some(calls) = decided(&body) {
            // git may refuse more, such as an id that is no object; it never does something else.
            if let Some(seen) = judge.sees(&body) {
                prop_assert_eq!(calls, seen);
            }
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn what_git_would_do_with_lenient_framings_is_refused() {
    let Some(judge) = Judge::new("sha1") else { return };
    let (one, two, pack) = (judge.id(0).to_owned(), judge.id(1).to_owned(), judge.pack.clone());
    let line = |name: &str, more: &str| {
        let mut bytes = Vec::new();
        packet(&mut bytes, format!("{one} {two} {name}{more}").as_bytes());
        bytes
    };
    let first = line("refs/heads/agent/x", "\0report-status");
    let hidden = line("refs/heads/main", "");
    let late = line("refs/heads/main", "\0push-options");
    let upper = [b"00".as_slice(), &hidden[2..4].to_ascii_uppercase(), &hidden[4..]].concat();
    let upper_id = String::from_utf8(line("refs/heads/main", "\0report-status")).unwrap();
    let upper_id = upper_id.replacen(&one, &one.to_uppercase(), 1).into_bytes();
    // Each of these, git itself runs.
    for (what, body) in [
        ("a delimiter for a flush", [&first, b"0001".as_slice(), &pack].concat()),
        ("capabilities on a later line", [&first, &late, b"00000000".as_slice(), &pack].concat()),
        ("upper-case ids", [&upper_id, b"0000".as_slice(), &pack].concat()),
        ("the same ref twice", [&first, &hidden, &hidden, b"0000".as_slice(), &pack].concat()),
    ] {
        assert_eq!(decided(&body), None, "{what}");
        assert!(judge.sees(&body).is_some_and(|seen| !seen.is_empty()), "git does not run: {what}");
    }
    let body = [&first, &upper, b"0000".as_slice(), &pack].concat();
    if upper != hidden {
        assert_eq!(decided(&body), None, "upper-case lengths");
    }
}
