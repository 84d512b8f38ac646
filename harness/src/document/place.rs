//! A part of a document together with where it was written: for code that reads a value and may complain.

use serde_json::Value;

use super::Document;
use super::spans::{Node, escape};
use crate::diagnostic::Diagnostic;
use crate::text::Position;

/// A part of a document.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    document: &'a Document,
    pointer: String,
    value: &'a Value,
    node: &'a Node,
}

// === impl Place ===

impl<'a> Place<'a> {
    pub(super) fn root(document: &'a Document) -> Self {
        let node = document.spans.root();
        Self { document, pointer: String::new(), value: &document.value, node }
    }

    /// The value of this part.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The RFC 6901 pointer from the document's root.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// A member of a mapping.
    pub fn member(&self, name: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(name)?;
        self.part(name, value)
    }

    /// The members of a mapping by name; none if this is no mapping.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, Self)> {
        let members = self.value.as_object();
        members
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), self.part(name, value)?)))
    }

    /// The items of a list; none if this is no list.
    pub fn items(&self) -> impl Iterator<Item = Self> {
        let items = self.value.as_array();
        items
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, value)| self.part(&index.to_string(), value))
    }

    /// An error at the value.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.document.text, self.node.value, message)
    }

    /// An error at the key, or at the value where there is none.
    pub fn key_error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.document.text, self.key_position(), message)
    }

    /// Where the key stands, or the value where there is none.
    pub fn key_position(&self) -> Position {
        self.node.key.unwrap_or(self.node.value)
    }

    fn part(&self, token: &str, value: &'a Value) -> Option<Self> {
        let node = self.node.part(token)?;
        let pointer = format!("{}/{}", self.pointer, escape(token));
        Some(Self { document: self.document, pointer, value, node })
    }
}
