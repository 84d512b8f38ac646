use cedar_policy::Policy;

use super::*;

fn reads(condition: &str) -> Reads {
    let policy = Policy::parse(None, format!("permit(principal, action, resource) when {{ {condition} }};"));
    Reads::of(policy.unwrap().as_ref().non_scope_constraints_arc().map(AsRef::as_ref))
}

fn keys(condition: &str) -> Vec<&'static str> {
    let reads = reads(condition);
    let named = RESERVED_CONTEXT.into_iter().filter(|name| reads.key(name));
    named.chain(reads.arguments().then_some("(arguments)")).collect()
}

#[test]
fn a_scope_alone_reads_nothing() {
    assert_eq!(Reads::of(None), Reads::default());
    assert_eq!(reads("true"), Reads::default());
}

#[test]
fn what_is_read_of_the_context_is_known_by_its_key() {
    assert_eq!(keys(r#"context.approvals.contains("a")"#), ["approvals"]);
    assert_eq!(keys(r#"context.claims has ticket && context.claims.ticket like "CHG-*""#), ["claims"]);
    assert_eq!(keys("context has claims && context.time > 5"), ["time", "claims"]);
    assert_eq!(keys(r#"context.args.path like "docs/*""#), ["(arguments)"]);
    assert_eq!(keys("context has claims.ticket"), ["claims"]);
    assert_eq!(keys("context.subject == context.actor"), ["subject", "actor"]);
    // The context as a whole is all of it.
    assert_eq!(keys("context == {}").len(), 8);
    assert_eq!(keys("(if true then context else context) has time").len(), 8);
}

#[test]
fn entities_are_read_where_more_than_their_names_is() {
    for none in [
        r#"principal == User::"demo/alice""#,
        "resource is Shop::Item",
        r#"context.claims.groups.contains("g1")"#,
        r#"context.args.path like "docs/*""#,
        r#"context.args.deep.er has x && context.args.deep.er.x == 1"#,
        r#"[context.subject].contains(principal)"#,
    ] {
        assert!(!reads(none).entities, "{none}");
    }
    for some in [
        r#"principal in Group::"g""#,
        r#"resource is Shop::Item in Shop::Shelf::"s""#,
        "resource has owner",
        "resource.owner == principal",
        "resource.repo.owners.contains(principal)",
        "context.subject.name == context.actor.name",
        "context.subject has name",
        "context has subject.name",
        r#"{ a: principal }.a has name"#,
        r#"(if true then principal else resource) has name"#,
        r#"principal.hasTag("x")"#,
        r#"principal.getTag("x") == "y""#,
        r#"[resource.owner].contains(principal)"#,
        r#"{ "a": resource.owner } == { "a": principal }"#,
        "!(resource has owner)",
        "if resource has owner then true else false",
        "true || resource has owner",
    ] {
        assert!(reads(some).entities, "{some}");
    }
}
