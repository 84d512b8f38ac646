//! Every difference is noticed.

use super::*;

fn behind(things: &[(&str, &str)]) -> Behind {
    Behind(things.iter().map(|(name, target)| ((*name).to_owned(), (*target).to_owned())).collect())
}

#[test]
fn what_moved_appeared_or_went_is_named() {
    let should = behind(&[("payments:staging", "1"), ("payments refs/heads/main", "2")]);
    assert_eq!(should.compare(&should), Ok(()));
    for (is, name) in [
        (behind(&[("payments:staging", "0"), ("payments refs/heads/main", "2")]), "payments:staging"),
        (behind(&[("payments:staging", "1")]), "payments refs/heads/main"),
        (
            behind(&[
                ("payments:staging", "1"),
                ("payments refs/heads/main", "2"),
                ("website refs/tags/v2", "3"),
            ]),
            "website refs/tags/v2",
        ),
    ] {
        assert!(is.compare(&should).unwrap_err().contains(name), "{name}");
    }
}
