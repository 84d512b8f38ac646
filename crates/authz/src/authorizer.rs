//! Everything that a gate asks, loaded once and never changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use actgate_call::{
    Adapter, CallError, Effect, RequestHead, Service, Services, ToolCall, ToolCalls,
    catalog::{Catalog, CatalogFault, Limits, RawCatalog},
    envelope::SecretKey,
    git, mcp,
};
use actgate_token::{Cryptography, ProofRules, Verifier};

use crate::{
    agreement::{check_catalog, check_git_catalog, check_mcp_catalog},
    bundle::PolicyBundle,
    claim::ApprovalService,
    config::{AdapterKind, Config, Mode, ServiceConfig},
    decision::Decision,
    delivery::{Durable, LedgerService},
    document::{BUNDLE_FORMAT, BundleDocument, PackDocument},
    evaluate::AccessRequest,
    fault::Fault,
    key_source::KeySource,
    narrowing::Words,
};

/// The decision point: configuration, keys, catalogs and policies. Immutable; shared by every request of a host.
#[derive(Debug)]
pub struct Authorizer {
    pub(crate) verifier: Verifier,
    pub(crate) cryptography: Cryptography,
    pub(crate) bundle: PolicyBundle,
    pub(crate) approvals: Option<ApprovalService>,
    pub(crate) proofs: Option<ProofRules>,
    pub(crate) max_body: usize,
    max_held: usize,
    pub(crate) ledger: Option<LedgerService>,
    durable_actions: BTreeSet<Arc<str>>,
    key_sources: Vec<KeySource>,
    pub(crate) sessions: Option<mcp::SessionKey>,
    services: Services,
    guarded: Vec<GuardedService>,
    scopes: Vec<(String, Words)>,
}

/// A service and how it is guarded.
#[derive(Debug)]
pub struct GuardedService {
    /// What is asked of it.
    pub call: Service,
    /// The pack whose catalog says how.
    pub pack: String,
    /// Whether denials are enforced.
    pub mode: Mode,
    /// Whether the caller's token goes on to the upstream.
    pub forward_credential: bool,
}

/// A bundle that loaded.
#[derive(Debug)]
pub struct Loaded {
    /// What decides.
    pub authorizer: Authorizer,
    /// What is worth a look.
    pub warnings: Vec<Fault>,
    /// What there is, for people.
    pub summary: Summary,
}

/// How much of everything a bundle holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Trusted issuers.
    pub issuers: usize,
    /// Services.
    pub services: usize,
    /// Routes of all services' packs, those that an adapter has by itself included.
    pub routes: usize,
    /// Policies.
    pub policies: usize,
    /// Policies whose scope names nothing, so that every call asks them.
    pub unindexed: usize,
    /// Static entities.
    pub entities: usize,
}

// === impl Authorizer ===

impl Authorizer {
    /// Loads and checks a bundle as a whole; there is no half-valid state.
    ///
    /// # Errors
    /// Everything that is wrong, each with its file and place.
    pub fn load(document: &BundleDocument) -> Result<Loaded, Vec<Fault>> {
        if document.format != BUNDLE_FORMAT {
            return Err(vec![Fault::whole(
                &document.config.file,
                format!("bundle format `{}` is not `{BUNDLE_FORMAT}`", document.format),
            )]);
        }
        let (config, mut warnings) = Config::read(&document.config)?;
        let used = packs_used(document, &config)?;
        let (bundle, found) = PolicyBundle::load(document, &config.groups, &used)?;
        warnings.extend(found);
        let adapters = adapters(&document.config.file, &used, &config, &bundle)?;

        let verifier = Verifier::new(config.issuers).map_err(|error| {
            let field = error.field().replace('.', "/");
            vec![Fault::at_pointer(
                &document.config.file,
                format!("/issuers/{}/{field}", error.issuer()),
                error.to_string(),
            )]
        })?;
        let durable_actions: BTreeSet<Arc<str>> =
            adapters.values().flat_map(Adapter::durable_actions).collect();
        let mut faults = scope_faults(&document.config.file, &config.scopes, &bundle);
        if config.ledger.is_none()
            && let Some(action) = durable_actions.first()
        {
            faults.push(
                Fault::at_pointer(
                    &document.config.file,
                    "/ledger",
                    format!("the catalog wants attempts at `{action}` stored before they go on, and nobody stores them"),
                )
                .help("`delivery: buffered` and a `cluster`"),
            );
        }
        let guarded: Vec<GuardedService> =
            config.services.iter().filter_map(|service| GuardedService::new(service, &adapters)).collect();
        let services = match Services::new(guarded.iter().map(|service| service.call.clone()).collect()) {
            Ok(services) => Some(services),
            Err(error) => {
                faults.push(Fault::at_pointer(&document.config.file, "/services", error.to_string()));
                None
            }
        };
        let Some(services) = services.filter(|_| faults.is_empty()) else { return Err(faults) };
        let summary = Summary {
            issuers: config.scopes.len(),
            services: guarded.len(),
            routes: adapters.values().map(Adapter::route_count).sum(),
            policies: bundle.policies.len(),
            unindexed: bundle.policies.unindexed(),
            entities: bundle.entities.len(),
        };
        let authorizer = Self {
            verifier,
            cryptography: Cryptography::default(),
            bundle,
            approvals: config.approvals,
            proofs: config.proofs,
            max_body: config.max_body,
            max_held: config.max_held,
            ledger: config.ledger,
            durable_actions,
            key_sources: config.key_sources,
            sessions: None,
            services,
            guarded,
            scopes: config.scopes,
        };
        Ok(Loaded { authorizer, warnings, summary })
    }

