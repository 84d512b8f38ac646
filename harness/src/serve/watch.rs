//! Whether any file that a configuration is made of has changed.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::Value;

use super::deployment::Served;
use crate::{document::Document, text::SourceText};

/// The files, each with what tells one content from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files(BTreeMap<PathBuf, Option<(SystemTime, u64)>>);

/// A folder with more is no pack.
const MAX_FILES: usize = 1000;

// === impl Files ===

impl Files {
    /// How they are now. What a configuration that cannot be read names is not known: `before` stands in.
    pub(super) fn now(served: &Served, before: &Self) -> Self {
        let folder = served.config.parent().unwrap_or_else(|| Path::new(""));
        let mut paths = vec![served.config.clone()];
        paths.extend(served.fields.iter().filter_map(|field| field.file.clone()));
        let text = fs::read_to_string(&served.config).unwrap_or_default();
        match Document::parse(SourceText::new(String::new(), text)) {
            Ok(document) => paths.extend(named(document.value()).into_iter().map(|name| folder.join(name))),
            Err(_) => paths.extend(before.0.keys().cloned()),
        }
        let mut files = Self::default();
        for path in paths {
            let content = content(&path).unwrap_or_default();
            for path in content.into_iter().chain([path]) {
                let state = state(&path).ok();
                files.0.insert(path, state);
            }
        }
        files
    }
}

/// The packs, key sets and the Envoy configuration that a configuration names.
fn named(config: &Value) -> Vec<String> {
    let list = |name: &str| config.get(name).and_then(Value::as_array).into_iter().flatten();
    let packs = list("services").filter_map(|service| service.get("pack"));
    let key_sets = list("issuers").filter_map(|issuer| issuer.get("jwks"));
    let names = packs.chain(key_sets).chain(config.get("envoy"));
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The files of a pack's folder: what is in folders below is not the pack's.
fn content(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.take(MAX_FILES);
    entries
        .map(|entry| entry.map(|entry| entry.path()))
        .filter(|path| !matches!(path, Ok(path) if path.is_dir()))
        .collect()
}

fn state(path: &Path) -> io::Result<(SystemTime, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}

#[cfg(test)]
mod tests;
