//! `catalog.yaml` of an MCP pack as written. Unknown keys are errors everywhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{RawDelivery, RawRefusals},
    tool_call::Effect,
};

/// The whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCatalog {
    /// The service that it describes.
    pub service: String,
    /// The path of the endpoint below the service's prefix: the prefix itself where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The groups that each action (or group) is in.
    pub groups: BTreeMap<String, Vec<String>>,
    /// The tools that there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<RawRule>,
    /// The prompts that there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<RawRule>,
    /// The resources that there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<RawResourceRule>,
    /// What becomes of a tool or prompt whose definition is not the reviewed one.
    #[serde(default, skip_serializing_if = "RawDrift::is_report")]
    pub drift: RawDrift,
    /// What a client may not send.
    #[serde(default, skip_serializing_if = "RawRefusals::is_empty")]
    pub refuse: RawRefusals,
}

/// Tools or prompts that are one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// A name, or the beginning of names: `read_*`.
    pub name: String,
    /// The action that a call is.
    pub action: String,
    /// Whether the action changes anything: as the operator knows it, whatever the server says of itself.
    pub effect: Effect,
    /// The arguments, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, RawArgument>,
    /// The tool declares an output schema. Strict clients hold structured content against it even where the result is an
    /// error, so a refusal is text only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_schema: bool,
    /// The digest of the definition that somebody has read, where changes of it matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What happens to arguments that are not named here.
    #[serde(default, skip_serializing_if = "RawOthers::is_refuse")]
    pub others: RawOthers,
    /// How the call is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<RawDelivery>,
}

/// Resources that are read by one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawResourceRule {
    /// A URI, or the beginning of URIs: `file:///docs/*`.
    pub uri: String,
    /// The action that reading is.
    pub action: String,
    /// Whether the action changes anything.
    pub effect: Effect,
    /// How reading is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<RawDelivery>,
}

/// One argument of a tool or prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawArgument {
    /// What it must be.
    #[serde(rename = "type")]
    pub kind: RawArgumentType,
    /// Its name in the policy context, where it is another one.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Whether it may be absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// It is the path of a file, in one canonical form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RawPath>,
    /// It is a list, and every member is a call of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each: bool,
    /// Its value is never shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// The header `Mcp-Param-...` that repeats it, by the end of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// The type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawArgumentType {
    /// Text.
    String,
    /// A whole number within 2^53-1.
    Long,
    /// `true` or `false`.
    Bool,
    /// A list of texts, whose order policies do not see.
    Strings,
    /// Anything: policies do not see it.
    Any,
}

/// What the path of a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawPath {
    /// A name: `docs/a.txt`.
    Relative,
    /// The root: `/srv/docs/a.txt`.
    Absolute,
}

/// What happens to arguments that a rule does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawOthers {
    /// The call is refused.
    #[default]
    Refuse,
    /// They go on, undecided.
    Pass,
}

/// What becomes of a definition that has changed since it was reviewed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawDrift {
    /// It is told, and shown.
    #[default]
    Report,
    /// It is told, and not shown until its new digest is in the catalog.
    Hide,
}

// === impl RawDrift ===

impl RawDrift {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_report(&self) -> bool {
        *self == Self::Report
    }
}

// === impl RawOthers ===

impl RawOthers {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
}
