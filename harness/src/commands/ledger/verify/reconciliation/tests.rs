use std::io::Write as _;

use serde_json::json;

use super::*;

fn record(id: u8, status: u16) -> String {
    json!({
        "v": 1, "id": format!("id-{id}"), "time": format!("2026-11-24T00:00:{id:02}.000Z"), "stage": "decided",
        "attempted": {}, "decided": { "decision": "deny", "policies": [] }, "executed": { "status": status },
    })
    .to_string()
}

fn findings(logged: &[String], stored: &[(&str, String)]) -> (Vec<(String, Vec<String>)>, Option<String>) {
    let mut log = tempfile::NamedTempFile::new().unwrap();
    for line in logged {
        writeln!(log, "{line}").unwrap();
    }
    let mut findings = Findings::default();
    let mut reconciliation = Reconciliation::default();
    for (number, (emitter, record)) in stored.iter().enumerate() {
        let entry = Entry::of_log(record).unwrap();
        reconciliation.stored(emitter, &format!("{emitter} {number}"), &entry, &mut findings);
    }
    reconciliation.read_log(log.path(), &mut findings).unwrap();
    reconciliation.attempts_without_outcome(&mut findings);
    reconciliation.compare(&mut findings);
    let found = findings.0.into_iter().map(|(what, which)| (what.to_owned(), which)).collect();
    (found, reconciliation.rejected())
}

#[test]
fn what_is_on_both_sides_is_no_finding() {
    let both = [record(1, 200), record(2, 403)];
    let stored = [("g a", both[0].clone()), ("g b", both[1].clone())];
    assert_eq!(findings(&both, &stored), (Vec::new(), None));
}

#[test]
fn what_only_one_side_has_is_told_and_so_is_what_differs() {
    let stored = [
        ("g a", record(1, 200)),
        ("g a", record(3, 200)),
        ("g a", record(4, 500)),
        // Another gateway's, whose log this is not; and one that is younger than the log.
        ("h a", record(5, 200)),
        ("g a", record(9, 200)),
    ];
    let logged = [record(1, 200), record(2, 200), record(4, 200), record(8, 200)];
    let (found, _) = findings(&logged, &stored);
    assert_eq!(
        found,
        [
            (
                "in the log and not in the service's store: lost on the way".to_owned(),
                vec!["id-2".to_owned(), "id-8".to_owned()]
            ),
            ("in the service's store and not in the log of its gateway".to_owned(), vec!["id-3".to_owned()]),
            ("not the same in the log and in the service's store".to_owned(), vec!["id-4".to_owned()]),
        ]
    );
}

#[test]
fn attempts_losses_and_what_the_proxy_refused_are_told_in_their_own_way() {
    let attempt = |id: u8| record(id, 0).replace("\"stage\":\"decided\"", "\"stage\":\"attempted\"");
    let lost = json!({
        "v": 1, "time": "2026-11-24T00:00:03.000Z", "stage": "lost", "attempted": {},
        "lost": { "cause": "overflow", "count": 2, "first": 7, "last": 8 },
    })
    .to_string();
    let rejected =
        json!({ "v": 1, "stage": "rejected_by_proxy", "attempted": {}, "executed": { "status": 400 } });
    let rejected = rejected.to_string();
    let stored = [
        ("g attempts", attempt(1)),
        ("g attempts", attempt(2)),
        ("g a", record(1, 200)),
        ("g a", lost),
        ("g shipper", rejected.clone()),
    ];
    let logged = [record(1, 200), rejected.clone(), rejected];
    let (found, rejected) = findings(&logged, &stored);
    assert_eq!(
        found,
        [
            (
                "attempts whose outcome is unknown to the service".to_owned(),
                vec!["g attempts 1 id-2".to_owned()]
            ),
            (
                "losses that a gateway tells of itself".to_owned(),
                vec!["g a: 2 records of the numbers 7 to 8 (overflow)".to_owned()]
            ),
        ]
    );
    assert_eq!(rejected.as_deref(), Some("2 records in the logs, of which the service has 1"));
}
