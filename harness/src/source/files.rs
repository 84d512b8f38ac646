//! The files of a bundle under the names that the bundle gives them, so that a fault finds its place again.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use actgate_authz::{At, Fault, TextDocument, nearest};

use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::path::without_detours;
use crate::text::SourceText;

/// A file that is larger is no source: the reader of documents stops there too.
const MAX_BYTES: u64 = 16 << 20;

/// Everything that was read.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    by_name: BTreeMap<String, File>,
    grafts: Vec<Graft>,
}

#[derive(Debug)]
enum File {
    Document(Document),
    Text(SourceText),
}

/// A part of a document that was written in another file.
#[derive(Debug)]
struct Graft {
    file: String,
    pointer: String,
    document: Document,
}

/// Why a file has no content.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is not there, or not readable.
    File(String),
    /// What it says is wrong.
    Content(Vec<Diagnostic>),
}

/// Reads a text file; why it cannot be read otherwise.
pub(crate) fn read_text(path: &Path) -> Result<SourceText, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(|error| reason(&error))?;
    // One byte more than is allowed, so that too large a file shows as that, whatever its metadata says.
    let limit = MAX_BYTES.saturating_add(1);
    opened.take(limit).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("not UTF-8 from byte {at} on")
    })?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    Ok(SourceText::new(shown(path), text))
}

/// Reads a ledger, which may be of any size; `-` is standard input.
///
/// # Errors
/// Why it cannot be read.
pub fn read_ledger(path: &Path) -> Result<SourceText, String> {
    let read =
        if path == Path::new("-") { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(path) };
    read.map(|text| SourceText::new(shown(path), text)).map_err(|error| reason(&error))
}

/// What the system says, in our own voice for the common case.
pub(super) fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        return "no such file or folder".to_owned();
    }
    error.to_string().to_lowercase()
}

fn shown(path: &Path) -> String {
    without_detours(path).to_string_lossy().into_owned()
}

// === impl Files ===

impl Files {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, by_name: BTreeMap::new(), grafts: Vec::new() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The finding with the name beside the missing `path` that was probably meant.
    pub(super) fn with_sibling(&self, finding: Diagnostic, path: &str) -> Diagnostic {
        let (parent, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or((".", path));
        let siblings: Vec<String> = std::fs::read_dir(self.path(parent))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        match nearest(name, siblings.iter().map(String::as_str)) {
            Some(meant) if meant == name => finding,
            Some(meant) if parent == "." => finding.with_help(format!("did you mean `{meant}`?")),
            Some(meant) => finding.with_help(format!("did you mean `{parent}/{meant}`?")),
            None => finding,
        }
    }

    /// Reads the configuration itself.
    pub(super) fn config(&mut self, path: &Path, name: &str) -> Result<Document, Vec<Diagnostic>> {
        let text = read_text(path).map_err(|why| vec![Diagnostic::in_file(shown(path), why)])?;
        let document = Document::parse(text)?;
        self.by_name.insert(name.to_owned(), File::Document(document.clone()));
        Ok(document)
    }

    /// Reads a YAML or JSON file of the bundle.
    pub(super) fn document(&mut self, name: &str) -> Result<actgate_authz::Document, Unread> {
        let text = read_text(&self.path(name)).map_err(|why| Unread::File(format!("`{name}`: {why}")))?;
        let document = Document::parse(text).map_err(Unread::Content)?;
        let bundled = actgate_authz::Document { file: name.to_owned(), value: document.value().clone() };
        self.by_name.insert(name.to_owned(), File::Document(document));
        Ok(bundled)
    }

    /// Reads a Cedar file of the bundle.
    pub(super) fn text(&mut self, name: &str) -> Result<TextDocument, Unread> {
        let text = read_text(&self.path(name)).map_err(|why| Unread::File(format!("`{name}`: {why}")))?;
        let bundled = TextDocument { file: name.to_owned(), text: text.text().to_owned() };
        self.by_name.insert(name.to_owned(), File::Text(text));
        Ok(bundled)
    }

    /// Reads a file that stands in place of a part of another one.
    pub(super) fn graft(&mut self, file: &str, pointer: &str, path: &str) -> Result<Document, Unread> {
        let text = read_text(&self.path(path)).map_err(Unread::File)?;
        let document = Document::parse(text).map_err(Unread::Content)?;
        self.grafts.push(Graft {
            file: file.to_owned(),
            pointer: pointer.to_owned(),
            document: document.clone(),
        });
        Ok(document)
    }

    pub(super) fn resolve_all(&self, faults: &[Fault]) -> Vec<Diagnostic> {
        faults.iter().map(|fault| self.resolve(fault)).collect()
    }

    /// A fault at its place.
    pub(super) fn resolve(&self, fault: &Fault) -> Diagnostic {
        let message = fault.message.as_str();
        let finding = match (&fault.at, self.by_name.get(&fault.file)) {
            (At::Pointer(pointer), Some(File::Document(document))) => {
                let graft = self.grafts.iter().find(|graft| graft.file == fault.file && graft.holds(pointer));
                match graft {
                    Some(graft) => {
                        graft.document.at(pointer.strip_prefix(&graft.pointer).unwrap_or(""), message)
                    }
                    None => document.at(pointer, message),
                }
            }
            (At::Offset(offset), Some(File::Text(text))) => {
                Diagnostic::at(text, text.position(*offset), message)
            }
            (_, Some(File::Document(document))) => Diagnostic::in_file(document.text().name(), message),
            (_, Some(File::Text(text))) => Diagnostic::in_file(text.name(), message),
            (_, None) => Diagnostic::in_file(fault.file.as_str(), message),
        };
        match &fault.help {
            Some(help) => finding.with_help(help),
            None => finding,
        }
    }
}

// === impl Graft ===

impl Graft {
    fn holds(&self, pointer: &str) -> bool {
        pointer.strip_prefix(&self.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
