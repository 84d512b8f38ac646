//! Policies looked at from outside: which of them speak of a request, on what grounds they decide, which can never
//! decide, and what would be decided without one of them.
//!
//! For people who write and test policies, on their own machine; the plugin uses none of it. Nothing here decides: the
//! verdict on a request is the gate's own ([`examine`](Analysis::examine)), and no permit comes out.

mod anatomy;
mod examination;
mod hearing;
mod lint;
mod mutant;
mod policy;

use std::collections::BTreeMap;

use self::policy::Dissected;
pub use self::{
    examination::{CallFacts, CallerFacts, Conclusion, Examination, Stage},
    hearing::{Answer, Candidate, Hearing, NearMiss, Reading, Role, ScopePart},
    lint::Lints,
    mutant::{Change, Mutant},
    policy::{ConditionText, PolicyText},
};
use crate::{
    authorizer::Authorizer,
    document::{BundleDocument, TextDocument},
    fault::{At, Fault},
    statement::statements,
};

/// A bundle that loaded, and its policies taken apart.
#[derive(Debug)]
pub struct Analysis {
    authorizer: Authorizer,
    policies: Vec<Dissected>,
    routes: Vec<RouteText>,
    statics: lint::Statics,
}

/// A kind of request that a service knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteText {
    /// The service.
    pub service: String,
    /// What it is called: method and path, or a name of its protocol.
    pub name: String,
    /// The catalog.
    pub file: String,
    /// Where it stands there.
    pub at: At,
}

// === impl Analysis ===

impl Analysis {
    /// Loads a bundle and takes its policies apart.
    ///
    /// # Errors
    /// Everything that is wrong with the bundle.
    pub fn load(document: &BundleDocument) -> Result<Self, Vec<Fault>> {
        Self::of(document, Authorizer::load(document)?.authorizer)
    }

    /// Takes apart the policies of a bundle that `authorizer` was loaded from.
    ///
    /// # Errors
    /// A policy that cannot be taken apart.
    pub fn of(document: &BundleDocument, authorizer: Authorizer) -> Result<Self, Vec<Fault>> {
        let mut policies = Vec::new();
        // A pack that no service uses is not loaded: its policies are not in the set.
        let sources = document.packs.values().flat_map(|pack| &pack.policies);
        for source in sources {
            policies.extend(dissect(source, &authorizer)?);
        }
        let routes = routes(document, &authorizer);
        let statics = lint::Statics::of(document);
        Ok(Self { authorizer, policies, routes, statics })
    }

    /// The policies, in the order of their files.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &PolicyText> {
        self.policies.iter().map(|policy| &policy.text)
    }

    /// Every kind of request that the services know.
    pub fn routes(&self) -> &[RouteText] {
        &self.routes
    }

    /// What decides.
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }
}

fn dissect(source: &TextDocument, authorizer: &Authorizer) -> Result<Vec<Dissected>, Vec<Fault>> {
    let found = statements(source).map_err(|fault| vec![fault])?;
    let mut policies = Vec::new();
    for statement in found {
        let fault = |why: String| vec![Fault::at_offset(&source.file, statement.offset, why)];
        let dissected = Dissected::of(&source.file, &statement).map_err(fault)?;
        if authorizer.bundle.policies.facts(&dissected.text.id).is_some() {
            policies.push(dissected);
        }
    }
    Ok(policies)
}

fn routes(document: &BundleDocument, authorizer: &Authorizer) -> Vec<RouteText> {
    let packs: BTreeMap<&str, &str> =
        document.packs.iter().map(|(name, pack)| (name.as_str(), pack.catalog.file.as_str())).collect();
    let mut routes = Vec::new();
    for service in authorizer.services() {
        let file = packs.get(service.pack.as_str()).copied().unwrap_or_default();
        for kind in service.call.adapter.kinds() {
            routes.push(RouteText {
                service: service.call.name.clone(),
                name: kind.name,
                file: file.to_owned(),
                at: At::Pointer(kind.pointer.unwrap_or("/service").to_owned()),
            });
        }
    }
    routes
}
