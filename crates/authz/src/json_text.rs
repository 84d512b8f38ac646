//! JSON written as it comes, without a tree of it first.

use std::fmt::Write as _;

use serde_json::Value;

/// Members of an object or elements of an array, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct JsonText(String);

// === impl JsonText ===

impl JsonText {
    /// Nothing yet, with room for so much.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// An object that is left open.
    pub(crate) fn begin(bytes: usize) -> Self {
        let mut text = Self::with_capacity(bytes);
        text.0.push('{');
        text
    }

    /// An object that is closed.
    pub(crate) fn object_of(bytes: usize, members: impl FnOnce(&mut Self)) -> Self {
        let mut text = Self::with_capacity(bytes);
        text.braces(members);
        text
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes back what was written after the first `bytes`.
    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.0.truncate(bytes);
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        self.string(value);
    }

    pub(crate) fn text_or_null(&mut self, name: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    pub(crate) fn null(&mut self, name: &'static str) {
        self.name(name);
        self.0.push_str("null");
    }

    pub(crate) fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.display(value);
    }

    pub(crate) fn value(&mut self, name: &'static str, value: &Value) {
        self.name(name);
        self.any(value);
    }

    /// A value, where one may stand.
    pub(crate) fn any(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.display(value);
            }
        }
    }

    /// A member whose name may be anything.
    pub(crate) fn member(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.separate();
        self.string(name);
        self.0.push(':');
        value(self);
    }

    /// An object where a value may stand.
    pub(crate) fn braces(&mut self, members: impl FnOnce(&mut Self)) {
        self.enclose('{', '}', members);
    }

    /// An array where a value may stand.
    pub(crate) fn brackets(&mut self, elements: impl FnOnce(&mut Self)) {
        self.enclose('[', ']', elements);
    }

    pub(crate) fn texts<'t>(&mut self, name: &'static str, values: impl IntoIterator<Item = &'t str>) {
        self.array(name, |array| {
            for value in values {
                array.separate();
                array.string(value);
            }
        });
    }

    pub(crate) fn object(&mut self, name: &'static str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.enclose('{', '}', members);
    }

    pub(crate) fn array(&mut self, name: &'static str, elements: impl FnOnce(&mut Self)) {
        self.name(name);
        self.enclose('[', ']', elements);
    }

    /// An object as an element.
    pub(crate) fn element(&mut self, members: impl FnOnce(&mut Self)) {
        self.separate();
        self.enclose('{', '}', members);
    }

    /// What was written before, as members or elements here.
    pub(crate) fn members(&mut self, other: &Self) {
        if !other.0.is_empty() {
            self.separate();
            self.0.push_str(&other.0);
        }
    }

    fn enclose(&mut self, open: char, close: char, inside: impl FnOnce(&mut Self)) {
        self.0.push(open);
        inside(self);
        self.0.push(close);
    }

    /// Names are our own words, in which nothing has to be escaped.
    fn name(&mut self, name: &'static str) {
        self.separate();
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    /// A comma, but at the beginning.
    pub(crate) fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[')) {
            self.0.push(',');
        }
    }

    /// RFC 8259 section 7: quotation marks, backslashes and control characters are escaped, and nothing else has to be.
    pub(crate) fn string(&mut self, value: &str) {
        self.0.push('"');
        let special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        // Without a way out of the loop, so that it is done for many bytes at once: hardly any text has one.
        let is_plain = !value.bytes().fold(false, |found, byte| found | special(byte));
        if is_plain {
            self.0.push_str(value);
            self.0.push('"');
            return;
        }
        let mut rest = value;
        while let Some(at) = rest.bytes().position(special) {
            let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.0.push_str(plain);
            let mut characters = special.chars();
            match characters.next() {
                Some('"') => self.0.push_str("\\\""),
                Some('\\') => self.0.push_str("\\\\"),
                Some('\n') => self.0.push_str("\\n"),
                Some(control) => self.display(format_args!("\\u{:04x}", u32::from(control))),
                None => {}
            }
            rest = characters.as_str();
        }
        self.0.push_str(rest);
        self.0.push('"');
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // A `String` takes everything.
        if let Err(_never) = write!(self.0, "{value}") {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_back(value in "\\PC*|[\\x00-\\x7f]*") {
            let mut text = JsonText::begin(0);
            text.text("name", &value);
            text.texts("list", [value.as_str(), ""]);
            text.object("empty", |_| {});
            let read: Value = serde_json::from_str(&format!("{}}}", text.into_string())).unwrap();
            prop_assert_eq!(read, json!({ "name": (value.clone()), "list": [value, ""], "empty": {} }));
        }
    }
}
