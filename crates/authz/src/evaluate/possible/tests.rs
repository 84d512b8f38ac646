//! What is hidden is denied, whatever it is called with; and what is shown is no more than it must be, where that can be
//! known.

use actgate_call::{Entity, ToolCall, ToolCalls, mcp::Possible};
use actgate_token::{Caller, UnixTime};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    decision::Decision,
    evaluate::AccessRequest,
    fixture::{NOW, bundle, call, caller},
};

const PRINCIPALS: [&str; 6] = [
    "principal",
    r#"principal == User::"demo/alice""#,
    r#"principal == Agent::"demo/coder""#,
    r#"principal in Group::"demo/g0""#,
    "principal is User",
    "principal is Agent",
];
const ACTIONS: [&str; 3] = ["action", r#"action == Action::"item.read""#, r#"action in Action::"write""#];
const RESOURCES: [&str; 5] = [
    "resource",
    r#"resource == Shop::Item::"i0""#,
    r#"resource == Shop::Item::"i1""#,
    r#"resource in Shop::Shelf::"s0""#,
    "resource is Shop::Item",
];
/// Parts of conditions: of arguments, of what is known, and some that err.
const ATOMS: [&str; 14] = [
    "true",
    "false",
    "context has count",
    "(context has count && context.count > 3)",
    "(context has count && context.count == 2)",
    "(context has count && context.count * 9223372036854775807 > 0)",
    r#"context.subject in Group::"demo/g0""#,
    "context.claims has ticket",
    "context.time > 5",
    "context.time * 9223372036854775807 > 0",
    r#"resource == Shop::Item::"i0""#,
    r#"resource in Shop::Shelf::"s0""#,
    r#"(resource has label && resource.label == "x")"#,
    "principal == context.actor",
];
/// What may stand as `unless`, and ask for approval.
const APPROVALS: [&str; 4] = [
    "",
    "",
    r#"unless { context.approvals.contains("a") }"#,
    r#"unless { context.approvals.contains("a") && context.approvals.contains("b") }"#,
];

fn condition() -> impl Strategy<Value = String> {
    let atom = select(&ATOMS[..]).prop_map(str::to_owned);
    atom.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            inner.clone().prop_map(|one| format!("(!{one})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(test, one, other)| format!("(if {test} then {one} else {other})")),
        ]
    })
}

fn policies() -> impl Strategy<Value = Vec<String>> {
    let scope = (select(&PRINCIPALS[..]), select(&ACTIONS[..]), select(&RESOURCES[..]));
    let policy = (0..3usize, scope, proptest::option::of(condition()), select(&APPROVALS[..])).prop_map(
        |(effect, (principal, action, resource), when, unless)| {
            let forbids = effect == 0;
            let when = when.map(|when| format!("when {{ {when} }}")).unwrap_or_default();
            let unless = if forbids { unless } else { "" };
            let effect = if forbids { "forbid" } else { "permit" };
            format!("{effect}({principal}, {action}, {resource}) {when} {unless};")
        },
    );
    vec(policy, 1..8)
}

fn with(mut call: ToolCall, count: Option<i64>) -> ToolCall {
    call.arguments =
        count.map(|count| ("count".to_owned(), Value::from(count))).into_iter().collect::<Map<_, _>>();
    call
}

/// Whether policies let a call through, or people could.
fn passes(bundle: &PolicyBundle, caller: &Caller, call: ToolCall) -> bool {
    let calls = ToolCalls::one(call);
    let request = AccessRequest { caller, calls: &calls, now: UnixTime::new(NOW), approved: &[] };
    match bundle.decide(&request) {
        Decision::Allow(_) | Decision::RequireApproval(_) => true,
        Decision::Deny(_) => false,
    }
}

