//! Whether cases can run through Envoy here: with the plugin, with an Envoy, and with the plugin of these sources.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use actgate_demo::layout::Layout;

/// What keeps cases from running through Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Something was not brought or built yet: a reason to skip, but not in CI.
    Missing(String),
    /// The plugin is not made of these sources: what it decides says nothing about them.
    Stale(String),
}

/// Nothing, or what is in the way.
pub fn obstacle(root: &Path) -> Option<Obstacle> {
    let layout = Layout::new(root);
    let plugin = match layout.envoy().and_then(|_| layout.plugin()) {
        Ok(plugin) => plugin,
        Err(error) => return Some(Obstacle::Missing(error.to_string())),
    };
    let built = modified(&plugin)?;
    let sources = ["crates", "plugin", "policies/base.cedarschema"];
    let newest = sources.iter().filter_map(|source| newest(&root.join(source))).max_by_key(|(_, date)| *date);
    let (source, _) = newest.filter(|(_, date)| *date > built)?;
    let source = source.strip_prefix(root).unwrap_or(&source).display().to_string();
    Some(Obstacle::Stale(format!("target/actgate.wasm is older than {source}: run `make wasm`")))
}

/// Whether everything has to run here.
pub fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// The file that was changed last among those that the plugin is made of.
fn newest(path: &Path) -> Option<(PathBuf, SystemTime)> {
    if path.is_dir() {
        let entries = fs::read_dir(path).ok()?;
        let found = entries.filter_map(|entry| newest(&entry.ok()?.path()));
        return found.max_by_key(|(_, date)| *date);
    }
    let name = path.file_name()?.to_str()?;
    // Unit tests and what they share are not in the plugin.
    let counts = match path.extension()?.to_str()? {
        "rs" => !matches!(name, "tests.rs" | "fixture.rs"),
        "toml" => name == "Cargo.toml",
        "cedarschema" => true,
        _ => false,
    };
    if counts { Some((path.to_owned(), modified(path)?)) } else { None }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
