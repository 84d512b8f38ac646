//! Where something of a bundle is written, for people: file, line and column.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use actgate_authz::{At, Fault};

use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::source::read_text;
use crate::text::SourceText;

/// Files of bundles, read when the first place in them is asked for.
#[derive(Debug, Default)]
pub struct Places {
    here: PathBuf,
    files: BTreeMap<String, Option<SourceText>>,
}

// === impl Places ===

impl Places {
    /// Places as seen from the folder `here`, below which paths are shortened.
    pub fn seen_from(here: &Path) -> Self {
        Self { here: here.to_owned(), files: BTreeMap::new() }
    }

    /// A fault of a bundle whose files are named by their paths.
    pub fn diagnostic(&mut self, fault: &Fault) -> Diagnostic {
        let message = fault.message.as_str();
        let name = self.short(&fault.file);
        let text = self.files.entry(fault.file.clone()).or_insert_with(|| {
            let text = read_text(Path::new(&fault.file)).ok()?;
            Some(SourceText::new(name.clone(), text.text()))
        });
        let found = match (&fault.at, text) {
            (At::Offset(offset), Some(text)) => Diagnostic::at(text, text.position(*offset), message),
            (At::Pointer(pointer), Some(text)) => match Document::parse(text.clone()) {
                Ok(document) => document.at(pointer, message),
                Err(_) => Diagnostic::in_file(name, message),
            },
            (At::Whole | At::Offset(_) | At::Pointer(_), _) => Diagnostic::in_file(name, message),
        };
        match &fault.help {
            Some(help) => found.with_help(help),
            None => found,
        }
    }

    fn short(&self, file: &str) -> String {
        let short = Path::new(file).strip_prefix(&self.here).unwrap_or_else(|_| Path::new(file));
        short.to_string_lossy().into_owned()
    }
}
