//! Where cases are: in the `cases` folder of a pack, and in the one beside a configuration.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::path::without_detours;
use crate::source::{read_config, read_text};

const CASES: &str = "cases";
const CATALOG: &str = "catalog.yaml";
const CONFIG: &str = "actgate.yaml";

/// A file that is there to be a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseFile {
    /// Its name: that of its pack, and its path in the folder of cases without the ending.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The case files that each of `targets` has, in the order of their names and each once: of a configuration those of its
/// packs and of the folder `cases` beside it, of a pack its own, of a case itself.
///
/// # Errors
/// What is none of these or has no case, and files among the cases that nobody would ever play.
pub fn find_cases(targets: &[PathBuf]) -> Result<Vec<CaseFile>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut findings = Vec::new();
    for target in targets {
        match of_target(target) {
            Ok(found) => files.extend(found),
            Err(found) => findings.extend(found),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    files.sort();
    // Two packs may have the same folder name, and one target may hold another.
    let mut known = BTreeSet::new();
    files.retain(|file| known.insert(file.path.canonicalize().unwrap_or_else(|_| file.path.clone())));
    Ok(files)
}

/// The case files in `folder`, in the folders below too, named under `label`.
///
/// # Errors
/// A file that is no case, and a folder without cases.
pub fn cases_in(folder: &Path, label: Option<&str>) -> Result<Vec<CaseFile>, Vec<Diagnostic>> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    if paths.is_empty() {
        return Err(vec![about(folder, "there is no case in it")]);
    }
    let mut files: Vec<CaseFile> = paths.into_iter().map(|path| CaseFile::new(folder, label, path)).collect();
    files.sort();
    Ok(files)
}

fn of_target(target: &Path) -> Result<Vec<CaseFile>, Vec<Diagnostic>> {
    if !target.is_dir() {
        let text = read_text(target).map_err(|why| vec![about(target, &why)])?;
        let document = Document::parse(text)?;
        let asks = ["request", "steps", "expect"].iter().any(|key| document.value().get(key).is_some());
        return if asks {
            let folder = target.parent().unwrap_or_else(|| Path::new(""));
            Ok(vec![CaseFile::new(folder, None, target.to_owned())])
        } else {
            of_config(target)
        };
    }
    if target.join(CATALOG).is_file() {
        return of_pack(target);
    }
    let finding = about(target, &format!("no pack: it has no `{CATALOG}`"));
    let config = target.join(CONFIG);
    Err(vec![if config.is_file() {
        finding.with_help(format!("did you mean `{}`?", without_detours(&config).display()))
    } else {
        finding
    }])
}

fn of_config(config: &Path) -> Result<Vec<CaseFile>, Vec<Diagnostic>> {
    let document = read_config(config)?;
    let folder = config.parent().unwrap_or_else(|| Path::new(""));
    let services = document.root().member("services");
    let packs: BTreeSet<PathBuf> = services
        .iter()
        .flat_map(|services| services.items())
        .filter_map(|service| Some(folder.join(service.member("pack")?.as_str()?)))
        .collect();
    let mut files = Vec::new();
    for pack in packs.iter().filter(|pack| pack.join(CASES).is_dir()) {
        files.extend(of_pack(pack)?);
    }
    let own = folder.join(CASES);
    if own.is_dir() {
        files.extend(cases_in(&own, None)?);
    }
    if files.is_empty() {
        let help =
            "cases are in the folder `cases` of a pack, or beside the configuration: see docs/cases.md";
        return Err(vec![about(config, "there are no cases of it or its packs").with_help(help)]);
    }
    Ok(files)
}

fn of_pack(pack: &Path) -> Result<Vec<CaseFile>, Vec<Diagnostic>> {
    let whole = pack.canonicalize().unwrap_or_else(|_| pack.to_owned());
    let label = whole.file_name().map(|name| name.to_string_lossy().into_owned());
    let folder = pack.join(CASES);
    if !folder.is_dir() {
        let finding = about(&folder, "no such folder, so the pack has no cases");
        return Err(vec![finding.with_help("docs/cases.md says how to write one")]);
    }
    cases_in(&folder, label.as_deref())
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Vec<Diagnostic>> {
    let failed = |error: std::io::Error| vec![about(folder, &error.to_string().to_lowercase())];
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        } else if !is_left_by_an_editor(&path) {
            let finding = about(&path, "no case: its name does not end in `.yaml`");
            return Err(vec![finding.with_help("a file here that is not played would be taken for a test")]);
        }
    }
    Ok(())
}

/// Swap files, backups and what a file manager leaves.
fn is_left_by_an_editor(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('.') || name.ends_with('~')
}

fn about(path: &Path, message: &str) -> Diagnostic {
    Diagnostic::in_file(without_detours(path).to_string_lossy(), message)
}

// === impl CaseFile ===

impl CaseFile {
    fn new(folder: &Path, label: Option<&str>, path: PathBuf) -> Self {
        let inside = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        let parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let name = label.into_iter().map(str::to_owned).chain(parts).collect::<Vec<_>>().join("/");
        Self { name, path }
    }
}

#[cfg(test)]
mod tests;
