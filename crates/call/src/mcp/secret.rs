//! Where the secret arguments of a message are: approvers see that they are there, and not what they are.

use serde_json::Value;

use super::{
    catalog::{Rules, find},
    vocabulary::field,
};

/// A secret argument of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretArgument {
    /// Its name among the message's arguments.
    pub(crate) name: String,
    /// Its path in the policy context, under which it is sealed everywhere.
    pub(crate) path: String,
}

// === impl Rules ===

impl Rules {
    /// The secret arguments of a message, as the catalog has them; none where it has no such tool or prompt.
    pub(super) fn secrets_of(&self, message: &Value) -> Vec<SecretArgument> {
        let rules = match message.get("method").and_then(Value::as_str) {
            Some("tools/call") => &self.tools,
            Some("prompts/get") => &self.prompts,
            Some(_) | None => return Vec::new(),
        };
        let name = message.pointer("/params/name").and_then(Value::as_str).unwrap_or_default();
        let arguments = find(rules, name).into_iter().flat_map(|rule| &rule.arguments);
        arguments
            .filter(|argument| argument.secret)
            .map(|argument| SecretArgument {
                name: argument.name.clone(),
                path: format!("{}/{}", field::ARGS, argument.field),
            })
            .collect()
    }
}
