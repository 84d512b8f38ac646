//! A gateway: Envoy with the plugin in front of one upstream, with files of its own.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use actgate_demo::{
    control::ControlUpstream,
    envoy::{Envoy, EnvoyOptions, Plugin, Sentinel},
    error::DemoError,
    git::Git,
    http::Exchange,
    layout::Layout,
    mcp::Mcp,
    registry::Registry,
    vault::{Vault, VaultUpstream},
};
use tempfile::TempDir;

use super::{bundle, setup::Setup, template::Template, tokens::Issuer};

/// What the gateway adds for the upstream.
pub const INJECTED: &str = "injected-credential-5b1f";

/// The files of one test: a repository of its own as far as the demo can tell, with the real programs in it.
#[derive(Debug)]
pub struct State {
    folder: TempDir,
    layout: Layout,
}

/// How a gateway departs from the demo's.
#[derive(Debug, Clone)]
pub struct Departure {
    /// Its configuration; the plugin is not in the chain where there is none.
    pub bundle: Option<String>,
    /// Another module than the plugin.
    pub module: Option<PathBuf>,
    /// Whether the plugin may hold the headers and still see the body.
    pub stops_on_headers: bool,
    /// What the routes demand.
    pub sentinel: Sentinel,
    /// What is behind `/git/`; nobody where there is nothing.
    pub git: Option<SocketAddr>,
    /// What is behind `/v2/`; nobody where there is nothing.
    pub registry: Option<SocketAddr>,
    /// What is behind `/mcp`; nobody where there is nothing.
    pub mcp: Option<SocketAddr>,
    /// Whether the template says itself how Envoy gets the plugin.
    pub discovers: bool,
    /// How many workers Envoy has, each with a VM of its own.
    pub workers: u16,
    /// Who is asked for approvals, where somebody is.
    pub control: Option<ControlUpstream>,
    /// What secret arguments are sealed with.
    pub secrets_key: Option<String>,
}

/// A running gateway. Dropping it ends Envoy and removes its files.
#[derive(Debug)]
pub struct Gateway {
    envoy: Envoy,
    state: State,
}

// === impl State ===

impl State {
    /// A fresh folder in which the gateway's template is `template`.
    pub fn new(setup: &Setup, template: &Template) -> Self {
        let folder = TempDir::new().expect("a folder");
        let root = folder.path().join("repository");
        fs::create_dir_all(root.join("envoy")).expect("a folder");
        for name in [".run", "target"] {
            symlink(setup.root().join(name), root.join(name)).expect("a link");
        }
        fs::create_dir_all(root.join("demo")).expect("a folder");
        for name in ["demo/mcp", "demo/control.yaml"] {
            symlink(setup.root().join(name), root.join(name)).expect("a link");
        }
        fs::write(root.join("envoy/demo.yaml"), template.value().to_string()).expect("a template");
        let layout = Layout::new(root).with_state(folder.path().join("state"));
        // Envoy writes its ledger into it.
        layout.folder("").expect("a folder");
        Self { folder, layout }
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What belongs to the running stack, logs and ledger included.
    pub fn path(&self) -> &Path {
        self.layout.state()
    }

    /// The folder as a whole.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An upstream at `address` for which the gateway adds [`INJECTED`].
    pub fn upstream(&self, address: SocketAddr) -> VaultUpstream {
        let token_file = self.layout.folder("vault").expect("a folder").join("gateway.token");
        fs::write(&token_file, INJECTED).expect("a token");
        VaultUpstream { address, token_file }
    }

    /// A real secrets store.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn vault(&self) -> Vault {
        Vault::start(&self.layout).await.unwrap_or_else(|error| panic!("the vault does not start: {error}"))
    }

    /// A real registry.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn registry(&self) -> Registry {
        let registry = Registry::start(&self.layout).await;
        registry.unwrap_or_else(|error| panic!("the registry does not start: {error}"))
    }

    /// Real repositories behind git's own server program.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn git(&self) -> Git {
        Git::start(&self.layout)
            .await
            .unwrap_or_else(|error| panic!("the git server does not start: {error}"))
    }

    /// A real MCP server.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn mcp(&self) -> Mcp {
        Mcp::start(&self.layout)
            .await
            .unwrap_or_else(|error| panic!("the MCP server does not start: {error}"))
    }
}

