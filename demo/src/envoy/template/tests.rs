//! Filling in, and what is refused.

use serde_json::json;

use super::*;

fn fill_in(text: &str, values: &[(&'static str, Value)]) -> Result<Value, String> {
    fill_text(text, &values.iter().cloned().collect())
}

#[test]
fn a_lone_placeholder_takes_the_type_of_its_value() {
    let filled = fill_in("a: { port: \"${PORT}\", name: x }", &[("PORT", json!(80))]);
    assert_eq!(filled, Ok(json!({ "a": { "port": 80, "name": "x" } })));
}

#[test]
fn text_is_filled_in_inside_text() {
    let filled = fill_in("- ${A}/log ${B}.\n- 1s", &[("A", json!("/run")), ("B", json!("b"))]);
    assert_eq!(filled, Ok(json!(["/run/log b.", "1s"])));
}

#[test]
fn a_value_is_never_read_as_template_or_yaml() {
    let filled = fill_in("a: ${A}", &[("A", json!("${A}\"\nb: [1"))]);
    assert_eq!(filled, Ok(json!({ "a": "${A}\"\nb: [1" })));
}

#[test]
fn what_does_not_fit_is_refused() {
    for (text, values) in [
        ("a: ${A}", vec![]),
        ("a: b", vec![("A", json!(1))]),
        ("a: x${A}", vec![("A", json!(1))]),
        ("a: ${A", vec![]),
        ("a: [", vec![]),
        ("a: 1\n---\nb: 1", vec![]),
        ("a: !!int x", vec![]),
        ("1: b", vec![]),
    ] {
        assert!(fill_in(text, &values).is_err(), "{text}");
    }
}
