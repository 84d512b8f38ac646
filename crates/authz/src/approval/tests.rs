use cedar_policy::Policy;

use super::*;

fn groups_of(text: &str) -> Result<BTreeSet<String>, ApprovalMisuse> {
    let policy = Policy::parse(None, text).unwrap();
    let known = ["release-managers".to_owned(), "security".to_owned()];
    approver_groups(policy.to_pst().unwrap().body(), &known)
}

fn forbid_unless(condition: &str) -> Result<BTreeSet<String>, ApprovalMisuse> {
    groups_of(&format!("forbid(principal, action, resource) unless {{ {condition} }};"))
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn accepts_what_is_monotone() {
    let accepted = [
        (r#"context.approvals.contains("security")"#, set(&["security"])),
        (r#"context["approvals"].contains("security")"#, set(&["security"])),
        (
            r#"context.approvals.containsAll(["security", "release-managers"])"#,
            set(&["release-managers", "security"]),
        ),
        (r#"context.approvals.containsAny(["security"])"#, set(&["security"])),
        (r#"context.approvals.contains("security") && context.claims has ticket"#, set(&["security"])),
        (r#"resource.open || context.approvals.contains("security")"#, set(&["security"])),
        (
            r#"(context.approvals.contains("security") || context.approvals.contains("release-managers")) && context.time < 10"#,
            set(&["release-managers", "security"]),
        ),
        (r#"context.time < 10 && !(context.claims has risk)"#, set(&[])),
    ];
    for (condition, groups) in accepted {
        assert_eq!(forbid_unless(condition).unwrap(), groups, "{condition}");
    }
    assert_eq!(
        groups_of("permit(principal, action, resource) when { context.time < 10 };").unwrap(),
        set(&[])
    );
}

#[test]
fn refuses_whatever_could_widen_a_right_or_be_satisfied_by_absence() {
    let in_unless = [
        r#"!context.approvals.contains("security")"#,
        r#"!(context.approvals.contains("security") && true)"#,
        r#"context.approvals.contains("security") == false"#,
        r#"false == context.approvals.contains("security")"#,
        r#"context.approvals.contains("security") != true"#,
        r#"context.approvals == []"#,
        r#"context.approvals.isEmpty()"#,
        r#"[].containsAll(context.approvals)"#,
        r#"["security"].containsAll(context.approvals)"#,
        r#"["security"].containsAny(context.approvals)"#,
        r#"[context.approvals].contains([])"#,
        r#"context.approvals.containsAll([])"#,
        r#"context.approvals.containsAny([])"#,
        r#"context.approvals.contains(resource.group)"#,
        r#"context.approvals.containsAll(resource.groups)"#,
        r#"context.approvals.containsAny(["security", resource.group])"#,
        r#"context.approvals.contains("securty")"#,
        r#"context.approvals.containsAny(["security", "nobody"])"#,
        r#"if context.approvals.contains("security") then false else true"#,
        r#"if true then context.approvals.contains("security") else false"#,
        r#"context has approvals"#,
        r#"context == resource.expected"#,
        r#"resource.expected == context"#,
        r#"[context].contains(resource.expected)"#,
        r#"{ a: context }.a.approvals.contains("security")"#,
        r#"(if true then context else context).approvals.contains("security")"#,
        r#"{ a: context.approvals }.a.contains("security")"#,
        r#"resource.groups.containsAll(context.approvals)"#,
        r#"context.approvals.contains("security") && !context.approvals.contains("release-managers")"#,
        r#"(context.approvals.contains("security") || context.time < 10) == true"#,
        r#"[context.approvals.contains("security")].contains(false)"#,
        r#"context has approvals.length"#,
        r#"context has claims && context has approvals && true"#,
        r#"-1 < 0 && !(!context.approvals.contains("security"))"#,
        r#"context.approvals.contains("security") || (if context.approvals.isEmpty() then true else false)"#,
        r#"context.approvals.contains(if true then "security" else "nobody")"#,
        r#"context.approvals.contains("Security")"#,
        r#"context.approvals.contains(" security")"#,
        r#"context.approvals.contains("")"#,
        r#"context.approvals.contains(["security"])"#,
        r#"context.approvals.containsAll([["security"]])"#,
        r#"[{ a: context.approvals }].contains({ a: [] })"#,
        r#"context.approvals is Git::Ref"#,
        r#"principal in context.approvals"#,
        r#"context.claims == { groups: context.approvals }"#,
        r#"ip("127.0.0.1").isLoopback() && !context.approvals.contains("security")"#,
    ];
    for condition in in_unless {
        assert!(forbid_unless(condition).is_err(), "accepted: {condition}");
    }
    let elsewhere = [
        r#"permit(principal, action, resource) when { context.approvals.contains("security") };"#,
        r#"permit(principal, action, resource) unless { context.approvals.contains("security") };"#,
        r#"forbid(principal, action, resource) when { context.approvals.contains("security") };"#,
        r#"forbid(principal, action, resource) when { !context.approvals.contains("security") };"#,
        r#"forbid(principal, action, resource) when { true } when { context.approvals.isEmpty() };"#,
        r#"permit(principal, action, resource) when { context has approvals };"#,
        r#"permit(principal, action, resource) unless { context.approvals.isEmpty() };"#,
        r#"permit(principal, action, resource) unless { !context.approvals.contains("security") };"#,
        r#"forbid(principal, action, resource) when { context.approvals.isEmpty() } unless { context.approvals.contains("security") };"#,
        r#"forbid(principal, action, resource) unless { context.approvals.contains("security") } unless { !context.approvals.contains("security") };"#,
        r#"forbid(principal, action, resource) when { [context].contains(resource.expected) };"#,
    ];
    for policy in elsewhere {
        assert!(groups_of(policy).is_err(), "accepted: {policy}");
    }
}

#[test]
fn names_the_unknown_group() {
    let misuse = forbid_unless(r#"context.approvals.contains("securty")"#).unwrap_err();
    assert_eq!(misuse, ApprovalMisuse::UnknownGroup("securty".into()));
}

#[test]
fn policies_without_approvals_say_what_cedar_can_say() {
    for policy in [
        r#"permit(principal, action, resource) when { ip("127.0.0.1").isLoopback() };"#,
        r#"permit(principal, action, resource) when { decimal("1.0").lessThan(decimal("2.0")) };"#,
        r#"forbid(principal, action, resource) unless { datetime("2026-01-01") < datetime("2027-01-01") };"#,
        r#"permit(principal, action, resource) when { resource.approvals.contains("anything") };"#,
        r#"permit(principal, action, resource) when { context.claims.groups.contains("security") };"#,
        r#"permit(principal, action, resource) when { context has claims.ticket && context.claims.ticket like "CHG-*" };"#,
        r#"permit(principal, action, resource) when { if context.time < 10 then true else context.task.calls < 5 };"#,
    ] {
        assert_eq!(groups_of(policy).unwrap(), set(&[]), "{policy}");
    }
}

mod property {
    //! Whatever is accepted is monotone: what Cedar itself says of it, over every set of approvals.

    use std::str::FromStr as _;

    use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
    use proptest::prelude::*;

    use super::groups_of;

    const GROUPS: [&str; 2] = ["release-managers", "security"];

    /// Conditions that ask for approvals in every way that this grammar has, the wrong ones included.
    fn condition() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            4 => Just(r#"context.approvals.contains("security")"#.to_owned()),
            4 => Just(r#"context.approvals.contains("release-managers")"#.to_owned()),
            2 => Just(r#"context.approvals.containsAll(["security", "release-managers"])"#.to_owned()),
            2 => Just(r#"context.approvals.containsAny(["security", "release-managers"])"#.to_owned()),
            1 => Just("context.approvals.isEmpty()".to_owned()),
            1 => Just("context.approvals == []".to_owned()),
            1 => Just(r#"["security"].containsAll(context.approvals)"#.to_owned()),
            1 => Just("context has approvals".to_owned()),
            2 => Just("true".to_owned()),
            2 => Just("context.time < 10".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
                3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
                1 => inner.clone().prop_map(|a| format!("!({a})")),
                1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) == ({b})")),
                1 => (inner.clone(), inner.clone(), inner)
                    .prop_map(|(a, b, c)| format!("if {a} then {b} else {c}")),
            ]
        })
    }

    fn allows(policies: &PolicySet, approvals: &[&str]) -> bool {
        let context = serde_json::json!({ "approvals": approvals, "time": 11 });
        let uid = |text| EntityUid::from_str(text).unwrap();
        let (principal, action, resource) =
            (uid(r#"User::"a""#), uid(r#"Action::"b""#), uid(r#"Thing::"c""#));
        let context = Context::from_json_value(context, None).unwrap();
        let request = Request::new(principal, action, resource, context, None).unwrap();
        Authorizer::new().is_authorized(&request, policies, &Entities::empty()).decision() == Decision::Allow
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn more_approvals_never_take_away_and_fewer_never_give(
            condition in condition(),
            place in prop_oneof![4 => Just("forbid unless"), 1 => Just("forbid when"), 1 => Just("permit when"), 1 => Just("permit unless")],
        ) {
            let (effect, clause) = place.split_once(' ').unwrap();
            let text = format!("{effect}(principal, action, resource) {clause} {{ {condition} }};");
            let accepted = groups_of(&text);
            let Ok(named) = accepted else { return Ok(()) };
            prop_assert!(named.is_empty() || place == "forbid unless");
            let rest = if effect == "forbid" { "permit(principal, action, resource);" } else { "" };
            let policies = PolicySet::from_str(&format!("{text}\n{rest}")).unwrap();
            let (none, both) = (allows(&policies, &[]), allows(&policies, &GROUPS));
            let (first, second) = (allows(&policies, &GROUPS[..1]), allows(&policies, &GROUPS[1..]));
            prop_assert!((!none || first && second) && (!first || both) && (!second || both), "{}", text);
            // What names no group does not change by any.
            prop_assert!(!named.is_empty() || none == both);
        }
    }
}
