//! The configuration in which a pack is tried out: nobody has to write one to test policies.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::path::without_detours;
use crate::text::SourceText;

/// The audience of the try-out gateway, which is also the demo's.
const AUDIENCE: &str = "actgate-demo";

/// The configuration for the pack in `folder`.
///
/// Two issuers, each of which vouches for the actors that it names: `demo` speaks for people, `workload` for agents that
/// act for themselves. Every action and group of the catalog is its own scope word. Approver groups are those that the
/// pack's policies name.
pub(super) fn configuration(folder: &Path) -> Result<Value, Vec<Diagnostic>> {
    let catalog = read(&folder.join("catalog.yaml")).and_then(Document::parse)?;
    let root = catalog.root();
    let service = root.member("service").and_then(|place| place.as_str());
    let service = service.ok_or_else(|| vec![root.error("the catalog names no `service`")])?;
    let scopes = words(&catalog);
    let issuer = |alias: &str, name: &str, kind: &str| {
        json!({
            "alias": alias,
            "issuer": name,
            "kind": kind,
            "profile": "at+jwt",
            "audiences": [AUDIENCE],
            "algorithms": ["ES256"],
            "jwks": {},
            "act_issuers": [name],
            "claims": {
                "task": "/task", "purpose": "/purpose", "ticket": "/ticket", "groups": "/groups", "risk": "/risk",
            },
            "scopes": scopes,
        })
    };
    let has = |part: &str| root.member(part).is_some();
    let adapter = if has("routes") {
        "rest"
    } else if ["tools", "prompts", "resources"].into_iter().any(has) {
        "mcp"
    } else {
        // Only git's own routes need no writing down.
        "git"
    };
    Ok(json!({
        "version": 1,
        "issuers": [
            issuer("demo", "https://issuer.demo", "delegated"),
            issuer("workload", "https://workload.demo", "workload"),
        ],
        "services": [{
            "name": service,
            "prefix": format!("/{service}/"),
            "adapter": adapter,
            "pack": folder,
            // An MCP server's endpoint is its prefix: nothing would be left of it.
            "strip_prefix": adapter != "mcp",
        }],
        "approvals": { "groups": groups(folder)? },
    }))
}

/// Each action and each group of the catalog, standing for itself.
fn words(catalog: &Document) -> Map<String, Value> {
    let groups = catalog.value().get("groups").and_then(Value::as_object);
    let parents = |parents: &Value| -> Vec<String> {
        parents.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let names = groups
        .into_iter()
        .flatten()
        .flat_map(|(action, above)| std::iter::once(action.clone()).chain(parents(above)));
    names.map(|name| (name.clone(), json!([name]))).collect()
}

/// The approver groups that the policies of the pack name.
fn groups(folder: &Path) -> Result<BTreeSet<String>, Vec<Diagnostic>> {
    let entries = fs::read_dir(folder)
        .map_err(|error| vec![Diagnostic::in_file(shown(folder), error.to_string().to_lowercase())])?;
    let mut groups = BTreeSet::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.extension().is_some_and(|extension| extension == "cedar") {
            named_groups(read(&path)?.text(), &mut groups);
        }
    }
    Ok(groups)
}

/// What stands in quotes in `approvals.contains(..)` and its kin. The load check admits nothing but literals there, so
/// that nothing can hide from this; a name in a comment does no harm.
fn named_groups(policies: &str, groups: &mut BTreeSet<String>) {
    for call in policies.split("approvals").skip(1) {
        let Some(arguments) = call.trim_start().strip_prefix('.') else { continue };
        let Some((method, arguments)) = arguments.split_once('(') else { continue };
        if !method.trim().starts_with("contains") {
            continue;
        }
        let arguments = arguments.split(')').next().unwrap_or_default();
        groups.extend(arguments.split('"').skip(1).step_by(2).map(str::to_owned));
    }
}

fn read(path: &Path) -> Result<SourceText, Vec<Diagnostic>> {
    let text = fs::read_to_string(path)
        .map_err(|error| vec![Diagnostic::in_file(shown(path), error.to_string().to_lowercase())])?;
    Ok(SourceText::new(shown(path), text))
}

fn shown(path: &Path) -> String {
    without_detours(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
