//! Headers that repeat what the message says (SEP-2243). Whoever reads only headers must come to the same answer as
//! whoever reads only the body, so each is held against it.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{argument::ArgumentRule, message::Message, version::Version};
use crate::{error::CallError, head::RequestHead};

const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const PARAM: &str = "mcp-param-";

/// The mirroring headers of a request, as sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Mirror {
    method: Option<String>,
    name: Option<String>,
    params: Vec<(String, String)>,
}

// === impl Mirror ===

impl Mirror {
    /// # Errors
    /// A value that is not printable ASCII, or an encoded one that does not decode.
    pub(super) fn of(head: &RequestHead<'_>) -> Result<Self, CallError> {
        let mut mirror = Self::default();
        for (name, value) in head.headers() {
            let Ok(name) = str::from_utf8(name) else { continue };
            match name {
                METHOD => mirror.method = Some(decoded(name, value)?),
                NAME => mirror.name = Some(decoded(name, value)?),
                _ if name.starts_with(PARAM) => mirror.params.push((name.to_owned(), decoded(name, value)?)),
                _ => {}
            }
        }
        Ok(mirror)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.method.is_none() && self.name.is_none() && self.params.is_empty()
    }

    /// Holds method and name against the message.
    ///
    /// # Errors
    /// [`CallError::McpHeaderMismatch`].
    pub(super) fn check(&self, message: Message<'_>, version: Option<Version>) -> Result<(), CallError> {
        let demanded = version.is_some_and(Version::is_stateless);
        let (method, name_demanded) = match message {
            Message::Call { method, .. } => (Some(method.name), method.is_mirrored_by_name()),
            Message::Answer => (None, false),
        };
        same(METHOD, self.method.as_deref(), method, demanded && method.is_some())?;
        same(NAME, self.name.as_deref(), message.name()?, demanded && name_demanded)
    }

    /// Holds the parameters against the arguments that they repeat.
    ///
    /// # Errors
    /// [`CallError::McpHeaderMismatch`], also for a header of which the catalog does not say what it repeats.
    pub(super) fn check_params(
        &self,
        rules: &[ArgumentRule],
        given: Option<&Map<String, Value>>,
        version: Option<Version>,
    ) -> Result<(), CallError> {
        let demanded = version.is_some_and(Version::is_stateless);
        let rule_of = |name: &str| rules.iter().find(|rule| rule.header.as_deref() == Some(name));
        if let Some((name, _)) = self.params.iter().find(|(name, _)| rule_of(name).is_none()) {
            return Err(CallError::mismatch(name, "repeats no argument that the catalog knows"));
        }
        for rule in rules {
            let Some(header) = &rule.header else { continue };
            let sent = self.params.iter().find(|(name, _)| name == header).map(|(_, value)| value.as_str());
            let value = given.and_then(|given| given.get(&rule.name)).filter(|value| !value.is_null());
            let text = value.map(written);
            same(header, sent, text.as_deref(), demanded && text.is_some())?;
        }
        Ok(())
    }
}

fn same(header: &str, sent: Option<&str>, meant: Option<&str>, demanded: bool) -> Result<(), CallError> {
    match (sent, meant) {
        (None, _) if demanded => Err(CallError::mismatch(header, "is missing")),
        (Some(sent), Some(meant)) if sent != meant => {
            Err(CallError::mismatch(header, "differs from the message"))
        }
        (Some(_), None) => Err(CallError::mismatch(header, "repeats nothing of the message")),
        (None, _) | (Some(_), Some(_)) => Ok(()),
    }
}

/// An argument as a header writes it.
fn written(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Cow::Owned(value.to_string())
        }
    }
}

/// What a header's value means: itself, or the text that `=?base64?...?=` stands for.
fn decoded(name: &str, value: &[u8]) -> Result<String, CallError> {
    let wrong = |reason| CallError::mismatch(name, reason);
    if !value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        return Err(wrong("is not printable ASCII"));
    }
    let encoded = value.strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?="));
    let bytes = match encoded {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| wrong("is not canonical Base64"))?,
        // Some see a sentinel already in its beginning.
        None if value.to_ascii_lowercase().starts_with(b"=?base64?") => {
            return Err(wrong("looks like Base64 and is not"));
        }
        None => value.to_vec(),
    };
    String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))
}
