//! What a request asks for: one action on one resource with its arguments, or several of them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::{Map, Value};

/// What a request asks for: at least one tool call, all of which must be permitted.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCalls {
    // INVARIANT: there is a first call. A request that asks for nothing must be an error, since "all of none are
    // permitted" would let it pass.
    first: ToolCall,
    rest: Vec<ToolCall>,
}

/// One action on one resource with its arguments. Who asks is not part of it.
#[derive(Clone, PartialEq)]
pub struct ToolCall {
    /// The action's name, such as `secrets.read`.
    pub action: Arc<str>,
    /// Whether the action changes anything.
    pub effect: Effect,
    /// What it acts on.
    pub resource: Entity,
    /// Its arguments, by the names the catalog gives them: the action's own part of the policy context.
    pub arguments: Map<String, Value>,
    /// The arguments whose values are never shown or logged.
    pub secret: Vec<String>,
}

/// Whether an action changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It only reads.
    Read,
    /// It may change something.
    Write,
}

/// A resource with its complete ancestry: a policy about any ancestor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// The entity type, such as `Secrets::Secret`.
    pub type_name: Arc<str>,
    /// The id within the type.
    pub id: String,
    /// What the request itself says of it.
    pub attributes: BTreeMap<Arc<str>, Attribute>,
    /// What it is directly in; each parent knows its own parents.
    pub parents: Vec<Self>,
}

/// A value that a request gives one of its entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Text.
    Text(String),
    /// Another entity, by its type and id.
    Entity {
        /// The entity type.
        type_name: Arc<str>,
        /// The id within the type.
        id: String,
    },
}

// === impl ToolCalls ===

impl ToolCalls {
    /// One call.
    pub const fn one(call: ToolCall) -> Self {
        Self { first: call, rest: Vec::new() }
    }

    /// These calls, and then `more`.
    #[must_use]
    pub fn and(mut self, more: impl IntoIterator<Item = ToolCall>) -> Self {
        self.rest.extend(more);
        self
    }

    /// The calls of a request, in its order; none is no `ToolCalls`.
    pub fn new(calls: impl IntoIterator<Item = ToolCall>) -> Option<Self> {
        let mut calls = calls.into_iter();
        Some(Self { first: calls.next()?, rest: calls.collect() })
    }

    /// The first call.
    pub const fn first(&self) -> &ToolCall {
        &self.first
    }

    /// All calls, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = &ToolCall> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// How many calls there are: never zero.
    #[expect(clippy::len_without_is_empty, reason = "there is always a first call")]
    pub const fn len(&self) -> usize {
        self.rest.len().saturating_add(1)
    }
}

impl<'a> IntoIterator for &'a ToolCalls {
    type Item = &'a ToolCall;
    type IntoIter = std::iter::Chain<std::iter::Once<&'a ToolCall>, std::slice::Iter<'a, ToolCall>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

// === impl ToolCall ===

impl fmt::Debug for ToolCall {
    /// Leaves out the values of secret arguments, since debug output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<(&str, Option<&Value>)> = self
            .arguments
            .iter()
            .map(|(name, value)| (name.as_str(), (!self.secret.contains(name)).then_some(value)))
            .collect();
        f.debug_struct("ToolCall")
            .field("action", &self.action)
            .field("effect", &self.effect)
            .field("resource", &self.resource)
            .field("arguments", &arguments)
            .field("secret", &self.secret)
            .finish()
    }
}

// === impl Effect ===

impl Effect {
    /// `read` or `write`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}
