//! The MCP reader: no bytes make it panic, and a message that it takes asks for something.

#![no_main]

use actgate_call::{
    Adapter, RequestHead, Service,
    catalog::Limits,
    mcp::{Catalog, RawCatalog},
};
use libfuzzer_sys::fuzz_target;

const CATALOG: &str = r#"{
  "service": "files", "groups": { "read": ["read"] },
  "tools": [
    { "name": "*", "action": "read", "effect": "read", "others": "pass",
      "arguments": { "path": { "type": "string", "path": "relative", "optional": true } } },
    { "name": "each", "action": "read", "effect": "read",
      "arguments": { "paths": { "type": "string", "each": true } } }
  ],
  "resources": [{ "uri": "*", "action": "read", "effect": "read" }]
}"#;

fuzz_target!(|input: (Option<u8>, &[u8])| {
    let (version, body) = input;
    let versions = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "x"];
    let raw: RawCatalog = serde_json::from_str(CATALOG).expect("a catalog");
    let service = Service {
        name: "files".into(),
        host: None,
        prefix: "/mcp/".into(),
        token_header: None,
        adapter: Adapter::Mcp(Catalog::try_from(raw, Limits::default()).expect("a catalog")),
    };
    let mut headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"x"),
        (b":path", b"/mcp"),
        (b"content-type", b"application/json"),
    ];
    if let Some(version) = version {
        headers.push((b"mcp-protocol-version", versions[usize::from(version) % versions.len()].as_bytes()));
    }
    let head = RequestHead::parse(&headers).expect("a head");
    let route = service.adapter.route(&head, &service).expect("a route");
    if let Ok(calls) = route.extract(body) {
        for call in &calls {
            let path = call.arguments.get("args").and_then(|args| args.get("path")).and_then(|path| path.as_str());
            assert!(path.is_none_or(|path| !path.split('/').any(|part| matches!(part, "" | "." | ".."))), "{path:?}");
        }
    }
});
