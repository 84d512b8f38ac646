//! Paths as the user would type them.

use std::path::{Component, Path, PathBuf};

/// The path without its detours: `demo/../keys` is `keys`, unless `demo` is a symbolic link and may lead
/// somewhere else.
pub fn without_detours(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for component in path.components() {
        let backs_up = component == Component::ParentDir;
        let from_folder = matches!(short.components().next_back(), Some(Component::Normal(_)));
        if backs_up && from_folder && !short.is_symlink() {
            short.pop();
        } else if component != Component::CurDir {
            short.push(component);
        }
    }
    short
}

#[cfg(test)]
mod tests;
