use std::path::Path;

use super::*;
use crate::case::{Case, Origin, Suite, cases_in};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What the cases of the repository leave in a ledger, by what they are played against.
fn ledgers(suite: &Suite) -> BTreeMap<Origin, String> {
    let folders = [
        "policies/secrets/cases",
        "policies/git/cases",
        "policies/deploy/cases",
        "policies/mcp/cases",
        "tests/cases",
    ];
    let files = folders.iter().flat_map(|folder| cases_in(&root().join(folder), None).unwrap());
    let mut ledgers = BTreeMap::<Origin, String>::new();
    for file in files {
        let case = Case::read(&file.path).unwrap();
        let setup = suite.setup(case.origin()).unwrap();
        let ledger = ledgers.entry(case.origin().clone()).or_default();
        for played in crate::case::play(&case, &setup, &mut Native::new(&setup)).unwrap() {
            ledger.push_str(&format!("{}\n", played.outcome.record));
        }
    }
    ledgers
}

#[test]
fn nothing_changes_under_the_same_configuration() {
    let suite = Suite::new(None);
    let mut replayed = 0;
    for (origin, ledger) in ledgers(&suite) {
        let setup = suite.setup(&origin).unwrap();
        let replay = replay(&SourceText::new("ledger.jsonl", ledger), &setup, &[]).unwrap();
        assert_eq!(replay.changes, [], "{origin:?}");
        assert_eq!(replay.other_grounds, 0, "{origin:?}");
        // A request with its record is lost for reasons that the record gives.
        for why in replay.unknown.keys() {
            let known = [
                "refused before",
                "the record does not show",
                "the record has only",
                "the catalog has a route",
                "no message of MCP",
                "refused for what a list had shown",
            ];
            assert!(
                known.iter().any(|known| why.starts_with(known)),
                "{origin:?}: {why}: {:?}",
                replay.unknown
            );
        }
        // Two fifths of the cases of everything get as far as their calls; many are about tokens and proofs, of which no
        // record has enough to decide anew.
        assert!(
            replay.unchanged * 5 >= replay.records * 2,
            "{origin:?}: {} of {}",
            replay.unchanged,
            replay.records
        );
        replayed += replay.unchanged;
    }
    assert!(replayed > 210, "{replayed}");
}

fn verdict(decision: &str, policies: &[&str]) -> Verdict {
    Verdict {
        decision: decision.to_owned(),
        reason: String::new(),
        policies: policies.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn change(before: Verdict, after: Verdict) -> Change {
    Change {
        id: "id".to_owned(),
        time: String::new(),
        subject: String::new(),
        actor: String::new(),
        asked: Vec::new(),
        before,
        after,
        accepted: false,
    }
}

#[test]
fn what_opens_is_a_matter_of_what_refused_it_else_of_what_permits_it() {
    let opened = change(verdict("deny", &["no"]), verdict("allow", &["yes"]));
    assert!(opened.is_loosened() && opened.policies().contains("no"));
    let permitted = change(verdict("deny", &[]), verdict("allow", &["yes"]));
    assert!(permitted.is_loosened() && permitted.policies().contains("yes"));
    let observed = change(verdict("hold", &["no"]), verdict("observe", &["no"]));
    assert!(observed.is_loosened());
    let closed = change(verdict("allow", &["yes"]), verdict("deny", &["no"]));
    assert!(!closed.is_loosened() && closed.policies().contains("no"));
    assert!(!change(verdict("deny", &["no"]), verdict("hold", &["no"])).is_loosened());
}

#[test]
fn values_are_put_where_pointers_say() {
    let mut document = json!({});
    place(&mut document, "/a/b~1c", json!(1));
    place(&mut document, "/a/d", json!(["x"]));
    assert_eq!(document, json!({ "a": { "b/c": 1, "d": ["x"] } }));
}
