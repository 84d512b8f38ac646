use super::*;

fn split(text: &str) -> Result<Vec<(usize, String)>, Fault> {
    let source = TextDocument { file: "x.cedar".into(), text: text.into() };
    statements(&source).map(|found| found.iter().map(|s| (s.offset, s.text.to_owned())).collect())
}

#[test]
fn splits_at_semicolons_outside_strings_and_comments() {
    let found = split("// a; b\n@id(\"x;y\")\npermit(principal, action, resource);\n  forbid(principal, action, resource); ").unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0, 8);
    assert!(found[0].1.starts_with("@id(\"x;y\")"));
    assert!(found[1].1.starts_with("forbid"));
}

#[test]
fn an_escaped_quote_does_not_end_a_string() {
    let found = split(r#"@id("a\";b") permit(principal, action, resource);"#).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn an_unfinished_policy_is_kept_for_the_parser_to_refuse() {
    assert_eq!(split("permit(principal, action, resource)").unwrap().len(), 1);
    assert_eq!(split(" // nothing\n").unwrap().len(), 0);
}

#[test]
fn a_long_chain_is_refused_before_it_can_exhaust_a_stack() {
    let chain = vec!["true"; 400].join(" || ");
    let fault = split(&format!("permit(principal, action, resource) when {{ {chain} }};")).unwrap_err();
    assert!(fault.message.contains("operators"), "{fault}");
    let nested =
        format!("permit(principal, action, resource) when {{ {}true{} }};", "(".repeat(40), ")".repeat(40));
    assert!(split(&nested).is_err());
    let chosen = format!(
        "permit(principal, action, resource) when {{ {} true }};",
        "if true then true else ".repeat(300)
    );
    assert!(split(&chosen).is_err());
}
