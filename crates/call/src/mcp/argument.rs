//! The arguments of a call: what the catalog says of each, and what the message has.

use serde_json::{Map, Value};

use super::raw::RawPath;
use crate::{
    error::CallError,
    json::{MAX_INTEGER, member},
};

/// Longer than any list that a person reviews; each member is a call for two principals.
const MAX_EACH: usize = 64;
/// Cedar sorts a set, for each principal anew.
const MAX_TEXTS: usize = 1024;
/// `PATH_MAX` of Linux.
const MAX_PATH_BYTES: usize = 4096;

/// An argument as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentRule {
    /// Its name.
    pub name: String,
    /// Its name in the policy context.
    pub field: String,
    /// What it must be.
    pub kind: ArgumentType,
    /// Whether it may be absent.
    pub optional: bool,
    /// It is the path of a file.
    pub(super) path: Option<RawPath>,
    /// Its value is never shown.
    pub secret: bool,
    /// The header that repeats it, in lower case.
    pub(super) header: Option<String>,
}

/// The type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentType {
    /// Text.
    Text,
    /// A whole number that every reader keeps exactly.
    Long,
    /// A truth value.
    Bool,
    /// A set of texts.
    Texts,
    /// A list of texts, each of which is a call of its own with this argument as text.
    Each,
    /// Anything, and no part of the policy context.
    Any,
}

/// The arguments of one message: those of every call, and those in which its calls differ.
#[derive(Debug)]
pub(super) struct Arguments {
    shared: Map<String, Value>,
    each: Option<(String, Vec<Value>)>,
}

// === impl ArgumentRule ===

impl ArgumentRule {
    /// The argument, as far as it is in the policy context.
    fn read<'v>(&self, given: &'v Map<String, Value>) -> Result<Option<&'v Value>, CallError> {
        let invalid = |reason| CallError::argument(&self.name, reason);
        let Some(value) = member(given, &self.name)? else {
            return if self.optional { Ok(None) } else { Err(invalid("is missing")) };
        };
        match self.kind {
            ArgumentType::Any => Ok(None),
            ArgumentType::Text => self.text(value).map(|()| Some(value)),
            // `1.0` is a whole number to JavaScript and none to others.
            ArgumentType::Long
                if value.as_i64().is_some_and(|long| long.unsigned_abs() <= MAX_INTEGER.unsigned_abs()) =>
            {
                Ok(Some(value))
            }
            ArgumentType::Long => Err(invalid("must be an integer within 2^53-1")),
            ArgumentType::Bool if value.is_boolean() => Ok(Some(value)),
            ArgumentType::Bool => Err(invalid("must be `true` or `false`")),
            ArgumentType::Texts | ArgumentType::Each => {
                let members = value.as_array().ok_or_else(|| invalid("must be a list of texts"))?;
                if members.len() > MAX_TEXTS {
                    return Err(CallError::limit("mcp.texts", MAX_TEXTS));
                }
                members.iter().try_for_each(|member| self.text(member))?;
                Ok(Some(value))
            }
        }
    }

    fn text(&self, value: &Value) -> Result<(), CallError> {
        let invalid = |reason| CallError::argument(&self.name, reason);
        let text = value.as_str().ok_or_else(|| invalid("must be text"))?;
        // NUL ends a text for servers in C.
        if text.contains('\0') {
            return Err(invalid("must be a text without NUL"));
        }
        match self.path {
            Some(form) => check_path(text, form).map_err(invalid),
            None => Ok(()),
        }
    }
}

// === impl Arguments ===

impl Arguments {
    /// Reads the arguments that a rule names; others are refused unless they may pass.
    ///
    /// # Errors
    /// [`CallError::ArgumentInvalid`], and what is ambiguous.
    pub(super) fn read(
        rules: &[ArgumentRule],
        others_pass: bool,
        given: Option<&Value>,
    ) -> Result<Self, CallError> {
        let none = Map::new();
        let given = match given {
            None => &none,
            Some(Value::Object(given)) => given,
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(CallError::argument("arguments", "must be an object"));
            }
        };
        let mut read = Self { shared: Map::new(), each: None };
        for rule in rules {
            let Some(value) = rule.read(given)? else { continue };
            if rule.kind == ArgumentType::Each {
                let members = value.as_array().cloned().unwrap_or_default();
                if members.is_empty() {
                    // No call at all would be everything for nothing.
                    return Err(CallError::argument(&rule.name, "must not be empty"));
                }
                if members.len() > MAX_EACH {
                    return Err(CallError::limit("mcp.each", MAX_EACH));
                }
                read.each = Some((rule.field.clone(), members));
            } else {
                read.shared.insert(rule.field.clone(), value.clone());
            }
        }
        let undeclared = given.keys().find(|name| rules.iter().all(|rule| rule.name != **name));
        match undeclared {
            Some(name) if !others_pass => Err(CallError::argument(name, "is not an argument in the catalog")),
            Some(_) | None => Ok(read),
        }
    }

    /// The arguments of every call.
    pub(super) fn calls(self) -> Vec<Map<String, Value>> {
        let Self { shared, each } = self;
        match each {
            None => vec![shared],
            Some((name, members)) => members
                .into_iter()
                .map(|member| {
                    let mut own = shared.clone();
                    own.insert(name.clone(), member);
                    own
                })
                .collect(),
        }
    }
}

/// A path that every server finds at the same place: no dot segments, nothing empty, nothing that a shell, a URL or
/// another system reads differently.
fn check_path(path: &str, form: RawPath) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.len() > MAX_PATH_BYTES {
        return Err("is longer than 4096 bytes");
    }
    if path.contains(|c: char| c.is_control() || matches!(c, '\\' | '%' | ';')) {
        return Err("is not canonical: a control character, `\\`, `%` or `;`");
    }
    let inside = match form {
        RawPath::Absolute => path.strip_prefix('/').ok_or("is not canonical: it must begin with `/`")?,
        RawPath::Relative if path.starts_with(['/', '~']) => {
            return Err("is not canonical: it must not begin with `/` or `~`");
        }
        RawPath::Relative => path,
    };
    for segment in inside.split('/') {
        match segment {
            "" => return Err("is not canonical: an empty segment"),
            "." | ".." => return Err("is not canonical: a dot segment"),
            // Windows drops them, so that one file has many names.
            _ if segment.ends_with([' ', '.']) || segment.starts_with(' ') => {
                return Err("is not canonical: a segment begins or ends with a space, or ends with a dot");
            }
            _ if segment.contains(':') => return Err("is not canonical: a colon"),
            _ => {}
        }
    }
    Ok(())
}