    /// Seals the secret arguments of held calls with this key, so that approvers can be asked about them. It is no part of
    /// a bundle, which is no place for secrets.
    #[must_use]
    pub fn with_secrets_key(mut self, key: SecretKey) -> Self {
        if let Some(approvals) = &mut self.approvals {
            approvals.secrets = Some(key);
        }
        self
    }

    /// Checks signatures with what the host can do better than wasm.
    #[must_use]
    pub fn with_cryptography(mut self, cryptography: Cryptography) -> Self {
        self.cryptography = cryptography;
        self
    }

    /// Seals the ids of MCP sessions with this key, so that each is one caller's. Without one there are no sessions.
    #[must_use]
    pub fn with_session_key(mut self, key: mcp::SessionKey) -> Self {
        self.sessions = Some(key);
        self
    }

    /// Which bundle this is.
    pub fn bundle_id(&self) -> &str {
        self.bundle.id.as_str()
    }

    /// How many bytes may wait for decisions at once in one worker; beyond them [`Gate::on_overload`](crate::Gate::on_overload)
    /// refuses.
    pub const fn max_held(&self) -> usize {
        self.max_held
    }

    /// Where issuers publish the keys that are not in the bundle. The host fetches them.
    pub fn key_sources(&self) -> &[KeySource] {
        &self.key_sources
    }

    /// Where records are sent, beside the proxy's own log; nowhere where there is nothing.
    pub const fn ledger(&self) -> Option<&LedgerService> {
        self.ledger.as_ref()
    }

    /// The service that has to store an attempt at these calls before it goes on, where one has to. What is let through
    /// although nobody knows what it is (`mode: observe`) counts as a write.
    pub(crate) fn stored_before(&self, calls: Option<&ToolCalls>) -> Option<&LedgerService> {
        let ledger = self.ledger.as_ref()?;
        let is_durable = |call: &ToolCall| {
            (ledger.durable == Durable::Writes && call.effect == Effect::Write)
                || self.durable_actions.contains(&call.action)
        };
        let is_stored = match ledger.durable {
            Durable::Everything => true,
            Durable::Writes | Durable::Routes => match calls {
                Some(calls) => calls.iter().any(is_durable),
                None => ledger.durable == Durable::Writes || !self.durable_actions.is_empty(),
            },
        };
        is_stored.then_some(ledger)
    }

    /// Whether proofs of possession are checked, so that the host has to remember them.
    pub fn checks_proofs(&self) -> bool {
        self.proofs.is_some()
    }

    /// Decides a question that a gate has noted ([`crate::Gate::noting`]), such as with what people had approved then.
    pub fn decide(&self, request: &AccessRequest<'_>) -> Decision {
        self.bundle.decide(request)
    }

    /// The services, in configuration order.
    pub fn services(&self) -> &[GuardedService] {
        &self.guarded
    }

    /// The service that a request is for.
    pub(crate) fn select(&self, head: &RequestHead<'_>) -> Result<&GuardedService, CallError> {
        let service = self.services.select(head)?;
        self.guarded.iter().find(|guarded| guarded.call.name == service.name).ok_or(CallError::RouteUnknown)
    }

    /// What an issuer's scope words stand for.
    pub(crate) fn scopes(&self, alias: &str) -> Option<&Words> {
        self.scopes.iter().find(|(known, _)| known == alias).map(|(_, words)| words)
    }
}

// === impl GuardedService ===

impl GuardedService {
    fn new(config: &ServiceConfig, adapters: &BTreeMap<&str, Adapter>) -> Option<Self> {
        let adapter = adapters.get(config.pack.as_str())?;
        Some(Self {
            call: Service {
                name: config.name.clone(),
                host: config.host.clone(),
                prefix: config.prefix.clone(),
                token_header: config.token_header.clone(),
                adapter: adapter.clone(),
            },
            pack: config.pack.clone(),
            mode: config.mode,
            forward_credential: config.forward_credential,
        })
    }

    /// The header that carries the caller's token.
    pub fn token_header(&self) -> &str {
        self.call.token_header.as_deref().unwrap_or("authorization")
    }
}

