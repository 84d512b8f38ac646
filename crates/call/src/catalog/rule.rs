//! A checked route.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::template::{IdTemplate, PathTemplate};
use crate::{adapter::BodyNeed, json::Pointer, tool_call::Effect};

/// Which requests are which tool call.
#[derive(Debug)]
pub struct RouteRule {
    /// The method.
    pub method: String,
    /// The path below the service's prefix.
    pub path: PathTemplate,
    /// The header that tells it apart from other routes of the same path.
    pub header: Option<HeaderRule>,
    /// The query parameters whose presence tells it apart from other routes of the same path.
    pub present: Vec<String>,
    /// The action.
    pub action: Arc<str>,
    /// Whether the action changes anything.
    pub effect: Effect,
    /// How the resource is made.
    pub resource: ResourceRule,
    /// The further calls.
    pub also: Vec<AlsoRule>,
    /// The arguments.
    pub context: Vec<FieldRule>,
    /// All declared query parameters, those of arguments included.
    pub query: Vec<String>,
    /// The arguments whose values are never shown.
    pub secret: Vec<String>,
    /// What happens to a body.
    pub body: BodyRule,
    /// Whether its attempts are stored before they go on.
    pub durable: bool,
    /// Where it stands in the catalog document: an RFC 6901 pointer.
    pub pointer: String,
}

/// A further call that such a request makes.
#[derive(Debug)]
pub struct AlsoRule {
    /// The action.
    pub action: Arc<str>,
    /// Whether the action changes anything.
    pub effect: Effect,
    /// How the resource is made.
    pub resource: ResourceRule,
    /// Its arguments, by their places among the route's.
    pub context: Vec<usize>,
    /// Where it stands in the catalog document.
    pub pointer: String,
}

/// One of the calls that a route makes.
#[derive(Debug, Clone)]
pub struct CallRule<'r> {
    /// The action.
    pub action: &'r Arc<str>,
    /// Whether the action changes anything.
    pub effect: Effect,
    /// How the resource is made.
    pub resource: &'r ResourceRule,
    /// Its arguments, each with its place among the route's.
    pub context: Vec<(usize, &'r FieldRule)>,
    /// Where it stands in the catalog document.
    pub pointer: &'r str,
}

/// A header with the value that it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRule {
    /// The header, in lower case.
    pub name: String,
    /// Its exact value.
    pub value: String,
}

/// How a resource is made.
#[derive(Debug)]
pub struct ResourceRule {
    /// The entity type.
    pub type_name: Arc<str>,
    /// Its id.
    pub id: IdTemplate,
    /// What it is in.
    pub parents: Vec<ParentRule>,
    /// Where it stands in the catalog document.
    pub pointer: String,
}

/// How something that a resource is in is made.
#[derive(Debug)]
pub struct ParentRule {
    /// The entity type.
    pub type_name: Arc<str>,
    /// One entity or a chain of them.
    pub lineage: Lineage,
    /// Where it stands in the catalog document.
    pub pointer: String,
}

/// One parent or a chain of folders.
#[derive(Debug)]
pub enum Lineage {
    /// One entity with parents of its own.
    Entity {
        /// Its id.
        id: IdTemplate,
        /// What it is in.
        parents: Vec<ParentRule>,
    },
    /// Every proper folder of a slash path, each in the one above it.
    FoldersOf(IdTemplate),
}

/// One argument.
#[derive(Debug)]
pub struct FieldRule {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub source: Source,
    /// What it must be.
    pub kind: FieldType,
    /// Whether it may be absent.
    pub optional: bool,
    /// Where it stands in the catalog document.
    pub pointer: String,
}

/// Where an argument is.
#[derive(Debug)]
pub enum Source {
    /// The capture of this number in the path template.
    Path(usize),
    /// The query parameter of this name.
    Query(String),
    /// The header of this name.
    Header(String),
    /// This place in the JSON body.
    Json(Pointer),
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Text.
    String,
    /// An integer that every reader keeps exactly.
    Long,
    /// `true` or `false`.
    Bool,
}

/// In whose words clients are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Voice {
    /// HTTP's own: a problem document (RFC 9457).
    #[default]
    Http,
    /// A registry's: the error document of the OCI distribution specification, which holds the problem document.
    Oci,
}

/// What happens to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyRule {
    /// How much of it is needed.
    pub need: BodyNeed,
    /// Whether arguments are in it, so that it must be JSON.
    pub json: bool,
}

// === impl Voice ===

impl Voice {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn is_http(&self) -> bool {
        *self == Self::Http
    }
}

// === impl RouteRule ===

impl RouteRule {
    /// Everything that such a request does, its own call first.
    pub fn calls(&self) -> impl Iterator<Item = CallRule<'_>> {
        let own = CallRule {
            action: &self.action,
            effect: self.effect,
            resource: &self.resource,
            context: self.context.iter().enumerate().collect(),
            pointer: &self.pointer,
        };
        let also = self.also.iter().map(|also| CallRule {
            action: &also.action,
            effect: also.effect,
            resource: &also.resource,
            context: also
                .context
                .iter()
                .filter_map(|place| Some((*place, self.context.get(*place)?)))
                .collect(),
            pointer: &also.pointer,
        });
        std::iter::once(own).chain(also)
    }
}
