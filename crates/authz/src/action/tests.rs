use cedar_policy::Context;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

use super::*;
use crate::document::TextDocument;

const SCHEMA: &str = r#"
    namespace Shop { entity Item; }
    type Place = { shelf: String };
    action "do" in [Action::"read"] appliesTo { principal: [User], resource: [Shop::Item], context: {
        args: { path: String, count?: Long, deep?: { sure: Bool, names: Set<String> }, all: Set<{ n: Long }> },
        plain?: String,
    } };
    action "go" in [Action::"read"] appliesTo { principal: [User], resource: [Shop::Item], context: {
        to: Place, owner?: User,
    } };
"#;

fn schema() -> BundleSchema {
    BundleSchema::assemble(&[&TextDocument { file: "s".into(), text: SCHEMA.into() }]).unwrap()
}

fn action(schema: &BundleSchema, name: &str) -> Action {
    Action::new(&schema.actions[name], schema, &mut StaticEntities::default()).unwrap()
}

/// What Cedar says of the same arguments among the rest of a context.
fn cedar_takes(schema: &BundleSchema, given: &Map<String, Value>) -> bool {
    let mut context = json!({
        "approvals": [], "task": { "labels": [], "calls": 0, "denials": 0 }, "signals": {}, "time": 1,
        "claims": { "groups": [] },
        "subject": { "__entity": { "type": "User", "id": "a" } },
        "actor": { "__entity": { "type": "Agent", "id": "b" } },
    });
    context.as_object_mut().unwrap().extend(given.clone());
    let Ok(context) = Context::from_json_value(context, None) else { return false };
    context.validate(&schema.cedar, &schema.actions["do"].uid).is_ok()
}

/// Values that often are of the right types.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!("text")),
        Just(json!(7)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!(["a", "b"])),
        Just(json!([1])),
        Just(json!([{ "n": 1 }])),
        Just(json!([{ "n": 1 }, { "n": "x" }])),
        Just(json!({ "sure": true, "names": ["a"] })),
        Just(json!({ "sure": true, "names": [], "more": 1 })),
        Just(json!({ "names": ["a"] })),
        Just(json!({})),
    ];
    let names = prop::sample::select(vec!["path", "count", "deep", "all", "other"]);
    prop_oneof![leaf.clone(), prop::collection::btree_map(names, leaf, 0..5).prop_map(|all| json!(all))]
}

/// What is taken here is not shown to Cedar, so that it must be right by Cedar. The other way round it is so too where no
/// entity is in it: otherwise every call would be checked twice.
#[test]
fn what_is_taken_is_what_cedar_takes() {
    let schema = schema();
    let action = action(&schema, "do");
    let names = || prop::sample::select(vec!["path", "count", "deep", "all", "other"]);
    let outer = prop::sample::select(vec!["args", "args", "args", "plain", "other"]);
    let asked = (prop::collection::btree_map(names(), value(), 0..5), any::<[bool; 3]>(), outer);
    let mut runner = TestRunner::new(Config { cases: 3000, ..Config::default() });
    let held = runner.run(&asked, |(mut args, [path, all, others], name)| {
        if path {
            args.insert("path", json!("docs"));
        }
        if all {
            args.insert("all", json!([{ "n": 1 }]));
        }
        if others {
            args.retain(|name, _| matches!(*name, "path" | "all"));
        }
        let given = Map::from_iter([(name.to_owned(), json!(args))]);
        prop_assert_eq!(action.takes(&given), cedar_takes(&schema, &given), "{}", json!(given));
        Ok(())
    });
    held.unwrap();
}

#[test]
fn what_is_named_elsewhere_is_left_to_cedar() {
    let schema = schema();
    let given = Map::from_iter([("to".to_owned(), json!({ "shelf": "s" }))]);
    assert!(!action(&schema, "go").takes(&given));
}

#[test]
fn records_in_records_are_checked_here() {
    let given =
        json!({ "args": { "path": "p", "all": [{ "n": 3 }], "deep": { "sure": false, "names": ["x"] } } });
    assert!(action(&schema(), "do").takes(given.as_object().unwrap()));
    let long = json!({ "args": { "path": "p", "all": [{ "n": 9_223_372_036_854_775_808_u64 }] } });
    assert!(!action(&schema(), "do").takes(long.as_object().unwrap()));
}