fn anything(call: ToolCall) -> Possible {
    let resource = Entity { id: "\0".to_owned(), ..call.resource.clone() };
    Possible { call: ToolCall { resource, ..call }, any_resource: true }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_is_hidden_is_denied_with_any_arguments(
        policies in policies(),
        grouped in any::<bool>(),
        labelled in any::<bool>(),
        action in select(&["item.read", "item.write"][..]),
        counts in vec(-1..12i64, 0..6),
    ) {
        let named: Vec<String> = policies.iter().enumerate().map(|(n, text)| format!("@id(\"p{n}\") {text}")).collect();
        let label = if labelled { json!({ "label": "x" }) } else { json!({}) };
        let entities = json!([{ "uid": { "type": "Shop::Item", "id": "i1" }, "attrs": label, "parents": [{ "type": "Shop::Shelf", "id": "s0" }] }]);
        let ours = bundle(&named.join("\n"), entities);
        prop_assume!(ours.is_ok());
        let ours = ours.unwrap();
        let caller = caller(&if grouped { json!({ "groups": ["g0"] }) } else { json!({}) });
        let counts: Vec<Option<i64>> = counts.into_iter().map(Some).chain([None, Some(2), Some(4)]).collect();
        let now = UnixTime::new(NOW);
        let mut some = false;
        for item in ["i0", "i1", "i2"] {
            let asked = call(action, item, "s1");
            let passing = counts.iter().filter(|count| passes(&ours, &caller, with(asked.clone(), **count))).count();
            some |= passing > 0;
            let possible = Possible { call: asked, any_resource: false };
            let shown = ours.could_permit(&caller, None, &possible, now);
            prop_assert!(shown || passing == 0, "{item} is hidden, and passes {passing} times:\n{}", named.join("\n"));
        }
        let shown = ours.could_permit(&caller, None, &anything(call(action, "", "s1")), now);
        prop_assert!(shown || !some, "a template is hidden of which something passes:\n{}", named.join("\n"));
    }
}

fn shows(policies: &str) -> bool {
    let bundle = bundle(policies, json!([])).unwrap();
    let possible = Possible { call: call("item.read", "i", "s"), any_resource: false };
    bundle.could_permit(&caller(&json!({})), None, &possible, UnixTime::new(NOW))
}

#[test]
fn what_no_argument_makes_possible_is_hidden() {
    for hidden in [
        // Nobody permits it, or only one of the two.
        r#"@id("a") permit(principal is User, action, resource);"#,
        // What is known says no.
        r#"@id("a") permit(principal, action, resource) when { context.claims has ticket && context has count };"#,
        r#"@id("a") permit(principal, action, resource) when { context has count && false };"#,
        // A forbid that no argument lifts.
        r#"@id("a") permit(principal, action, resource); @id("b") forbid(principal, action, resource) when { context.time > 5 || context has count };"#,
        r#"@id("a") permit(principal, action, resource); @id("b") forbid(principal is Agent, action, resource);"#,
        // What can only err denies.
        r#"@id("a") permit(principal, action, resource); @id("b") permit(principal, action, resource) when { context.time * 9223372036854775807 > 0 };"#,
        // No approval lifts the other one.
        r#"@id("a") permit(principal, action, resource); @id("b") forbid(principal, action, resource) unless { context.approvals.contains("a") }; @id("c") forbid(principal, action, resource);"#,
    ] {
        assert!(!shows(hidden), "shown by {hidden}");
    }
}

#[test]
fn what_some_argument_or_some_person_makes_possible_is_shown() {
    for shown in [
        r#"@id("a") permit(principal, action, resource);"#,
        r#"@id("a") permit(principal, action, resource) when { context has count && context.count == 77 };"#,
        r#"@id("a") permit(principal, action, resource); @id("b") forbid(principal, action, resource) unless { context has count };"#,
        r#"@id("a") permit(principal, action, resource); @id("b") forbid(principal, action, resource) unless { context.approvals.contains("a") };"#,
    ] {
        assert!(shows(shown), "hidden by {shown}");
    }
}

#[test]
fn what_the_token_does_not_cover_is_hidden() {
    let bundle = bundle(crate::fixture::PERMIT_ALL, json!([])).unwrap();
    let possible = Possible { call: call("item.read", "i", "s"), any_resource: false };
    let details = |action: &str| json!({ "authorization_details": [{ "type": "actgate", "actions": [action], "resources": ["*"] }] });
    let sees = |claims: &Value| bundle.could_permit(&caller(claims), None, &possible, UnixTime::new(NOW));
    assert!(sees(&details("item.read")));
    assert!(!sees(&details("item.write")));
}