/// The packs that services name. A pack that no service uses decides nothing, and is left out.
fn packs_used<'a>(
    document: &'a BundleDocument,
    config: &Config,
) -> Result<BTreeMap<&'a str, &'a PackDocument>, Vec<Fault>> {
    let mut used = BTreeMap::new();
    let mut faults = Vec::new();
    for (index, service) in config.services.iter().enumerate() {
        match document.packs.get_key_value(&service.pack) {
            Some((name, pack)) => {
                used.insert(name.as_str(), pack);
            }
            None => faults.push(
                Fault::at_pointer(
                    &document.config.file,
                    format!("/services/{index}/pack"),
                    format!("pack `{}` is not in the bundle", service.pack),
                )
                .nearest(&service.pack, document.packs.keys().map(String::as_str)),
            ),
        }
    }
    if faults.is_empty() { Ok(used) } else { Err(faults) }
}

/// Reads the catalog of every pack, in the way of the services that use it.
fn adapters<'a>(
    config_file: &str,
    used: &BTreeMap<&'a str, &PackDocument>,
    config: &Config,
    bundle: &PolicyBundle,
) -> Result<BTreeMap<&'a str, Adapter>, Vec<Fault>> {
    let mut adapters = BTreeMap::new();
    let mut faults = Vec::new();
    for (name, pack) in used {
        let mut kinds = config.services.iter().filter(|service| service.pack == *name).map(|s| s.adapter);
        let Some(kind) = kinds.next() else { continue };
        if kinds.any(|other| other != kind) {
            faults.push(Fault::at_pointer(
                config_file,
                "/services",
                format!("services of different adapters use pack `{name}`: its catalog can be of one only"),
            ));
            continue;
        }
        let adapter = match kind {
            AdapterKind::Rest => rest_adapter(pack, bundle, Limits { max_body: config.max_body }),
            AdapterKind::Git => git_adapter(pack, bundle),
            AdapterKind::Mcp => mcp_adapter(pack, bundle, Limits { max_body: config.max_body }),
        };
        match adapter {
            Ok(adapter) => {
                adapters.insert(*name, adapter);
            }
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(adapters) } else { Err(faults) }
}

fn rest_adapter(pack: &PackDocument, bundle: &PolicyBundle, limits: Limits) -> Result<Adapter, Vec<Fault>> {
    let file = &pack.catalog.file;
    let raw: RawCatalog = pack.catalog.read().map_err(|fault| vec![fault])?;
    let catalog = Catalog::try_from(raw, limits).map_err(|found| in_file(file, found))?;
    let faults = check_catalog(file, &catalog, bundle);
    if faults.is_empty() { Ok(Adapter::Rest(catalog)) } else { Err(faults) }
}

fn git_adapter(pack: &PackDocument, bundle: &PolicyBundle) -> Result<Adapter, Vec<Fault>> {
    let file = &pack.catalog.file;
    let raw: git::RawCatalog = pack.catalog.read().map_err(|fault| vec![fault])?;
    let catalog = git::Catalog::try_from(raw).map_err(|found| in_file(file, found))?;
    let faults = check_git_catalog(file, &pack.schema.file, &catalog, bundle);
    if faults.is_empty() { Ok(Adapter::Git(catalog)) } else { Err(faults) }
}

fn mcp_adapter(pack: &PackDocument, bundle: &PolicyBundle, limits: Limits) -> Result<Adapter, Vec<Fault>> {
    let file = &pack.catalog.file;
    let raw: mcp::RawCatalog = pack.catalog.read().map_err(|fault| vec![fault])?;
    let catalog = mcp::Catalog::try_from(raw, limits).map_err(|found| in_file(file, found))?;
    let faults = check_mcp_catalog(file, &pack.schema.file, &catalog, bundle);
    if faults.is_empty() { Ok(Adapter::Mcp(catalog)) } else { Err(faults) }
}

fn in_file(file: &str, found: Vec<CatalogFault>) -> Vec<Fault> {
    found
        .into_iter()
        .map(|fault| {
            let at = Fault::at_pointer(file, fault.pointer, fault.message);
            match fault.help {
                Some(help) => at.help(help),
                None => at,
            }
        })
        .collect()
}

/// Scope words may stand only for actions and groups that exist: a misspelt one would grant nothing, silently.
fn scope_faults(file: &str, scopes: &[(String, Words)], bundle: &PolicyBundle) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, (_, words)) in scopes.iter().enumerate() {
        for (word, actions) in words {
            for (position, action) in actions.iter().enumerate() {
                if !bundle.schema.actions.contains_key(action) {
                    faults.push(
                        Fault::at_pointer(
                            file,
                            format!("/issuers/{index}/scopes/{word}/{position}"),
                            format!("scope word `{word}` stands for `{action}`, which is no action or group"),
                        )
                        .nearest(action, bundle.schema.actions.keys().map(String::as_str)),
                    );
                }
            }
        }
    }
    faults
}
