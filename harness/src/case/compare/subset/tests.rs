use serde_json::json;

use super::*;

#[track_caller]
fn check(asked: &Value, there: &Value, pointers: &[&str]) {
    let gaps = missing(asked, there);
    assert_eq!(gaps.iter().map(|gap| gap.pointer.as_str()).collect::<Vec<_>>(), pointers);
}

#[test]
fn members_that_are_not_asked_for_do_not_count() {
    check(&json!({}), &json!({ "a": 1 }), &[]);
    check(&json!({ "a": { "b": 1 } }), &json!({ "a": { "b": 1, "c": 2 }, "d": 3 }), &[]);
}

#[test]
fn what_is_asked_for_is_there() {
    check(&json!({ "a": 1, "b": { "c": "x" } }), &json!({ "a": 2, "b": {} }), &["/a", "/b/c"]);
    check(&json!({ "a/b": 1 }), &json!({}), &["/a~1b"]);
    check(&json!({ "a": {} }), &json!({ "a": [] }), &["/a"]);
    check(&json!(1), &json!("1"), &[""]);
}

#[test]
fn null_asks_for_nothing_to_be_there() {
    check(&json!({ "a": null }), &json!({}), &[]);
    check(&json!({ "a": null }), &json!({ "a": null }), &[]);
    check(&json!({ "a": null }), &json!({ "a": false }), &["/a"]);
}

#[test]
fn lists_are_as_long_as_asked_for() {
    check(&json!([{ "a": 1 }]), &json!([{ "a": 1, "b": 2 }]), &[]);
    check(&json!([{ "a": 1 }]), &json!([{ "a": 2 }]), &["/0/a"]);
    check(&json!(["a"]), &json!(["a", "b"]), &[""]);
    check(&json!(["a", "b"]), &json!(["b", "a"]), &["/0", "/1"]);
}
