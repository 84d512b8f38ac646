//! What is in a repository at first, as a stream for `git fast-import`: the same commits each time.

use std::fmt::Write as _;

/// A commit to `main`: its message, and a file with its new contents.
struct Commit(&'static str, &'static str, &'static str);

/// Who wrote everything, and when the first commit was made (2026-01-05).
const AUTHOR: &str = "Dana Demo <dana@demo>";
const BEGIN: u64 = 1_767_600_000;
const DAY: u64 = 86_400;

const COMMITS: [Commit; 4] = [
    Commit("Begin", "README.md", "What this is for.\n"),
    Commit("Add the service", "src/main.py", "print('hello')\n"),
    Commit(
        "Handle the empty case",
        "src/main.py",
        "import sys\n\nprint('hello' if sys.argv else 'nobody')\n",
    ),
    Commit("Say how to run it", "README.md", "What this is for.\n\nRun `python3 src/main.py`.\n"),
];

/// The commit, counted from 1, that is tagged.
const RELEASED: usize = 3;

/// The stream: four commits on `main`, and the annotated tag `v1.0`.
pub(super) fn of(repository: &str) -> String {
    let mut stream = String::new();
    let mut date = BEGIN;
    for (index, Commit(message, path, contents)) in COMMITS.iter().enumerate() {
        let mark = index.saturating_add(1);
        date = date.saturating_add(DAY);
        let message = format!("{message}\n\nIn {repository}.\n");
        put(
            &mut stream,
            format_args!("commit refs/heads/main\nmark :{mark}\ncommitter {AUTHOR} {date} +0000\n"),
        );
        put(&mut stream, format_args!("data {}\n{message}", message.len()));
        put(&mut stream, format_args!("M 100644 inline {path}\ndata {}\n{contents}\n", contents.len()));
    }
    let message = "The first release\n";
    put(&mut stream, format_args!("tag v1.0\nfrom :{RELEASED}\ntagger {AUTHOR} {date} +0000\n"));
    put(&mut stream, format_args!("data {}\n{message}", message.len()));
    stream
}

fn put(stream: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if let Err(std::fmt::Error) = stream.write_fmt(text) {}
}
