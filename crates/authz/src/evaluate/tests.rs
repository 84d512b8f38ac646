use actgate_call::Entity;
use serde_json::{Value, json};

use super::*;
use crate::fixture::{NOW, PERMIT_ALL, bundle, call, caller, one};

fn verdict_of(policies: &str, entities: Value, calls: &ToolCalls) -> Verdict {
    let bundle = bundle(policies, entities).unwrap();
    let caller = caller(&json!({ "groups": ["staff"] }));
    bundle.verdict(&AccessRequest { caller: &caller, calls, now: UnixTime::new(NOW), approved: &[] })
}

fn verdict(policies: &str) -> Verdict {
    verdict_of(policies, json!([]), &one("item.read"))
}

fn held_for(verdict: &Verdict) -> Vec<&str> {
    match verdict {
        Verdict::Hold(_, groups) => groups.iter().map(String::as_str).collect(),
        Verdict::Allow(_) | Verdict::Deny(_) | Verdict::Fail(..) => panic!("not held: {verdict:?}"),
    }
}

#[test]
fn nothing_is_permitted_by_default() {
    assert!(matches!(verdict(""), Verdict::Deny(grounds) if grounds.policies.is_empty()));
}

#[test]
fn both_subject_and_actor_have_to_be_permitted() {
    let subject = r#"@id("s") permit(principal == User::"demo/alice", action, resource);"#;
    let actor = r#"@id("a") permit(principal == Agent::"demo/coder", action, resource);"#;
    assert!(matches!(verdict(subject), Verdict::Deny(g) if g.principal.as_deref() == Some("demo/coder")));
    assert!(matches!(verdict(actor), Verdict::Deny(g) if g.principal.as_deref() == Some("demo/alice")));
    assert!(matches!(verdict(&format!("{subject}{actor}")), Verdict::Allow(g) if g.policies == ["a", "s"]));
}

