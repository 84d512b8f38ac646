//! `catalog.yaml` as written. Unknown keys are errors everywhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rule::Voice;
use crate::tool_call::Effect;

/// The whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCatalog {
    /// The service that it describes.
    pub service: String,
    /// Which requests are which tool calls.
    pub routes: Vec<RawRoute>,
    /// The groups that an action (or a group) is in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Vec<String>>,
    /// What a client may not send.
    #[serde(default, skip_serializing_if = "RawRefusals::is_empty")]
    pub refuse: RawRefusals,
    /// In whose words the service's clients are refused.
    #[serde(default, skip_serializing_if = "Voice::is_http")]
    pub voice: Voice,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRoute {
    /// The method.
    pub method: String,
    /// The path below the service's prefix: `/v1/{name}`, `{rest...}`, `{part:encoded}`.
    pub path: String,
    /// A header by whose value requests to the same path are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<RawHeader>,
    /// Query parameters by whose presence requests to the same path are told apart: such a request has all of these,
    /// and none by which another route of the path is told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub present: Vec<String>,
    /// The action that such a request is.
    pub action: String,
    /// Whether the action changes anything.
    pub effect: Effect,
    /// What it acts on.
    pub resource: RawResource,
    /// The arguments of the call, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, RawField>,
    /// What such a request does besides: further calls, all of which must be permitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<RawCall>,
    /// Query parameters that may be there without being arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<String>,
    /// The arguments whose values are never shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret: Vec<String>,
    /// What happens to a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RawBody>,
    /// The most bytes of a body that are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body: Option<usize>,
    /// How the call is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<RawDelivery>,
}

/// A further call that a request makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCall {
    /// The action that it is.
    pub action: String,
    /// Whether the action changes anything.
    pub effect: Effect,
    /// What it acts on.
    pub resource: RawResource,
    /// Those of the route's arguments that are this call's too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
}

/// A header with the value that it must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawHeader {
    /// The header, in lower case.
    pub name: String,
    /// Its exact value.
    pub value: String,
}

/// A resource made from what the path template captures, and from strings of the query or of headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawResource {
    /// The entity type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The id, with captured names in braces.
    pub id: String,
    /// What it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<RawParent>,
}

/// Something that a resource is in: one entity (`id`), or the chain of the folders of a path (`folders_of`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawParent {
    /// The entity type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The id, with captured names in braces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A slash path, with captured names in braces, whose folders are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folders_of: Option<String>,
    /// What it is in itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Self>,
}

/// One argument of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawField {
    /// Which part of the request has it.
    pub from: RawSource,
    /// Where in that part: a captured name, a parameter, a header, or a JSON pointer.
    pub at: String,
    /// What it must be.
    #[serde(rename = "type")]
    pub kind: super::FieldType,
    /// Whether it may be absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawSource {
    /// What the path template captures.
    Path,
    /// The query.
    Query,
    /// The headers.
    Header,
    /// The body, which is JSON.
    Json,
}

/// What happens to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawBody {
    /// There must be none.
    None,
    /// It streams through undecided.
    Ignore,
    /// Its beginning is decided on.
    Prefix,
    /// All of it is decided on.
    Whole,
}

/// How a call is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawDelivery {
    /// As the configuration says of all.
    Log,
    /// Stored by the ledger's service before anything is forwarded.
    Durable,
}

/// What a client may not send, such as the backend's own credentials. `_` and `-` are the same in these names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRefusals {
    /// Headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Cookies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
}

// === impl RawRefusals ===

impl RawRefusals {
    pub(crate) fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.cookies.is_empty()
    }
}
