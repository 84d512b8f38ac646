//! `actgate.yaml` and all that it names, read from disk: the bundle, and where its parts were written.

mod files;
mod packs;

use std::collections::BTreeMap;
use std::path::Path;

use actgate_authz::{BUNDLE_FORMAT, BundleDocument, Fault, bundle_packs};

use crate::diagnostic::Diagnostic;
use crate::document::{Document, Place};

use files::Files;

pub use files::read_ledger;
pub(crate) use files::read_text;

/// A configuration with its packs and key sets.
#[derive(Debug)]
pub struct Source {
    bundle: BundleDocument,
    config: Document,
    files: Files,
}

// === impl Source ===

impl Source {
    /// Reads the configuration at `path` and every file that it names.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let (config, mut document, mut files) = open(path)?;
        let references = bundle_packs(&document).map_err(|faults| files.resolve_all(&faults))?;
        let mut findings = Vec::new();
        inline_key_sets(&config, &mut document, &mut files, &mut findings);
        let mut packs = BTreeMap::new();
        for reference in &references {
            match packs::read(reference, &config, &mut files) {
                Ok(pack) => {
                    packs.insert(reference.name.clone(), pack);
                }
                Err(found) => findings.extend(found),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let bundle = BundleDocument { format: BUNDLE_FORMAT.to_owned(), config: document, packs };
        Ok(Self { bundle, config, files })
    }

    /// The bundle, as the plugin is configured with it.
    pub fn bundle(&self) -> &BundleDocument {
        &self.bundle
    }

    /// The configuration file.
    pub fn config(&self) -> &Document {
        &self.config
    }

    /// A fault of the bundle at its place in the files.
    pub fn diagnostic(&self, fault: &Fault) -> Diagnostic {
        self.files.resolve(fault)
    }

    /// Faults of the bundle at their places.
    pub fn diagnostics(&self, faults: &[Fault]) -> Vec<Diagnostic> {
        self.files.resolve_all(faults)
    }

    /// The Envoy configuration that `envoy:` names.
    pub fn envoy(&self) -> Option<Result<Document, Vec<Diagnostic>>> {
        let place = self.config.root().member("envoy")?;
        let path = place.as_str()?;
        let text = match read_text(&self.files.path(path)) {
            Ok(text) => text,
            Err(why) => {
                let finding = place.error(format!("Envoy configuration `{path}`: {why}"));
                return Some(Err(vec![self.files.with_sibling(finding, path)]));
            }
        };
        Some(Document::parse_template(text))
    }
}

/// Reads the configuration alone, and whether it has the form of one.
pub fn read_config(path: &Path) -> Result<Document, Vec<Diagnostic>> {
    let (config, document, files) = open(path)?;
    bundle_packs(&document).map_err(|faults| files.resolve_all(&faults))?;
    Ok(config)
}

fn open(path: &Path) -> Result<(Document, actgate_authz::Document, Files), Vec<Diagnostic>> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut files = Files::new(folder);
    let config = files.config(path, &name)?;
    if !config.value().is_object() {
        return Err(vec![config.root().error("a configuration is a mapping")]);
    }
    let document = actgate_authz::Document { file: name, value: config.value().clone() };
    Ok((config, document, files))
}

/// Puts the content of every key set file in place of its path.
fn inline_key_sets(
    config: &Document,
    document: &mut actgate_authz::Document,
    files: &mut Files,
    findings: &mut Vec<Diagnostic>,
) {
    let root = config.root();
    let issuers = root.member("issuers");
    let of_issuers = issuers.iter().flat_map(Place::items).filter_map(|issuer| {
        Some((issuer.member("jwks")?, "`actgate mint init --config {}` makes development keys"))
    });
    let of_approvals = root.member("approvals").and_then(|approvals| approvals.member("key"));
    let of_approvals = of_approvals.map(|key| (key, "`actgate-control keygen` prints the service's key set"));
    for (key_set, help) in of_issuers.chain(of_approvals) {
        let Some(path) = key_set.as_str() else {
            findings.extend(private_keys(&key_set));
            continue;
        };
        match files.graft(&document.file, key_set.pointer(), path) {
            Ok(read) => {
                findings.extend(private_keys(&read.root()));
                if let Some(slot) = document.value.pointer_mut(key_set.pointer()) {
                    *slot = read.value().clone();
                }
                if !read.value().is_object() {
                    findings.push(read.root().error("a key set is an object with a list `keys` (RFC 7517)"));
                }
            }
            Err(files::Unread::Content(found)) => findings.extend(found),
            Err(files::Unread::File(why)) => {
                let finding = key_set.error(format!("key set `{path}`: {why}"));
                let help = help.replace("{}", config.text().name());
                findings.push(finding.with_help(help));
            }
        }
    }
}

/// A bundle is no place for secrets: Envoy shows its configuration to whoever may ask its admin port.
fn private_keys(key_set: &Place<'_>) -> Vec<Diagnostic> {
    let keys = key_set.member("keys");
    let secret = |key: Place<'_>| {
        let member = ["d", "k"].into_iter().find_map(|name| key.member(name))?;
        let help = "publish the public members only, and replace the key: it has been read";
        Some(member.key_error("the key set holds a private key").with_help(help))
    };
    keys.iter().flat_map(Place::items).filter(|key| key.value().is_object()).filter_map(secret).collect()
}
