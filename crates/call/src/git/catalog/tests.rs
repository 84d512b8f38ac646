use serde_json::{Value, json};

use super::*;

fn faults(document: Value) -> Vec<String> {
    let raw: RawCatalog = serde_json::from_value(document).unwrap();
    Catalog::try_from(raw).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_catalog_says_service_groups_and_refusals() {
    assert_eq!(
        faults(json!({
            "service": "git",
            "groups": {
                "git.fetch": ["read"], "git.push.probe": ["read"], "git.ref.create": ["write"],
                "git.ref.update": ["write"], "git.ref.delete": ["destroy"],
            },
            "refuse": { "headers": ["x-remote-user"] },
        })),
        Vec::<String>::new()
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    assert_eq!(
        faults(
            json!({ "service": "a b", "groups": { "git.ref.creat": ["write"] }, "refuse": { "headers": ["X Y"] } })
        ),
        [
            "/service: service `a b` is not 1 to 128 letters, digits, `-`, `_`, `.` or `:`",
            "/groups/git.ref.creat: no route has the action `git.ref.creat`, and nothing is in such a group (did you mean `git.ref.create`?)",
            "/refuse/headers/0: `X Y` is not a header name in lower case",
        ]
    );
}

#[test]
fn routes_are_gits_own() {
    let raw = json!({ "service": "git", "groups": {}, "routes": [] });
    assert!(serde_json::from_value::<RawCatalog>(raw).is_err());
}
