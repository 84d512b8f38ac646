use std::collections::BTreeSet;

use super::*;

/// The codes as they stand in another crate's `code()`: `=> "token_malformed",`.
fn codes_in(source: &str) -> BTreeSet<&str> {
    source.lines().filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\",")).collect()
}

#[test]
fn every_code_of_the_crates_below_has_a_row() {
    let tokens = codes_in(include_str!("../../../token/src/error.rs"));
    assert!(tokens.len() > 15, "{tokens:?}");
    for code in &tokens {
        assert!(TokenReason::of(code).is_some(), "token code `{code}` has no row");
    }
    let calls = codes_in(include_str!("../../../call/src/error.rs"));
    assert!(calls.len() > 10, "{calls:?}");
    for code in &calls {
        assert!(CallReason::of(code).is_some(), "call code `{code}` has no row");
    }
    assert_eq!(TokenReason::ALL.len(), tokens.len());
    assert_eq!(CallReason::ALL.len(), calls.len());
}

#[test]
fn codes_are_unique_and_statuses_are_refusals() {
    let mut seen = BTreeSet::new();
    for reason in Reason::all() {
        let row = reason.row();
        assert!(seen.insert(row.code), "`{}` twice", row.code);
        assert!(
            matches!(row.status, 400 | 401 | 403 | 404 | 409 | 413 | 429 | 502 | 503),
            "`{}`: {}",
            row.code,
            row.status
        );
    }
}

#[test]
fn the_docs_list_exactly_this_table() {
    let docs = include_str!("../../../../docs/reasons.md");
    let listed: BTreeSet<(String, String)> = docs
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let code = cells.next()?.trim().trim_end_matches('`').to_owned();
            Some((code, cells.next()?.trim().to_owned()))
        })
        .collect();
    let table: BTreeSet<(String, String)> =
        Reason::all().map(|reason| (reason.code().to_owned(), reason.row().status.to_string())).collect();
    assert_eq!(listed, table);
}

#[test]
fn observing_never_softens_tokens_or_parsing() {
    for reason in Reason::all() {
        if reason.is_softened_by_observing() {
            assert!(
                [
                    "policy_denied",
                    "definition_changed",
                    "approval_required",
                    "route_unknown",
                    "query_undeclared"
                ]
                .contains(&reason.code()),
                "{}",
                reason.code()
            );
        }
    }
}
