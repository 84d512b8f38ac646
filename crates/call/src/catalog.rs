//! The catalog of a REST service: which requests are which tool calls. [`RawCatalog`] is what `catalog.yaml` says,
//! [`Catalog`] what it means once every part has been checked against every other.

pub(crate) mod check;
mod index;
mod raw;
mod refusals;
mod rule;
mod template;

use std::{collections::BTreeMap, fmt, sync::Arc};

pub(crate) use self::{
    index::{Index, Traits},
    refusals::Refusals,
    template::{Part, Piece},
};
pub use self::{
    raw::{
        RawBody, RawCall, RawCatalog, RawDelivery, RawField, RawHeader, RawParent, RawRefusals, RawResource,
        RawRoute, RawSource,
    },
    rule::{
        AlsoRule, BodyRule, CallRule, FieldRule, FieldType, HeaderRule, Lineage, ParentRule, ResourceRule,
        RouteRule, Source, Voice,
    },
    template::{IdTemplate, PathTemplate},
};

/// What a catalog may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes that any route may have read.
    pub max_body: usize,
}

/// A checked catalog.
#[derive(Clone)]
pub struct Catalog {
    service: String,
    routes: Vec<Arc<RouteRule>>,
    groups: BTreeMap<String, Vec<String>>,
    // INVARIANT: made from `routes`, and no request matches two of them.
    index: Index,
    refusals: Refusals,
    voice: Voice,
}

/// One thing wrong in a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFault {
    /// Where: an RFC 6901 pointer into the catalog document.
    pub pointer: String,
    /// What: lower case, no full stop, input in backticks.
    pub message: String,
    /// What would be right, such as the nearest known name.
    pub help: Option<String>,
}

// === impl Limits ===

impl Default for Limits {
    /// 1 MiB: Envoy's default `per_connection_buffer_limit_bytes`, above which it answers 413 itself.
    fn default() -> Self {
        Self { max_body: 1 << 20 }
    }
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

    /// The routes in the order of the document.
    pub fn routes(&self) -> impl Iterator<Item = &RouteRule> {
        self.routes.iter().map(AsRef::as_ref)
    }

    /// The groups that each action or group is directly in.
    pub const fn groups(&self) -> &BTreeMap<String, Vec<String>> {
        &self.groups
    }

    /// In whose words clients are refused.
    pub const fn voice(&self) -> Voice {
        self.voice
    }

    /// Whether a header of this name is refused, tells routes apart or is an argument.
    pub(crate) fn uses_header(&self, name: &str) -> bool {
        let reads = |rule: &RouteRule| {
            rule.header.as_ref().is_some_and(|header| header.name == name)
                || rule
                    .context
                    .iter()
                    .any(|field| matches!(&field.source, Source::Header(header) if header == name))
        };
        self.refusals.header(name.as_bytes()) || self.routes().any(reads)
    }

    pub(crate) const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn rule(&self, number: usize) -> Option<&Arc<RouteRule>> {
        self.routes.get(number)
    }
}

impl fmt::Debug for Catalog {
    /// Names it; thousands of routes help nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("service", &self.service)
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CatalogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
