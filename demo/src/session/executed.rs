//! What the ledger calls executed, against what changed behind the gate: both have to be the same, one for one.

use serde_json::Value;

use super::behind::Change;
use crate::ledger::Record;

/// Nothing, or how the two differ.
pub(super) fn agree(records: &[Record], changes: impl Iterator<Item = Change>) -> Result<(), String> {
    let mut told: Vec<String> = records.iter().flat_map(writes).collect();
    let mut changed: Vec<String> = changes.filter_map(name).collect();
    told.sort_unstable();
    changed.sort_unstable();
    if told == changed {
        return Ok(());
    }
    Err(format!("the ledger says that {told:?} were executed, and {changed:?} changed"))
}

/// What a record says was written, as far as anybody looks behind the gate for it.
fn writes(record: &Record) -> Vec<String> {
    if !record.was_forwarded() {
        return Vec::new();
    }
    let calls = record.value().pointer("/attempted/calls").and_then(Value::as_array);
    calls.into_iter().flatten().filter_map(write).collect()
}

fn write(call: &Value) -> Option<String> {
    let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str);
    let name = match text("/action")? {
        "mcp.file.write" => text("/arguments/args/path")?,
        action if action.starts_with("git.ref.") || action == "deploy.manifest.put" => {
            let (_, id) = text("/resource")?.split_once("::\"")?;
            id.strip_suffix('"')?
        }
        _ => return None,
    };
    Some(name.to_owned())
}

fn name(change: Change) -> Option<String> {
    match change {
        Change::Nothing => None,
        Change::Ref(name) => Some(name.replacen(' ', "/", 1)),
        Change::Tag(name, _) | Change::File(name, _) => Some(name.to_owned()),
    }
}
