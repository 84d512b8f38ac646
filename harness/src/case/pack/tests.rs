use super::*;

fn groups_in(policies: &str) -> Vec<String> {
    let mut groups = BTreeSet::new();
    named_groups(policies, &mut groups);
    groups.into_iter().collect()
}

#[test]
fn approver_groups_are_found_in_every_form_that_a_policy_may_use() {
    assert_eq!(groups_in(r#"unless { context.approvals.contains("b") }"#), ["b"]);
    assert_eq!(
        groups_in(r#"context . approvals . containsAll ( [ "a", "b" ] ) || x.contains("c")"#),
        ["a", "b"]
    );
    assert_eq!(
        groups_in("context.approvals\n  .containsAny([\"a\"])\n  && context.approvals.contains(\"d\")"),
        ["a", "d"]
    );
    assert!(
        groups_in(r#"@reason("approvals are a matter of \"taste\"") permit (principal, action, resource);"#)
            .is_empty()
    );
}