#[test]
fn a_forbid_wins_over_every_permit() {
    let policies =
        format!(r#"{PERMIT_ALL} @id("no") forbid(principal is Agent, action in Action::"read", resource);"#);
    assert!(matches!(verdict(&policies), Verdict::Deny(g) if g.policies == ["no"]));
}

/// Cedar skips a policy that errs: alone it would allow this call.
#[test]
fn a_forbid_that_errs_denies() {
    let overflow = "context.time * 9223372036854775807 > 0";
    let forbid =
        format!(r#"{PERMIT_ALL} @id("no") forbid(principal, action, resource) when {{ {overflow} }};"#);
    assert!(matches!(verdict(&forbid), Verdict::Fail(..)));
    let permit =
        format!(r#"{PERMIT_ALL} @id("p") permit(principal, action, resource) when {{ {overflow} }};"#);
    assert!(matches!(verdict(&permit), Verdict::Fail(..)));
    let only_if_approved = format!(
        r#"{PERMIT_ALL} @id("no") forbid(principal, action, resource)
           unless {{ context.approvals.contains("a") && {overflow} }};"#
    );
    assert!(matches!(verdict(&only_if_approved), Verdict::Deny(_)));
}

#[test]
fn a_hold_names_the_fewest_groups_in_configuration_order() {
    let unless = |condition: &str| {
        verdict(&format!(
            r#"{PERMIT_ALL} @id("h") forbid(principal, action, resource) unless {{ {condition} }};"#
        ))
    };
    assert_eq!(held_for(&unless(r#"context.approvals.contains("b")"#)), ["b"]);
    assert_eq!(held_for(&unless(r#"context.approvals.containsAll(["c", "a"])"#)), ["a", "c"]);
    assert_eq!(held_for(&unless(r#"context.approvals.containsAny(["a", "b", "c"])"#)), ["c"]);
    assert_eq!(
        held_for(&unless(r#"context.approvals.contains("a") || context.approvals.containsAll(["b", "c"])"#)),
        ["b", "c"]
    );
}

#[test]
fn no_approval_is_asked_for_where_none_would_help() {
    let hold = r#"@id("h") forbid(principal, action, resource) unless { context.approvals.contains("a") };"#;
    let hard = r#"@id("x") forbid(principal is Agent, action, resource);"#;
    let denied = verdict(&format!("{PERMIT_ALL}{hold}{hard}"));
    assert!(matches!(&denied, Verdict::Deny(g) if g.policies == ["x"]), "{denied:?}");
    // Nobody permits it: a hold alone permits nothing either.
    assert!(matches!(verdict(hold), Verdict::Deny(_)));
    let claim = r#"@id("c") forbid(principal, action, resource) unless { context.claims has ticket && context.approvals.contains("a") };"#;
    assert!(matches!(verdict(&format!("{PERMIT_ALL}{claim}")), Verdict::Deny(_)));
}

#[test]
fn several_calls_are_decided_together() {
    let policies = format!(
        r#"{PERMIT_ALL}
        @id("a") forbid(principal, action, resource in Shop::Shelf::"a") unless {{ context.approvals.contains("a") }};
        @id("b") forbid(principal, action, resource in Shop::Shelf::"b") unless {{ context.approvals.contains("b") }};
        @id("x") forbid(principal, action, resource in Shop::Shelf::"x");"#
    );
    let calls =
        |shelves: &[&str]| ToolCalls::new(shelves.iter().map(|shelf| call("item.read", "i", shelf))).unwrap();
    let ask = |shelves: &[&str]| verdict_of(&policies, json!([]), &calls(shelves));
    assert!(matches!(ask(&["s", "t"]), Verdict::Allow(_)));
    assert_eq!(held_for(&ask(&["s", "b", "a"])), ["a", "b"]);
    assert!(matches!(ask(&["s", "a", "x"]), Verdict::Deny(g) if g.call == 2 && g.policies == ["x"]));
}

#[test]
fn a_forbid_sees_ancestors_that_only_entities_know() {
    let entities = json!([
        { "uid": { "type": "Shop::Shelf", "id": "s" }, "attrs": {}, "parents": [{ "type": "Shop::Shelf", "id": "room" }] },
        { "uid": { "type": "Shop::Shelf", "id": "room" }, "attrs": {}, "parents": [{ "type": "Shop::Shelf", "id": "house" }] },
        { "uid": { "type": "Shop::Shelf", "id": "house" }, "attrs": {}, "parents": [] },
        { "uid": { "type": "Group", "id": "demo/staff" }, "attrs": {}, "parents": [{ "type": "Group", "id": "demo/all" }] },
        { "uid": { "type": "Group", "id": "demo/all" }, "attrs": {}, "parents": [] },
        { "uid": { "type": "User", "id": "demo/bob" }, "attrs": {}, "parents": [{ "type": "Group", "id": "demo/bosses" }] },
        { "uid": { "type": "Group", "id": "demo/bosses" }, "attrs": {}, "parents": [] },
        { "uid": { "type": "Shop::Item", "id": "i" }, "attrs": { "owner": { "__entity": { "type": "User", "id": "demo/bob" } } }, "parents": [] }
    ]);
    let forbids = [
        r#"forbid(principal, action, resource in Shop::Shelf::"house")"#,
        r#"forbid(principal in Group::"demo/staff", action, resource)"#,
        r#"forbid(principal in Group::"demo/all", action, resource)"#,
        r#"forbid(principal, action, resource) when { resource has owner && resource.owner in Group::"demo/bosses" }"#,
        r#"forbid(principal, action, resource) when { context.subject in Group::"demo/all" }"#,
        r#"forbid(principal, action, resource) when { User::"demo/bob" in Group::"demo/bosses" }"#,
    ];
    for forbid in forbids {
        let policies = format!(r#"{PERMIT_ALL} @id("f") {forbid};"#);
        let found = verdict_of(&policies, entities.clone(), &one("item.read"));
        assert!(matches!(&found, Verdict::Deny(g) if g.policies == ["f"]), "missed: {forbid}: {found:?}");
    }
}

#[test]
fn a_call_over_the_slice_bound_is_refused_not_cut() {
    let mut entities: Vec<Value> = (0..5000)
        .map(|n| json!({ "uid": { "type": "Group", "id": format!("g{n}") }, "attrs": {}, "parents": [] }))
        .collect();
    let parents: Vec<Value> = (0..5000).map(|n| json!({ "type": "Group", "id": format!("g{n}") })).collect();
    entities.push(json!({ "uid": { "type": "User", "id": "demo/alice" }, "attrs": {}, "parents": parents }));
    let found = verdict_of(PERMIT_ALL, json!(entities), &one("item.read"));
    assert!(matches!(&found, Verdict::Fail(_, error) if error.contains("4096")), "{found:?}");
}

/// No policy reads an entity here, so that no slice is made: what could have none is refused all the same.
#[test]
fn a_request_that_contradicts_itself_is_refused_whatever_policies_read() {
    let shelf = |id: &str, parents: Vec<Entity>| Entity {
        type_name: "Shop::Shelf".into(),
        id: id.to_owned(),
        attributes: BTreeMap::new(),
        parents,
    };
    let ask = |parents: Vec<Entity>, label: Option<&str>| {
        let mut call = call("item.read", "i", "s");
        call.resource.parents = parents;
        let label = label.map(|label| ("label".into(), Attribute::Text(label.to_owned())));
        call.resource.attributes.extend(label);
        let item = json!([
            { "uid": { "type": "Shop::Item", "id": "i" }, "attrs": { "label": "x" }, "parents": [] },
            { "uid": { "type": "Shop::Shelf", "id": "known" }, "attrs": {}, "parents": [{ "type": "Shop::Shelf", "id": "up" }] },
            { "uid": { "type": "Shop::Shelf", "id": "up" }, "attrs": {}, "parents": [] }
        ]);
        verdict_of(PERMIT_ALL, item, &ToolCalls::one(call))
    };
    assert!(matches!(ask(vec![shelf("s", vec![shelf("t", vec![])])], Some("x")), Verdict::Allow(_)));
    let refused = |found: &Verdict, why: &str| {
        assert!(matches!(found, Verdict::Fail(_, error) if error.contains(why)), "{why}: {found:?}");
    };
    refused(&ask(vec![], Some("y")), "another value");
    // Directly, through itself, and through what only the bundle knows.
    refused(&ask(vec![shelf("s", vec![shelf("s", vec![])])], None), "above itself");
    refused(&ask(vec![shelf("s", vec![shelf("t", vec![shelf("s", vec![])])])], None), "above itself");
    refused(&ask(vec![shelf("up", vec![shelf("known", vec![])])], None), "above itself");
    refused(&ask(vec![shelf("s", vec![shelf("up", vec![shelf("known", vec![])])])], None), "above itself");
}