// === impl Departure ===

impl Departure {
    /// The demo's own gateway, trusting `issuer`.
    pub fn none(setup: &Setup, issuer: &Issuer) -> Self {
        let bundle = bundle::demo(setup.root(), issuer.key_set());
        Self::configured(serde_json::to_string(&bundle).expect("a bundle"))
    }

    /// The plugin with this configuration.
    pub fn configured(bundle: impl Into<String>) -> Self {
        Self {
            bundle: Some(bundle.into()),
            module: None,
            stops_on_headers: true,
            sentinel: Sentinel::AsWritten,
            git: None,
            registry: None,
            mcp: None,
            discovers: false,
            workers: 1,
            control: None,
            secrets_key: None,
        }
    }

    /// No plugin and, with a template that lacks the sentinel too, a plain proxy.
    pub fn without_plugin() -> Self {
        Self { bundle: None, ..Self::configured("") }
    }
}

// === impl Gateway ===

impl Gateway {
    /// Starts Envoy.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start(state: State, departure: Departure, upstream: VaultUpstream) -> Self {
        match Self::try_start(state, departure, upstream).await {
            Ok(gateway) => gateway,
            Err(error) => panic!("Envoy does not start: {error}"),
        }
    }

    /// Starts Envoy where it may well not start.
    ///
    /// # Errors
    /// As [`Envoy::start`].
    pub async fn try_start(
        state: State,
        departure: Departure,
        upstream: VaultUpstream,
    ) -> Result<Self, DemoError> {
        let Departure {
            bundle,
            module,
            stops_on_headers,
            sentinel,
            git,
            registry,
            mcp,
            control,
            secrets_key,
            discovers,
            workers,
        } = departure;
        let plugin = match bundle {
            _ if discovers => Plugin::AsWritten,
            Some(bundle) => {
                let module = match module {
                    Some(module) => module,
                    None => state.layout.plugin()?,
                };
                Plugin::Loaded { module, bundle, stops_on_headers }
            }
            None => Plugin::Removed,
        };
        let usual = EnvoyOptions::new(plugin, upstream, state.layout.ledger());
        let options = EnvoyOptions {
            sentinel,
            concurrency: workers,
            git: git.unwrap_or(usual.git),
            registry: registry.unwrap_or(usual.registry),
            mcp: mcp.unwrap_or(usual.mcp),
            control: control.unwrap_or(usual.control),
            secrets_key,
            ..usual
        };
        let envoy = Envoy::start(&state.layout, &options).await?;
        Ok(Self { envoy, state })
    }

    /// Where clients call.
    pub fn address(&self) -> SocketAddr {
        self.envoy.gateway()
    }

    /// The ledger file.
    pub fn ledger(&self) -> PathBuf {
        self.state.layout.ledger()
    }

    /// Its files.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.envoy.server().pid()
    }

    /// What Envoy's own interface answers.
    pub async fn admin(&self, method: &str, path: &str) -> String {
        let exchange = Exchange::new(self.envoy.admin(), method, path);
        exchange.succeed().await.unwrap_or_else(|error| panic!("{error}")).text()
    }

    /// A counter or gauge of Envoy's.
    pub async fn stat(&self, name: &str) -> Option<u64> {
        let stats = self.admin("GET", "/stats").await;
        stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok())
    }

    /// Ends Envoy as a crash does; the files stay until what is returned is dropped.
    pub fn kill(self) -> State {
        let Self { envoy, state } = self;
        // A server that is dropped is killed.
        drop(envoy);
        state
    }

    /// Ends Envoy, so that what it buffers is written; the files stay until what is returned is dropped.
    pub async fn stop(self) -> State {
        self.envoy.into_server().stop().await.expect("an end");
        self.state
    }
}
