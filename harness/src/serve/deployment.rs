//! From a configuration to plugins that are ready to decide by it.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf, sync::Arc};

use actgate_authz::nearest;

use super::{
    cluster,
    instance::{World, now},
    upstream::Upstream,
    worker::Seed,
};
use crate::{
    check::{UnruledRoutes, check},
    diagnostic::Diagnostic,
    document::Place,
    host::{Entropy, Module, Plugin, Shared, Vm},
    route::{self, Route},
};

/// What is served, as the command line says.
#[derive(Debug, Clone)]
pub struct Served {
    /// `actgate.yaml`
    pub config: PathBuf,
    /// Service or cluster, and its URL.
    pub upstreams: Vec<(String, String)>,
    /// What upstreams are given.
    pub fields: Vec<Field>,
    /// The environment of the plugin's VM.
    pub environment: Environment,
}

/// A header that an upstream gets whatever the client sent.
#[derive(Debug, Clone)]
pub struct Field {
    /// Service or cluster.
    pub upstream: String,
    /// Of the header.
    pub name: String,
    /// The value, or what stands before that in `file`.
    pub value: String,
    /// Holds the value, so that a secret is not on a command line.
    pub file: Option<PathBuf>,
}

/// Variables for the plugin. Some are secrets.
#[derive(Clone, Default)]
pub struct Environment(pub Vec<(String, String)>);

/// Why something is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The configuration, as `actgate check` says it.
    Findings(Vec<Diagnostic>),
    /// Anything else.
    Other {
        /// Lower-case, no full stop.
        message: String,
        /// What to do about it.
        help: String,
    },
}

/// Above what the plugin holds of a push while it asks (14 MiB), as on the route of `envoy/demo.yaml`, and above its own
/// bound for other bodies (1 MiB), so that the refusal is the plugin's and not a bare 413.
const BUFFER_LIMIT: usize = 16 * 1024 * 1024;

// === impl Trouble ===

impl Trouble {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Other { message: message.into(), help: help.into() }
    }
}

// === impl Field ===

impl Field {
    fn read(&self) -> Result<String, Trouble> {
        let Self { upstream, name, value, file } = self;
        let Some(file) = file else { return Ok(value.clone()) };
        let text = fs::read_to_string(file).map_err(|error| {
            let message =
                format!("--upstream-header {upstream}={name}: cannot read `{}`: {error}", file.display());
            Trouble::new(message, "the file holds the value of the header, and nothing else")
        })?;
        Ok(format!("{value}{}", text.trim_end()))
    }
}

// === impl Environment ===

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

// === impl Served ===

impl Served {
    /// Checks everything, and starts a plugin for each worker. Gives warnings too, and the files that it was made of.
    pub(super) fn load(&self, module: &Module, shared: &Shared, workers: usize) -> Result<Loaded, Trouble> {
        let checked = check(&self.config, UnruledRoutes::Warn).map_err(Trouble::Findings)?;
        if !checked.passed() {
            return Err(Trouble::Findings(checked.findings));
        }
        let config = checked.source.config();
        let routes = route::read(config.value());
        let clusters = cluster::named(config);
        let upstreams = self.upstreams(&routes, &clusters)?;
        let mut findings = checked.findings;
        findings.extend(unknown(&clusters, &upstreams));
        let reachable = clusters.keys().filter(|name| upstreams.contains_key(**name));
        let reachable = reachable.map(|name| ((*name).to_owned(), true)).collect();
        let world = Arc::new(World { routes, upstreams });
        let bundle = serde_json::to_vec(checked.source.bundle())
            .map_err(|error| Trouble::new(error.to_string(), "this is a fault of actgate"))?;
        let plugin = Plugin {
            buffer_limit: BUFFER_LIMIT,
            clusters: reachable,
            environment: self.environment.0.clone(),
            ..Plugin::new("actgate", bundle)
        };
        let seeds = (0..workers).map(|_| {
            let entropy = Entropy::new(|bytes| {
                // Ids would not be random any more; the clock is in them too.
                if let Err(_unlucky) = getrandom::fill(bytes) {}
            });
            let vm = Vm::load(module, plugin.clone(), shared.clone(), entropy, now());
            let vm = vm.map_err(|error| {
                let help =
                    "`actgate check` finds nothing: is this plugin of another version? `make wasm` builds it";
                Trouble::new(format!("the plugin does not start: {error}"), help)
            })?;
            Ok(Seed { vm, world: Arc::clone(&world) })
        });
        Ok(Loaded { seeds: seeds.collect::<Result<_, _>>()?, findings })
    }

    fn upstreams(
        &self,
        routes: &[Route],
        clusters: &BTreeMap<&str, Place<'_>>,
    ) -> Result<BTreeMap<String, Upstream>, Trouble> {
        let services = routes.iter().map(|route| route.service.as_str());
        let names: Vec<&str> = services.chain(clusters.keys().copied()).collect();
        let mut upstreams = BTreeMap::new();
        for (service, url) in &self.upstreams {
            known(service, &names)?;
            let upstream = Upstream::parse(url).map_err(|why| {
                let help = format!("for example --upstream {service}=http://127.0.0.1:8200");
                Trouble::new(format!("--upstream {service}={url}: {why}"), help)
            })?;
            if upstreams.insert(service.clone(), upstream).is_some() {
                let message = format!("`{service}` has two upstreams");
                return Err(Trouble::new(message, "give one --upstream for each service and each cluster"));
            }
        }
        for field in &self.fields {
            known(&field.upstream, &names)?;
            let Some(upstream) = upstreams.get_mut(&field.upstream) else { continue };
            let value = field.read()?;
            upstream.add(&field.name, &value).map_err(|why| {
                let help = format!("for example --upstream-header '{}=X-Api-Key: @key.txt'", field.upstream);
                Trouble::new(format!("--upstream-header {}: {why}", field.upstream), help)
            })?;
        }
        let missing = routes.iter().find(|route| !upstreams.contains_key(&route.service));
        match missing {
            None => Ok(upstreams),
            Some(Route { service, .. }) => {
                let help = format!("say where it is with --upstream {service}=http://HOST:PORT");
                Err(Trouble::new(format!("service `{service}` has no upstream"), help))
            }
        }
    }
}

/// Plugins that are ready.
#[derive(Debug)]
pub(super) struct Loaded {
    /// One for each worker.
    pub(super) seeds: Vec<Seed>,
    /// Warnings.
    pub(super) findings: Vec<Diagnostic>,
}

fn known(own: &str, names: &[&str]) -> Result<(), Trouble> {
    if names.contains(&own) {
        return Ok(());
    }
    let help = match nearest(own, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the configuration has {}", names.join(", ")),
    };
    Err(Trouble::new(format!("no service and no cluster is called `{own}`"), help))
}

/// A cluster that is nowhere makes what depends on it fail, and nothing else.
fn unknown(
    clusters: &BTreeMap<&str, Place<'_>>,
    upstreams: &BTreeMap<String, Upstream>,
) -> impl Iterator<Item = Diagnostic> {
    let missing = clusters.iter().filter(|(name, _)| !upstreams.contains_key(**name));
    missing.map(|(name, place)| {
        let message = format!("cluster `{name}` has no upstream: what the plugin asks there has no answer");
        let help = format!("say where it is with --upstream {name}=http://HOST:PORT");
        place.error(message).with_help(help).as_warning()
    })
}
