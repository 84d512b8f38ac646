use std::collections::BTreeMap;

use actgate_call::{catalog::Limits, mcp::RawCatalog};
use serde_json::json;

use super::*;
use crate::document::{BUNDLE_FORMAT, BundleDocument, Document, PackDocument, TextDocument};

const SCHEMA: &str = include_str!("../../../../../policies/mcp/schema.cedarschema");

/// The faults of an MCP pack with this schema and this catalog.
fn faults(schema: &str, catalog: &Value) -> Vec<String> {
    let pack = PackDocument {
        catalog: Document { file: "catalog.yaml".into(), value: Value::Null },
        schema: TextDocument { file: "schema.cedarschema".into(), text: schema.into() },
        policies: vec![],
        entities: None,
    };
    let document = BundleDocument {
        format: BUNDLE_FORMAT.into(),
        config: Document { file: "actgate.yaml".into(), value: Value::Null },
        packs: BTreeMap::from([("mcp".to_owned(), pack)]),
    };
    let used = document.packs.iter().map(|(name, pack)| (name.as_str(), pack)).collect();
    let (bundle, _) = PolicyBundle::load(&document, &[], &used).unwrap();
    let raw: RawCatalog = serde_json::from_value(catalog.clone()).unwrap();
    let catalog = Catalog::try_from(raw, Limits::default()).unwrap();
    check_mcp_catalog("catalog.yaml", "schema.cedarschema", &catalog, &bundle)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn catalog() -> Value {
    let path = json!({ "type": "string" });
    json!({
        "service": "mcp",
        "groups": {
            "mcp.connect": ["read"], "mcp.list": ["read"], "mcp.complete": ["read"], "mcp.task.get": ["read"],
            "mcp.prompt.get": ["read"], "mcp.resource.read": ["read"],
            "mcp.answer": ["write"], "mcp.task.update": ["write"], "mcp.file.write": ["write"],
        },
        "tools": [
            { "name": "write", "action": "mcp.file.write", "effect": "write", "arguments": {
                "path": path, "content": path, "append": { "type": "bool", "optional": true },
            } },
            { "name": "touch", "action": "mcp.file.write", "effect": "write", "arguments": {
                "path": path, "content": path,
            } },
        ],
        "prompts": [{ "name": "p", "action": "mcp.prompt.get", "effect": "read", "arguments": { "path": path } }],
        "resources": [{ "uri": "files:*", "action": "mcp.resource.read", "effect": "read" }],
    })
}

/// The catalog with something else at a place.
fn with(pointer: &str, value: Value) -> Value {
    let mut catalog = catalog();
    *catalog.pointer_mut(pointer).unwrap() = value;
    catalog
}

#[test]
fn the_pack_agrees_with_the_adapter() {
    assert_eq!(faults(SCHEMA, &catalog()), Vec::<String>::new());
}

#[test]
fn the_catalog_is_held_against_the_schema() {
    for (catalog, expected) in [
        (
            with("/tools/0/action", json!("mcp.file.writ")),
            "catalog.yaml#/tools/0/action: action `mcp.file.writ` is not in the schema (did you mean `mcp.file.write`?)",
        ),
        (with("/tools/0/effect", json!("read")), "catalog.yaml#/tools/0/effect: its effect is `read`"),
        (
            with("/tools/0/action", json!("mcp.resource.read")),
            "catalog.yaml#/tools/0/action: the schema does not apply action `mcp.resource.read` to resource type `Mcp::Tool`",
        ),
        (
            with("/tools/0/arguments/path/type", json!("long")),
            "catalog.yaml#/tools/0/arguments/path: `args.path` of action `mcp.file.write` is not `Long`",
        ),
        (
            with("/tools/0/arguments/path", json!({ "type": "string", "optional": true })),
            "catalog.yaml#/tools/0/arguments/path: `args.path` is optional here, and required in the schema",
        ),
        (
            with("/tools/0/arguments/path", json!({ "type": "any" })),
            "catalog.yaml#/tools/0/arguments: the schema requires `args.path` for action `mcp.file.write`, and the rule has none",
        ),
        (
            with("/tools/0/arguments/append", json!({ "type": "string", "as": "other" })),
            "catalog.yaml#/tools/0/arguments/append: the schema declares no `args.other: String` for action `mcp.file.write`",
        ),
        (
            with("/groups/mcp.file.write", json!(["read"])),
            "catalog.yaml#/groups/mcp.file.write: the catalog leaves out group `write`",
        ),
    ] {
        let found = faults(SCHEMA, &catalog);
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn the_schema_is_held_against_the_adapter() {
    for (from, to, expected) in [
        (
            "action \"mcp.connect\" in [Action::\"read\"]",
            "action \"mcp.connect\" in [Action::\"write\"]",
            "its effect is `read`, so the schema must put action `mcp.connect` in `read`",
        ),
        ("action \"mcp.answer\"", "action \"mcp.reply\"", "the mcp adapter needs the action `mcp.answer`"),
        (
            "entity Tool in [Server]",
            "entity Tool",
            "the mcp adapter puts `Mcp::Tool` in [Mcp::Server], and the schema in []",
        ),
        ("{ uri: String }", "{ url: String }", "`Mcp::Resource` needs the attribute `uri: String`"),
        (
            "resource: [Mcp::Prompt, Mcp::Resource]",
            "resource: [Mcp::Prompt]",
            "the schema does not apply action `mcp.complete` to resource type `Mcp::Resource`",
        ),
    ] {
        let schema = SCHEMA.replacen(from, to, 1);
        assert_ne!(schema, SCHEMA, "{from}");
        let found = faults(&schema, &catalog());
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}\n{found:#?}");
    }
}
