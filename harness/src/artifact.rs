//! Where the plugin is: `actgate.wasm`, as it was built or downloaded.

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::{Module, ModuleError, ModuleOptions};
use crate::path::without_detours;

const NAME: &str = "actgate.wasm";

/// The plugin is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    looked_at: Vec<PathBuf>,
}

/// The plugin: the file that was asked for, or else the one beside the executable `program`, or in the build folder that
/// it was built into.
///
/// # Errors
/// Where it was looked for in vain.
pub fn find(asked: Option<&Path>, program: Option<&Path>) -> Result<PathBuf, Missing> {
    let places: Vec<PathBuf> = match asked {
        Some(path) => vec![path.to_owned()],
        // `target/debug/actgate` and `target/actgate.wasm` are made by one Makefile.
        None => [program.and_then(Path::parent), program.and_then(Path::parent).and_then(Path::parent)]
            .into_iter()
            .flatten()
            .map(|folder| folder.join(NAME))
            .collect(),
    };
    match places.iter().find(|place| place.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(Missing { looked_at: places }),
    }
}

/// Compiles the plugin for trying things out: what was compiled before is taken from the user's cache, and a callback that
/// does not return is ended after `deadline`.
///
/// # Errors
/// Any [`ModuleError`].
pub fn compile(file: &Path, deadline: Duration) -> Result<Module, ModuleError> {
    let options = ModuleOptions { cache: cache(), fuel: false, deadline: Some(deadline) };
    Module::read(file, &options)
}

/// The user's own folder for compiled code. Whoever can write there can run code as the user, so that nobody else may; where
/// it cannot be had, everything is compiled anew.
fn cache() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // XDG Base Directory Specification: relative paths are ignored.
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    let folder = base.join("actgate").join("wasm");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    Some(folder)
}

// === impl Missing ===

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> =
            self.looked_at.iter().map(|place| format!("`{}`", without_detours(place).display())).collect();
        write!(f, "the plugin is not at {}", places.join(" nor at "))
    }
}

impl std::error::Error for Missing {}

#[cfg(test)]
mod tests;
