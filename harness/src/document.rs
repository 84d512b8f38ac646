//! YAML and JSON files: the value, and where in the file each part of it was written.
//!
//! One strict reader for both: JSON is YAML in flow style. What two YAML readers could understand in two
//! ways (duplicate keys, merge keys, tags, several documents, keys that are no strings) is refused.

mod place;
mod reader;
mod scalar;
mod spans;
mod template;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::text::SourceText;

pub use place::Place;
pub use spans::{Found, Spans};

/// The largest file: `entities.json` with 100,000 entities has some 10 MB.
const MAX_BYTES: usize = 16 << 20;

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Document {
    text: SourceText,
    value: Value,
    spans: Spans,
}

// === impl Document ===

impl Document {
    /// Reads a document; all that is wrong with it otherwise.
    pub fn parse(text: SourceText) -> Result<Self, Vec<Diagnostic>> {
        let (value, spans) = if text.name().ends_with(".json") {
            reader::read(&text, &template::with_yaml_escapes(text.text()))?
        } else {
            reader::read(&text, text.text())?
        };
        Ok(Self { text, value, spans })
    }

    /// Reads a document that still has `${NAME}` placeholders, whatever will be put in their place: each
    /// counts as a plain word. Without this `{port: ${PORT}}` would end its mapping too early.
    pub fn parse_template(text: SourceText) -> Result<Self, Vec<Diagnostic>> {
        let (value, spans) = reader::read(&text, &template::masked(text.text()))?;
        Ok(Self { text, value, spans })
    }

    /// The text it was read from.
    pub fn text(&self) -> &SourceText {
        &self.text
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Where the parts of the value were written.
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    /// The value as a whole, as a place to walk from.
    pub fn root(&self) -> Place<'_> {
        Place::root(self)
    }

    /// An error at the part that the pointer leads to, or at the nearest part on its way.
    ///
    /// The mark stands under what the message quotes: a key where it names one, else the value. For a mapping
    /// or a list that is its own key: where its content begins says little.
    pub fn at(&self, pointer: &str, message: &str) -> Diagnostic {
        let quoted = message.split('`').nth(1);
        let inner = quoted.map(|name| self.spans.find(&format!("{pointer}/{}", spans::escape(name))));
        if let Some(key) = inner.filter(|found| found.exact).and_then(|found| found.key) {
            return Diagnostic::at(&self.text, key, message);
        }
        let found = self.spans.find(pointer);
        let own = pointer.rsplit('/').next().map(spans::unescape);
        let names_key = quoted.is_some() && quoted == own.as_deref();
        let place =
            if names_key || found.collection { found.key.unwrap_or(found.value) } else { found.value };
        Diagnostic::at(&self.text, place, message)
    }

    /// The value without its text.
    pub fn into_value(self) -> Value {
        self.value
    }
}

#[cfg(test)]
mod tests;
