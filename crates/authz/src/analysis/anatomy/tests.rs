use super::Anatomy;

/// The parts of a policy, each as the text that begins there.
fn parts(text: &str) -> (String, Vec<String>, Vec<String>) {
    let found = Anatomy::of(text);
    let word = |offset: usize| {
        text.get(offset..).unwrap_or_default().split_whitespace().next().unwrap_or_default().to_owned()
    };
    (
        word(found.effect),
        found.scope.iter().map(|offset| word(*offset)).collect(),
        found.conditions.iter().map(|range| text.get(range.clone()).unwrap().to_owned()).collect(),
    )
}

#[test]
fn parts_are_where_they_are_written() {
    let text = r#"@id("a.b")
@reason("when (x) { y } permit")
forbid ( // principal
  principal is Agent in Group::"a,b",
  action in [Action::"x", Action::"y"], resource
)
when { context.a == "}" && { "a": 1 }.a == 1 } // unless { no }
unless{context.approvals.contains("s\"}")};"#;
    let (effect, scope, conditions) = parts(text);
    assert_eq!(effect, "forbid");
    assert_eq!(scope, ["principal", "action", "resource"]);
    assert_eq!(
        conditions,
        [
            r#"when { context.a == "}" && { "a": 1 }.a == 1 }"#,
            r#"unless{context.approvals.contains("s\"}")}"#
        ]
    );
}

#[test]
fn annotations_may_be_called_as_keywords_are() {
    let (effect, scope, conditions) =
        parts(r#"@permit("x") @when @id("a") permit(principal, action, resource);"#);
    assert_eq!(effect, "permit(principal,");
    assert_eq!(scope, ["principal,", "action,", "resource);"]);
    assert!(conditions.is_empty());
}
