//! Where the plugin is, and its compiled form.

use std::{
    env, fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::host::{Module, ModuleError, ModuleOptions};

/// The variable that names the plugin where no option does.
pub const VARIABLE: &str = "ACTGATE_WASM";

/// What it is called.
const FILE: &str = "actgate.wasm";

/// A callback that takes longer hangs, and is ended: the slowest one loads a bundle.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why there is no plugin to run.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It is in none of the usual places.
    #[error("the plugin is not found: looked for {}", list(.0))]
    Missing(Vec<PathBuf>),
    /// It does not compile, or is something else.
    #[error(transparent)]
    Module(#[from] ModuleError),
}

// === impl ArtifactError ===

impl ArtifactError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "build it with `make wasm`, or name it with --wasm FILE or the variable ACTGATE_WASM"
            }
            Self::Module(_) => "build it anew with `make wasm`",
        }
    }
}

/// The plugin's file: `given` by an option or [`VARIABLE`], else beside this program, one folder up, or in `target`.
///
/// # Errors
/// [`ArtifactError::Missing`].
pub fn find(given: Option<&Path>) -> Result<PathBuf, ArtifactError> {
    let places: Vec<PathBuf> = match given {
        Some(path) => vec![path.to_owned()],
        None => {
            let program = env::current_exe().unwrap_or_default();
            let beside = program.ancestors().skip(1).take(2).map(|folder| folder.join(FILE));
            beside.chain([Path::new("target").join(FILE)]).collect()
        }
    };
    match places.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(ArtifactError::Missing(places)),
    }
}

/// Compiles it, or takes what was compiled before.
///
/// # Errors
/// [`ArtifactError::Module`].
pub fn load(path: &Path) -> Result<Module, ArtifactError> {
    let options = ModuleOptions { cache: cache(), deadline: Some(DEADLINE), ..ModuleOptions::default() };
    Ok(Module::read(path, &options)?)
}

/// A folder of this user alone; none where there is no home to have it in.
fn cache() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    let folder = base.join("actgate");
    private(&folder).ok().map(|()| folder)
}

fn private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn list(places: &[PathBuf]) -> String {
    places.iter().map(|place| format!("`{}`", place.display())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
