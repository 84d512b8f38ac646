use serde_json::json;

use super::*;

fn listing() -> Listing {
    Listing {
        tools: vec![
            json!({ "name": "write_file", "description": "Writes.\n# not a comment's end", "annotations": { "readOnlyHint": true },
                "inputSchema": { "type": "object", "required": ["path"], "properties": {
                    "path": { "type": "string" }, "mode": { "type": "integer", "x-mcp-header": "Mode" },
                    "tags": { "type": "array", "items": { "type": "string" } }, "options": { "type": "object" },
                    "sync": { "anyOf": [{ "type": "boolean" }, { "type": "null" }] } } },
                "outputSchema": { "type": "object" } }),
            json!({ "name": "write file", "inputSchema": { "type": "object" } }),
            json!({ "name": "all_*" }),
            json!({ "name": "write_file" }),
            json!({}),
        ],
        prompts: vec![
            json!({ "name": "review", "arguments": [{ "name": "path", "required": true }, { "name": "tone" }] }),
        ],
        resources: vec![json!({ "uri": "files:///a" })],
        templates: vec![
            json!({ "uriTemplate": "files:///docs/{x}" }),
            json!({ "uriTemplate": "files:///docs/{y}" }),
        ],
    }
}

#[test]
fn everything_that_a_server_lists_is_in_the_catalog_with_its_effect_open() {
    let (StartingPoint { catalog, schema }, left_out) = StartingPoint::of("files", &listing());
    for line in [
        "  # The server: Writes. # not a comment's end",
        r#"  - name: "write_file""#,
        "    output_schema: true",
        r#"      "mode": { type: long, optional: true, header: "mode" }"#,
        r#"      "options": { type: any, optional: true } # policies do not see it"#,
        r#"      "path": { type: string } # TODO? path: relative | absolute"#,
        r#"      "sync": { type: any, optional: true } # policies do not see it"#,
        r#"      "tags": { type: strings, optional: true }"#,
        "    action: files.write_file.1",
        "    action: files.prompt.review",
        r#"  - uri: "files:///docs/*""#,
    ] {
        assert!(catalog.lines().any(|own| own == line), "{line}\n{catalog}");
    }
    assert_eq!(catalog.matches("effect: TODO").count(), 5, "{catalog}");
    assert_eq!(catalog.matches("    digest: sha-256:").count(), 3, "{catalog}");
    assert!(schema.contains(r#"args: { "path": String, "mode"?: Long, "tags"?: Set<String> }"#), "{schema}");
    assert!(schema.contains(r#"args: { "path": String, "tone"?: String }"#), "{schema}");
    assert_eq!(left_out.len(), 3, "{left_out:?}");
}
