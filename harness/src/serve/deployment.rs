//! From a configuration to plugins that are ready to decide by it.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use actgate_authz::nearest;

use super::{
    instance::{World, now},
    upstream::Upstream,
    worker::Seed,
};
use crate::{
    check::{UnruledRoutes, check},
    diagnostic::Diagnostic,
    host::{Entropy, Module, Plugin, Shared, Vm},
    route::{self, Route},
};

/// What is served, as the command line says.
#[derive(Debug, Clone)]
pub struct Served {
    /// `actgate.yaml`
    pub config: PathBuf,
    /// Service and URL.
    pub upstreams: Vec<(String, String)>,
    /// Service, header and value, or `@` and the file that holds it.
    pub fields: Vec<(String, String, String)>,
}

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

/// Above the plugin's own bound for a body (1 MiB), as in `envoy/demo.yaml`, so that the refusal is the plugin's and not
/// a bare 413.
const BUFFER_LIMIT: usize = 2 * 1024 * 1024;

// === impl Trouble ===

impl Trouble {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Other { message: message.into(), help: help.into() }
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
        let config = checked.source.config().value();
        let routes = route::read(config);
        let upstreams = self.upstreams(&routes)?;
        let world = Arc::new(World { routes, upstreams });
        let bundle = serde_json::to_vec(checked.source.bundle())
            .map_err(|error| Trouble::new(error.to_string(), "this is a fault of actgate"))?;
        let plugin = Plugin { buffer_limit: BUFFER_LIMIT, ..Plugin::new("actgate", bundle) };
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
        Ok(Loaded { seeds: seeds.collect::<Result<_, _>>()?, findings: checked.findings })
    }

    fn upstreams(&self, routes: &[Route]) -> Result<BTreeMap<String, Upstream>, Trouble> {
        let mut upstreams = BTreeMap::new();
        for (service, url) in &self.upstreams {
            known(service, routes)?;
            let upstream = Upstream::parse(url).map_err(|why| {
                let help = format!("for example --upstream {service}=http://127.0.0.1:8200");
                Trouble::new(format!("--upstream {service}={url}: {why}"), help)
            })?;
            if upstreams.insert(service.clone(), upstream).is_some() {
                let message = format!("service `{service}` has two upstreams");
                return Err(Trouble::new(message, "give one --upstream for each service"));
            }
        }
        for (service, name, value) in &self.fields {
            known(service, routes)?;
            let Some(upstream) = upstreams.get_mut(service) else { continue };
            let value = match value.strip_prefix('@') {
                None => value.clone(),
                Some(file) => {
                    fs::read_to_string(file).map(|text| text.trim_end().to_owned()).map_err(|error| {
                        let message =
                            format!("--upstream-header {service}={name}: cannot read `{file}`: {error}");
                        Trouble::new(message, "the file holds the value of the header, and nothing else")
                    })?
                }
            };
            upstream.add(name, &value).map_err(|why| {
                let help = format!("for example --upstream-header '{service}=X-Api-Key: @key.txt'");
                Trouble::new(format!("--upstream-header {service}: {why}"), help)
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

fn known(service: &str, routes: &[Route]) -> Result<(), Trouble> {
    let names = || routes.iter().map(|route| route.service.as_str());
    if names().any(|name| name == service) {
        return Ok(());
    }
    let help = match nearest(service, names()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the configuration has {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Trouble::new(format!("no service is called `{service}`"), help))
}
