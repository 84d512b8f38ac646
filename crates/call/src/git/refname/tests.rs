use super::*;

#[test]
fn names_that_git_takes_are_taken() {
    for name in [
        "refs/heads/main",
        "refs/heads/agent/fix-1",
        "refs/tags/v1.0",
        "refs/notes/commits",
        "refs/merge-requests/1/head",
        "refs/heads/-x",
        "refs/heads/a@b",
        "refs/heads/@",
        "refs/heads/a{b}",
        "refs/heads/lock.locked",
        "refs/heads/ünïcode/日本",
        "refs/heads/a!$%&'()+,;<=>]`|\"#_",
        "refs/heads/HEAD",
        "refs/heads/refs/heads/main",
    ] {
        assert_eq!(check(name.as_bytes()), Ok(name), "{name}");
    }
    let longest = format!("refs/heads/{}", "x".repeat(MAX_BYTES - 11));
    assert!(check(longest.as_bytes()).is_ok());
    assert!(check(format!("{longest}x").as_bytes()).is_err());
}

#[test]
fn names_that_git_refuses_or_reads_as_another_are_refused() {
    for name in [
        "",
        "main",
        "HEAD",
        "heads/main",
        "refs",
        "refs/",
        "refs/heads",
        "refs/heads/",
        "refs//heads/main",
        "refs/heads//main",
        "refs/heads/main/",
        "/refs/heads/main",
        "Refs/heads/main",
        "refs/heads/../tags/v1",
        "refs/heads/a..b",
        "refs/heads/.main",
        "refs/heads/a/.b",
        "refs/heads/main.",
        "refs/heads/main.lock",
        "refs/heads/main.lock/x",
        "refs/heads/a@{b",
        "refs/heads/a b",
        "refs/heads/a~1",
        "refs/heads/a^",
        "refs/heads/a:b",
        "refs/heads/a?",
        "refs/heads/*",
        "refs/heads/a[b",
        "refs/heads/a\\b",
        "refs/heads/a\tb",
        "refs/heads/main\n",
        "refs/heads/main\r",
        "refs/heads/main\u{7f}",
        "refs/heads/main\u{0}",
        "refs/heads/\u{1b}[2Kmain",
        "refs/heads/ma\u{200d}in",
        "refs/heads/\u{202e}niam",
        "refs/heads/main\u{feff}",
        "refs/heads/main\u{fe0f}",
        "refs/heads/a\u{2028}b",
        "refs/heads/a\u{85}b",
        "refs/heads/main\u{e0020}",
    ] {
        assert!(check(name.as_bytes()).is_err(), "{name:?}");
    }
    assert_eq!(check(b"refs/heads/\xff"), Err("it is not UTF-8"));
}

#[test]
fn a_ref_is_a_branch_a_tag_or_neither() {
    for (name, kind) in [
        ("refs/heads/main", "branch"),
        ("refs/tags/v1", "tag"),
        ("refs/headsx/main", "other"),
        ("refs/notes/refs/heads/main", "other"),
        ("refs/remotes/origin/main", "other"),
    ] {
        assert_eq!(RefKind::of(name).code(), kind, "{name}");
    }
}
