//! JSON written as it comes, without a tree of it first.

use std::fmt::Write as _;

use serde_json::Value;

/// Members of an object or elements of an array, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonText(String);

// === impl JsonText ===

impl JsonText {
    /// An object that is left open.
    pub(super) fn begin(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self(text)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    pub(super) fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    pub(super) fn null(&mut self, name: &str) {
        self.name(name);
        self.0.push_str("null");
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.display(value);
    }

    pub(super) fn value(&mut self, name: &str, value: &Value) {
        self.name(name);
        match value {
            Value::String(text) => self.string(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.display(value);
            }
        }
    }

    pub(super) fn texts<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) {
        self.array(name, |array| {
            for value in values {
                array.separate();
                array.string(value);
            }
        });
    }

    pub(super) fn object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.enclose('{', '}', members);
    }

    pub(super) fn array(&mut self, name: &str, elements: impl FnOnce(&mut Self)) {
        self.name(name);
        self.enclose('[', ']', elements);
    }

    /// An object as an element.
    pub(super) fn element(&mut self, members: impl FnOnce(&mut Self)) {
        self.separate();
        self.enclose('{', '}', members);
    }

    /// What was written before, as members or elements here.
    pub(super) fn members(&mut self, other: &Self) {
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

    fn name(&mut self, name: &str) {
        self.separate();
        self.string(name);
        self.0.push(':');
    }

    /// A comma, but at the beginning.
    fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[')) {
            self.0.push(',');
        }
    }

    /// RFC 8259 section 7: quotation marks, backslashes and control characters are escaped, and nothing else has to be.
    fn string(&mut self, value: &str) {
        self.0.push('"');
        let mut rest = value;
        while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
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
        fn any_text_is_read_back(name in ".*", value in "\\PC*|[\\x00-\\x7f]*") {
            let mut text = JsonText::begin(0);
            text.text(&name, &value);
            text.texts("list", [value.as_str(), ""]);
            text.object("empty", |_| {});
            let read: Value = serde_json::from_str(&format!("{}}}", text.into_string())).unwrap();
            prop_assume!(name != "list" && name != "empty");
            prop_assert_eq!(read, json!({ (name): (value.clone()), "list": [value, ""], "empty": {} }));
        }
    }
}
