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
