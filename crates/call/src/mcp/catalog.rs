//! The catalog of an MCP service: which tools, prompts and resources there are, and which actions they are. What it
//! does not say is denied.

mod check;

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    argument::ArgumentRule, pattern::Pattern, raw::RawCatalog, route::McpRoute, vocabulary::ACTIONS,
};
use crate::{
    catalog::{CatalogFault, Limits, Refusals},
    error::CallError,
    form::ActionForm,
    head::RequestHead,
    service::Service,
    tool_call::Effect,
};

/// A checked catalog.
#[derive(Clone)]
pub struct Catalog {
    service: String,
    path: String,
    groups: BTreeMap<String, Vec<String>>,
    rules: Arc<Rules>,
    refusals: Refusals,
    max_body: usize,
}

/// What there is, by its kind.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) tools: Vec<CatalogRule>,
    pub(super) prompts: Vec<CatalogRule>,
    pub(super) resources: Vec<CatalogRule>,
    /// Whether what has changed since it was reviewed is not shown.
    pub(super) hides_drift: bool,
}

/// Tools, prompts or resources that are one action.
#[derive(Debug)]
pub struct CatalogRule {
    pub(super) pattern: Pattern,
    /// The action.
    pub action: Arc<str>,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Whether its attempts are stored before they go on.
    pub durable: bool,
    /// Its arguments.
    pub arguments: Vec<ArgumentRule>,
    pub(super) others_pass: bool,
    /// Clients hold structured content of its results against a schema.
    pub(super) output_schema: bool,
    /// The digest of its reviewed definition.
    pub(super) digest: Option<Box<str>>,
    /// Where it stands in the document.
    pub pointer: String,
}

/// The parts of a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources.
    Resources,
}

// === impl Catalog ===

impl Catalog {
    /// Checks a catalog.
    ///
    /// # Errors
    /// Everything that is wrong in it, each with its place.
    pub fn try_from(raw: RawCatalog, limits: Limits) -> Result<Self, Vec<CatalogFault>> {
        check::catalog(raw, limits)
    }

    /// The service that it describes.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The groups that each action or group is directly in.
    pub const fn groups(&self) -> &BTreeMap<String, Vec<String>> {
        &self.groups
    }

    /// Every rule, and of what it is.
    pub fn rules(&self) -> impl Iterator<Item = (Section, &CatalogRule)> {
        let Rules { tools, prompts, resources, hides_drift: _ } = &*self.rules;
        let of = |section: Section, rules| std::iter::repeat(section).zip(rules);
        of(Section::Tools, tools)
            .chain(of(Section::Prompts, prompts))
            .chain(of(Section::Resources, resources))
    }

    /// How many kinds of requests it knows.
    pub fn route_count(&self) -> usize {
        ACTIONS.len().saturating_add(self.rules().count())
    }

    /// Finds what a request asks for, as far as its head says.
    ///
    /// # Errors
    /// A refused header or cookie, and what is none of the endpoint's methods.
    pub fn route(&self, head: &RequestHead<'_>, service: &Service) -> Result<McpRoute, CallError> {
        self.refusals.check(head)?;
        if head.path().after(&service.prefix) != Some(&*self.path) {
            return Err(CallError::RouteUnknown);
        }
        McpRoute::read(head, &service.name, Arc::clone(&self.rules), self.max_body)
    }

    /// Whether a header of this name is refused or read.
    pub(crate) fn uses_header(&self, name: &str) -> bool {
        name.starts_with("mcp-") || name == "last-event-id" || self.refusals.header(name.as_bytes())
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("service", &self.service).finish_non_exhaustive()
    }
}

// === impl Rules ===

/// The most particular rule for a name: the name itself, else the longest beginning.
pub(super) fn find<'r>(rules: &'r [CatalogRule], name: &str) -> Option<&'r CatalogRule> {
    rules
        .iter()
        .filter_map(|rule| Some((rule.pattern.rank(name)?, rule)))
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, rule)| rule)
}

/// The names of the actions that the adapter has by itself.
fn own_actions<'a>() -> impl Iterator<Item = &'a str> {
    ACTIONS.iter().map(|action: &&ActionForm| action.name)
}

#[cfg(test)]
mod tests;
