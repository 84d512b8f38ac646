//! What a server says of a tool or prompt, as a digest: a model does what a description says, so one that changes after
//! somebody read it is another tool.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::json;

/// What is hashed before a definition, so that no other digest is the same.
const DOMAIN: &[u8] = b"actgate-mcp-definition/v1\0";
/// What models and clients read of a definition. Icons and `_meta` are for people and programs.
const READ: [&str; 7] =
    ["name", "title", "description", "inputSchema", "outputSchema", "annotations", "arguments"];
/// Longer than any definition that a model reads.
const MAX_BYTES: usize = 256 * 1024;

/// The digest of a definition, as a catalog has it: `sha-256:` and base64url over its canonical JSON (RFC 8785). None where
/// it has no canonical form, which no reviewed one lacks.
pub fn definition_digest(definition: &str) -> Option<String> {
    let Value::Object(mut members) = json::parse(definition.as_bytes(), MAX_BYTES).ok()? else { return None };
    let read: Map<String, Value> =
        READ.iter().filter_map(|name| Some(((*name).to_owned(), members.remove(*name)?))).collect();
    let canonical = serde_json_canonicalizer::to_vec(&read).ok()?;
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(&canonical);
    Some(format!("sha-256:{}", URL_SAFE_NO_PAD.encode(hash.finalize())))
}
