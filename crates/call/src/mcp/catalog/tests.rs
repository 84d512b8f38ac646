use serde_json::{Value, json};

use super::*;

fn faults(document: Value) -> Vec<String> {
    let raw: RawCatalog = serde_json::from_value(document).unwrap();
    Catalog::try_from(raw, Limits::default())
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "callers pass what they have just made")]
fn with_tool(tool: Value) -> Value {
    json!({ "service": "files", "groups": {}, "tools": [tool] })
}

#[test]
fn the_document_of_the_tests_is_sound() {
    assert_eq!(faults(crate::mcp::tests::document()), Vec::<String>::new());
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    assert_eq!(
        faults(json!({
            "service": "a b", "path": "/mcp//", "groups": { "file.raed": ["read"] },
            "tools": [
                { "name": "", "action": "file.read", "effect": "read" },
                { "name": "a*b", "action": "file.read", "effect": "read" },
                { "name": "a*", "action": "file.read", "effect": "read" },
                { "name": "a*", "action": "mcp.connect", "effect": "read" },
                { "name": "b", "action": "no word", "effect": "read" },
            ],
        })),
        [
            "/service: service `a b` is not 1 to 128 letters, digits, `-`, `_`, `.` or `:`",
            "/groups/file.raed: no route has the action `file.raed`, and nothing is in such a group (did you mean `file.read`?)",
            "/path: path `/mcp//` is not a canonical path without escapes",
            "/tools/0/name: `` is empty, or has `*` elsewhere than at its end",
            "/tools/1/name: `a*b` is empty, or has `*` elsewhere than at its end",
            "/tools/3/name: `a*` is there twice",
            "/tools/3/action: action `mcp.connect` is the adapter's own",
            "/tools/4/action: action `no word` is not 1 to 128 letters, digits, `-`, `_`, `.` or `:`",
        ]
    );
}

#[test]
fn arguments_are_what_they_can_be() {
    let one = |argument: Value| {
        faults(with_tool(
            json!({ "name": "t", "action": "a", "effect": "read", "arguments": { "x": argument } }),
        ))
    };
    assert_eq!(one(json!({ "type": "strings", "path": "absolute" })), Vec::<String>::new());
    assert_eq!(
        one(json!({ "type": "long", "path": "absolute" })),
        ["/tools/0/arguments/x/path: only text is a path"]
    );
    assert_eq!(
        one(json!({ "type": "strings", "each": true })),
        ["/tools/0/arguments/x/each: only `type: string` can be a call for each member of a list"]
    );
    assert_eq!(
        one(json!({ "type": "string", "each": true, "optional": true })),
        ["/tools/0/arguments/x/optional: a list that is a call for each member must be there"]
    );
    assert_eq!(
        one(json!({ "type": "any", "header": "x" })),
        ["/tools/0/arguments/x/header: a header repeats one text, number or truth value"]
    );
    assert_eq!(
        one(json!({ "type": "string", "header": "X Y" })),
        ["/tools/0/arguments/x/header: `X Y` is not the end of a header name in lower case"]
    );
    let two = json!({ "x": { "type": "string", "each": true }, "y": { "type": "string", "each": true, "as": "x" } });
    assert_eq!(
        faults(with_tool(json!({ "name": "t", "action": "a", "effect": "read", "arguments": two }))),
        [
            "/tools/0/arguments/y/each: one list at most can be a call for each member",
            "/tools/0/arguments/y/as: another argument is `x` in the policy context",
        ]
    );
}

#[test]
fn unknown_keys_are_errors() {
    for document in [
        json!({ "service": "s", "groups": {}, "routes": [] }),
        with_tool(json!({ "name": "t", "action": "a", "effect": "read", "argument": {} })),
        with_tool(
            json!({ "name": "t", "action": "a", "effect": "read", "arguments": { "x": { "type": "number" } } }),
        ),
        with_tool(json!({ "name": "t", "action": "a" })),
    ] {
        assert!(serde_json::from_value::<RawCatalog>(document.clone()).is_err(), "{document}");
    }
}
