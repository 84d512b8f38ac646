//! One pack: `catalog.yaml`, `schema.cedarschema`, `*.cedar` and perhaps `entities.json` in a folder.

use std::fs;

use actgate_authz::{PackDocument, PackReference, nearest};

use super::files::{Files, Unread};
use crate::diagnostic::Diagnostic;
use crate::document::Document;

const CATALOG: &str = "catalog.yaml";
const SCHEMA: &str = "schema.cedarschema";
const ENTITIES: &str = "entities.json";

/// Reads a pack; what is missing is complained about where the configuration asks for it.
pub(super) fn read(
    reference: &PackReference,
    config: &Document,
    files: &mut Files,
) -> Result<PackDocument, Vec<Diagnostic>> {
    let pack = &reference.path;
    let at_reference = |message: String| config.at(&reference.pointer, &message);
    let folder = files.path(pack);
    let mut names: Vec<String> = match fs::read_dir(&folder) {
        Ok(entries) => {
            entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
        }
        Err(error) => {
            let finding = at_reference(format!("pack `{pack}`: {}", super::files::reason(&error)));
            return Err(vec![files.with_sibling(finding, pack)]);
        }
    };
    // The order of a folder is its file system's; a bundle's must not be.
    names.sort();
    let mut findings = Vec::new();
    for name in [CATALOG, SCHEMA] {
        if !names.iter().any(|there| there == name) {
            let finding = at_reference(format!("pack `{pack}` has no `{name}`"));
            let meant = nearest(name, names.iter().map(String::as_str));
            findings.push(match meant {
                Some(meant) => finding.with_help(format!("there is `{meant}`")),
                None => finding,
            });
        }
    }
    if !names.iter().any(|name| name.ends_with(".cedar")) {
        let finding = at_reference(format!("pack `{pack}` has no policies"));
        findings.push(finding.with_help("without a `*.cedar` file everything is denied"));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let name_of = |file: &str| format!("{}/{file}", pack.trim_end_matches('/'));
    let found = |unread: Unread| match unread {
        Unread::Content(findings) => findings,
        Unread::File(why) => vec![at_reference(format!("pack `{pack}`: {why}"))],
    };
    let catalog = files.document(&name_of(CATALOG));
    let schema = files.text(&name_of(SCHEMA));
    let policies: Vec<_> =
        names.iter().filter(|name| name.ends_with(".cedar")).map(|name| files.text(&name_of(name))).collect();
    let entities =
        names.iter().any(|name| name == ENTITIES).then(|| files.document(&name_of(ENTITIES))).transpose();
    let mut findings = Vec::new();
    let mut keep = |unread: Unread| findings.extend(found(unread));
    let catalog = catalog.map_err(&mut keep);
    let schema = schema.map_err(&mut keep);
    let policies: Vec<_> = policies.into_iter().map(|policy| policy.map_err(&mut keep)).collect();
    let entities = entities.map_err(&mut keep);
    match (catalog, schema, policies.into_iter().collect(), entities) {
        (Ok(catalog), Ok(schema), Ok(policies), Ok(entities)) => {
            Ok(PackDocument { catalog, schema, policies, entities })
        }
        (Err(()), _, _, _) | (_, Err(()), _, _) | (_, _, Err(()), _) | (_, _, _, Err(())) => Err(findings),
    }
}
