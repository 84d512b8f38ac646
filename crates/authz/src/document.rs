//! A bundle in the form in which it travels: every source file, already read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fault::{Fault, nearest};

/// The `format` of a [`BundleDocument`] that this version writes and reads.
pub const BUNDLE_FORMAT: &str = "actgate-bundle/1";

/// Everything that a gate needs, as `actgate build --format json` prints it and as the plugin is configured with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleDocument {
    /// Always [`BUNDLE_FORMAT`].
    pub format: String,
    /// `actgate.yaml`, with JWKS files put in place of their paths.
    pub config: Document,
    /// The packs by the name under which services refer to them.
    pub packs: BTreeMap<String, PackDocument>,
}

/// A YAML or JSON source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Where it came from, for messages.
    pub file: String,
    /// What it says.
    pub value: Value,
}

/// A text source: Cedar policies or a Cedar schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextDocument {
    /// Where it came from, for messages.
    pub file: String,
    /// What it says.
    pub text: String,
}

/// One policy pack: `<pack>/{catalog.yaml, schema.cedarschema, *.cedar, entities.json}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackDocument {
    /// Which requests are which tool calls.
    pub catalog: Document,
    /// The pack's own entity types and actions.
    pub schema: TextDocument,
    /// Its policies.
    pub policies: Vec<TextDocument>,
    /// Its static entities, in Cedar's JSON form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entities: Option<Document>,
}

/// The identity of a bundle: `sha-256:` and the unpadded base64url SHA-256 of its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BundleId(String);

// === impl BundleDocument ===

impl BundleDocument {
    /// Reads a bundle from its JSON.
    ///
    /// # Errors
    /// What is not a bundle, as one sentence.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("this is no bundle: {error}"))
    }
}

// === impl Document ===

impl Document {
    /// Reads the document as `T`, whose derive refuses unknown keys.
    ///
    /// # Errors
    /// The place of the first thing that does not fit, with the nearest known key as help.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_path_to_error::deserialize(&self.value).map_err(|error| {
            let pointer = pointer_of(error.path());
            let message = error.inner().to_string();
            let fault = Fault::at_pointer(&self.file, pointer, lower_first(&message));
            match misspelt(&message) {
                Some(help) => fault.help(help),
                None => fault,
            }
        })
    }
}

// === impl BundleId ===

impl BundleId {
    /// Computes the id of a bundle.
    pub fn of(document: &BundleDocument) -> Result<Self, serde_json::Error> {
        use base64::Engine as _;
        let digest = Sha256::digest(serde_json::to_vec(document)?);
        Ok(Self(format!("sha-256:{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest))))
    }

    /// Bits that nobody knows who does not know the whole bundle: a key for hashing what it names.
    pub(crate) fn seed(&self) -> u64 {
        self.0.as_bytes().last_chunk::<8>().map_or(0, |end| u64::from_le_bytes(*end))
    }

    /// `sha-256:...`
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
            Segment::Unknown => {}
        }
    }
    pointer
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Serde says "unknown field `a`, expected one of `b`, `c`" (likewise "variant"): the names are between backticks.
fn misspelt(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let given = names.next()?;
    let known: Vec<&str> = names.collect();
    match nearest(given, known.iter().copied()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None => Some(format!("known here: {}", known.join(", "))),
    }
}
