//! The catalog of a git service. Its routes are git's own, so there is little to say.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{route::GitRoute, vocabulary::ACTIONS};
use crate::{
    catalog::{CatalogFault, RawRefusals, Refusals, check},
    error::CallError,
    form::ActionForm,
    head::RequestHead,
    service::Service,
};

/// `catalog.yaml` of a git pack as written. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCatalog {
    /// The service that it describes.
    pub service: String,
    /// The groups that each action (or group) is in.
    pub groups: BTreeMap<String, Vec<String>>,
    /// What a client may not send.
    #[serde(default, skip_serializing_if = "RawRefusals::is_empty")]
    pub refuse: RawRefusals,
}

/// A checked catalog.
#[derive(Clone)]
pub struct Catalog {
    service: String,
    groups: BTreeMap<String, Vec<String>>,
    refusals: Refusals,
}

// === impl Catalog ===

impl Catalog {
    /// Checks a catalog.
    ///
    /// # Errors
    /// Everything that is wrong in it, each with its place.
    pub fn try_from(raw: RawCatalog) -> Result<Self, Vec<CatalogFault>> {
        let RawCatalog { service, groups, refuse } = raw;
        let names = ACTIONS.iter().map(|action: &&ActionForm| action.name);
        let refusals = check::frame(&service, &groups, names, &refuse)?;
        Ok(Self { service, groups, refusals })
    }

    /// The service that it describes.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The groups that each action or group is directly in.
    pub const fn groups(&self) -> &BTreeMap<String, Vec<String>> {
        &self.groups
    }

    /// Finds what a request asks for, as far as its head says.
    ///
    /// # Errors
    /// A refused header or cookie, or what is none of git's endpoints.
    pub fn route(&self, head: &RequestHead<'_>, service: &Service) -> Result<GitRoute, CallError> {
        self.refusals.check(head)?;
        let path = head.path().after(&service.prefix).ok_or(CallError::RouteUnknown)?;
        GitRoute::read(head, path)
    }

    /// Whether a header of this name is refused or read.
    pub(crate) fn uses_header(&self, name: &str) -> bool {
        name == "git-protocol" || self.refusals.header(name.as_bytes())
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("service", &self.service).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
