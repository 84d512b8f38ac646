//! The index and our own slices against plain Cedar: its authorizer, all policies, all entities.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, Context, Decision, Entities, Policy, PolicyId, PolicySet, Request};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::fixture::{NOW, bundle, call, caller};

const PRINCIPALS: [&str; 10] = [
    "principal",
    "principal",
    r#"principal == User::"demo/alice""#,
    r#"principal == Agent::"demo/coder""#,
    r#"principal in User::"demo/alice""#,
    r#"principal in Group::"demo/g0""#,
    r#"principal in Group::"demo/g2""#,
    "principal is User",
    "principal is Agent",
    r#"principal is User in Group::"demo/g1""#,
];
const ACTIONS: [&str; 7] = [
    "action",
    r#"action == Action::"item.read""#,
    r#"action == Action::"item.write""#,
    r#"action in Action::"read""#,
    r#"action in Action::"write""#,
    r#"action in [Action::"item.read", Action::"write"]"#,
    r#"action in [Action::"read", Action::"item.read"]"#,
];
const RESOURCES: [&str; 8] = [
    "resource",
    "resource",
    r#"resource == Shop::Item::"i0""#,
    r#"resource in Shop::Shelf::"s0""#,
    r#"resource in Shop::Shelf::"s2""#,
    r#"resource in Shop::Item::"i1""#,
    "resource is Shop::Item",
    r#"resource is Shop::Item in Shop::Shelf::"s1""#,
];
const CONDITIONS: [&str; 21] = [
    "",
    "",
    "",
    r#"when { resource has owner && resource.owner in Group::"demo/g2" }"#,
    r#"when { resource has owner && resource.owner == context.subject }"#,
    r#"when { context.subject in Group::"demo/g1" }"#,
    r#"unless { User::"demo/bob" in Group::"demo/g1" }"#,
    r#"when { resource has label && resource.label == "x" }"#,
    r#"when { resource in [Shop::Shelf::"s1", Shop::Shelf::"s2"] } unless { context has count }"#,
    // These read nothing of any entity, and one part of the context each.
    r#"when { context.claims.groups.contains("g1") } unless { context.claims has ticket }"#,
    r#"when { context.approvals.contains("a") || principal == User::"demo/alice" }"#,
    r#"when { context.task.calls < 1 && !(context.task has id) }"#,
    r#"when { context.actor == Agent::"demo/coder" && resource is Shop::Item }"#,
    r#"unless { [context.subject, User::"demo/bob"].contains(User::"demo/alice") }"#,
    r#"when { context has count && context.count > 1 }"#,
    r#"when { resource == Shop::Item::"i0" && context.time > 5 }"#,
    // These read entities in ways that are not plain.
    r#"when { (if context has count then resource else Shop::Item::"i1") has owner }"#,
    r#"when { [context.subject].contains(User::"demo/alice") && { a: resource }.a has label }"#,
    r#"unless { principal in [context.subject, Group::"demo/g0"] }"#,
    // These err where they are asked at all.
    r#"when { context.time * 9223372036854775807 > 0 }"#,
    r#"when { resource has label && context.time + 9223372036854775807 > 0 }"#,
];

/// Policies over everything that a scope can say.
fn policies() -> impl Strategy<Value = Vec<String>> {
    let policy = (any::<bool>(), select(&PRINCIPALS), select(&ACTIONS), select(&RESOURCES), 0..42usize);
    let text = policy.prop_map(|(forbids, principal, action, resource, condition)| {
        let effect = if forbids { "forbid" } else { "permit" };
        // Half without a condition: what errs hides what the others say.
        let condition = CONDITIONS.get(condition).unwrap_or(&"");
        format!("{effect}({principal}, {action}, {resource}) {condition};")
    });
    vec(text, 0..14)
}

/// A hierarchy without circles: everything is in things with higher numbers.
fn entities() -> impl Strategy<Value = Vec<Value>> {
    let some = |most: usize| vec(0..most, 0..3);
    (some(4), some(4), vec(some(4), 4), vec(some(4), 4), vec((some(4), 0..3usize, any::<bool>()), 2), vec(any::<bool>(), 12)).prop_map(
        |(alice, bob, groups, shelves, items, told)| {
            let up = |kind: &str, prefix: &str, own: usize, above: &[usize]| -> Vec<Value> {
                let above: BTreeSet<usize> = above.iter().copied().filter(|above| *above > own).collect();
                above.iter().map(|n| json!({ "type": kind, "id": format!("{prefix}{n}") })).collect()
            };
            let all = |kind: &str, prefix: &str, above: &[usize]| -> Vec<Value> {
                let above: BTreeSet<usize> = above.iter().copied().collect();
                above.iter().map(|n| json!({ "type": kind, "id": format!("{prefix}{n}") })).collect()
            };
            let mut made = vec![
                json!({ "uid": { "type": "User", "id": "demo/alice" }, "attrs": {}, "parents": all("Group", "demo/g", &alice) }),
                json!({ "uid": { "type": "User", "id": "demo/bob" }, "attrs": {}, "parents": all("Group", "demo/g", &bob) }),
            ];
            for (n, above) in groups.iter().enumerate() {
                made.push(json!({ "uid": { "type": "Group", "id": format!("demo/g{n}") }, "attrs": {}, "parents": up("Group", "demo/g", n, above) }));
            }
            for (n, above) in shelves.iter().enumerate() {
                made.push(json!({ "uid": { "type": "Shop::Shelf", "id": format!("s{n}") }, "attrs": {}, "parents": up("Shop::Shelf", "s", n, above) }));
            }
            for (n, (above, owner, labelled)) in items.iter().enumerate() {
                let mut attributes = serde_json::Map::new();
                if *labelled {
                    attributes.insert("label".to_owned(), "x".into());
                }
                if let Some(owner) = ["demo/alice", "demo/bob"].get(*owner) {
                    attributes.insert("owner".to_owned(), json!({ "__entity": { "type": "User", "id": owner } }));
                }
                made.push(json!({ "uid": { "type": "Shop::Item", "id": format!("i{n}") }, "attrs": attributes, "parents": all("Shop::Shelf", "s", above) }));
            }
            // Static entities are often incomplete.
            made.into_iter().zip(told).filter_map(|(entity, told)| told.then_some(entity)).collect()
        },
    )
}

