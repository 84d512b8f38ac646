use super::*;

fn change(name: &str, old: &str, new: &str) -> RefChange {
    RefChange { name: name.to_owned(), old: old.to_owned(), new: new.to_owned() }
}

#[test]
fn a_push_is_what_git_sends() {
    let bytes =
        body(&[change("refs/heads/a", "0", "1"), change("refs/heads/b", "1", "0")], &["ci.skip".to_owned()]);
    let (zero, one) = ("0".repeat(40), "1".repeat(40));
    let expected = format!(
        "00b4{zero} {one} refs/heads/a\0 report-status-v2 side-band-64k quiet object-format=sha1 agent=git/2 push-options\
         0062{one} {zero} refs/heads/b0000000bci.skip0000PACK"
    );
    assert_eq!(String::from_utf8_lossy(&bytes[..expected.len()]), expected);
    assert_eq!(&bytes[expected.len() - 4..], EMPTY_PACK);
}

#[test]
fn deletions_send_no_pack_and_nothing_is_the_probe() {
    assert!(body(&[change("refs/heads/a", "1", "0")], &[]).ends_with(b"agent=git/20000"));
    assert_eq!(body(&[], &[]), b"0000");
}