/// All entities and those of the request, as plain Cedar wants them: each once, with all its parents.
fn plain_entities(known: &[Value], groups: &[String], item: &str, shelf: &str) -> Entities {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    let brought = [
        json!({ "uid": { "type": "User", "id": "demo/alice" }, "attrs": {}, "parents":
            groups.iter().map(|group| json!({ "type": "Group", "id": format!("demo/{group}") })).collect::<Vec<_>>() }),
        json!({ "uid": { "type": "Shop::Item", "id": item }, "attrs": {}, "parents": [{ "type": "Shop::Shelf", "id": shelf }] }),
        json!({ "uid": { "type": "Action", "id": "item.read" }, "attrs": {}, "parents": [{ "type": "Action", "id": "read" }] }),
        json!({ "uid": { "type": "Action", "id": "item.write" }, "attrs": {}, "parents": [{ "type": "Action", "id": "write" }] }),
    ];
    for entity in known.iter().chain(&brought) {
        match all.get_mut(&entity["uid"].to_string()) {
            Some(other) => {
                let more: Vec<Value> = entity["parents"].as_array().unwrap().clone();
                let parents = other["parents"].as_array_mut().unwrap();
                for parent in more {
                    if !parents.contains(&parent) {
                        parents.push(parent);
                    }
                }
            }
            None => {
                all.insert(entity["uid"].to_string(), entity.clone());
            }
        }
    }
    Entities::from_json_value(all.into_values().collect(), None).unwrap()
}

fn plain_context(groups: &[String]) -> Context {
    let context = json!({
        "approvals": [], "task": { "labels": [], "calls": 0, "denials": 0 }, "signals": {}, "time": NOW,
        "claims": { "groups": groups },
        "subject": { "__entity": { "type": "User", "id": "demo/alice" } },
        "actor": { "__entity": { "type": "Agent", "id": "demo/coder" } },
    });
    Context::from_json_value(context, None).unwrap()
}

/// What plain Cedar says: decision, determining policies, and those that err.
fn plain(
    policies: &PolicySet,
    entities: &Entities,
    principal: &str,
    action: &str,
    item: &str,
    groups: &[String],
) -> (Decision, BTreeSet<String>, BTreeSet<String>) {
    let request = Request::new(
        principal.parse().unwrap(),
        format!("Action::\"{action}\"").parse().unwrap(),
        format!("Shop::Item::\"{item}\"").parse().unwrap(),
        plain_context(groups),
        None,
    )
    .unwrap();
    let response = Authorizer::new().is_authorized(&request, policies, entities);
    let ids = response.diagnostics().reason().map(ToString::to_string).collect();
    let errors = response
        .diagnostics()
        .errors()
        .map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
        })
        .collect();
    (response.decision(), ids, errors)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_index_and_the_slice_say_what_plain_cedar_says(
        policies in policies(),
        entities in entities(),
        groups in vec(0..4usize, 0..3),
        action in select(&["item.read", "item.write"]),
        item in select(&["i0", "i1", "i9"]),
        shelf in select(&["s0", "s1", "s3", "s9"]),
    ) {
        let named: Vec<String> = policies.iter().enumerate().map(|(n, text)| format!("@id(\"p{n}\") {text}")).collect();
        let ours = bundle(&named.join("\n"), Value::Array(entities.clone()));
        // Strict validation refuses what can never be; such a set is no question.
        prop_assume!(ours.is_ok());
        let ours = ours.unwrap();
        let set = PolicySet::from_policies(policies.iter().enumerate().map(|(n, text)| {
            Policy::parse(Some(PolicyId::new(format!("p{n}"))), text).unwrap()
        }))
        .unwrap();
        let groups: Vec<String> = groups.iter().collect::<BTreeSet<_>>().iter().map(|n| format!("g{n}")).collect();
        let known = plain_entities(&entities, &groups, item, shelf);

        let caller = caller(&json!({ "groups": groups }));
        let calls = ToolCalls::one(call(action, item, shelf));
        let request = AccessRequest { caller: &caller, calls: &calls, now: UnixTime::new(NOW), approved: &[] };
        let question = ours.question(&request, calls.first(), Breadth::Candidates).unwrap();
        let context = ours.context_of(&question, &[]).unwrap();
        for asker in &question.askers {
            let principal = asker.uid.to_string();
            let (decision, determining, errors) = plain(&set, &known, &principal, action, item, &groups);
            match ours.ask(&question, asker, &context) {
                Ok(answer) => {
                    prop_assert!(errors.is_empty(), "{principal}: {errors:?} did not err here");
                    prop_assert_eq!(answer.allows, decision == Decision::Allow);
                    let own: BTreeSet<String> =
                        answer.determining.iter().map(|n| ours.policies.rule(*n).unwrap().facts.id.clone()).collect();
                    prop_assert_eq!(own, determining);
                }
                Err(error) => {
                    let first = errors.iter().find(|id| error.contains(&format!("`{id}`")));
                    prop_assert!(first.is_some(), "{error}, but plain Cedar has {errors:?}");
                }
            }
        }
    }
}
