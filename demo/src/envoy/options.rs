//! How one Envoy differs from another: ports, plugin, upstreams, and what a test takes away.

use std::{net::SocketAddr, path::PathBuf};

use crate::{control::ControlUpstream, port, vault::VaultUpstream};

/// What fills the template, and where the result departs from it.
#[derive(Debug, Clone)]
pub struct EnvoyOptions {
    /// The gateway's port; 0 for a free one.
    pub gateway_port: u16,
    /// The admin port; 0 for a free one.
    pub admin_port: u16,
    /// How many workers.
    pub concurrency: u16,
    /// The ledger, appended to.
    pub ledger: PathBuf,
    /// The filter that decides.
    pub plugin: Plugin,
    /// The filter behind it that demands a decision.
    pub sentinel: Sentinel,
    /// The upstream of `/secrets/`.
    pub vault: VaultUpstream,
    /// The upstream of `/git/`.
    pub git: SocketAddr,
    /// The upstream of `/v2/`.
    pub registry: SocketAddr,
    /// The upstream of `/mcp`.
    pub mcp: SocketAddr,
    /// Who is asked for approvals.
    pub control: ControlUpstream,
    /// What secret arguments are sealed with for approvers, as base64url.
    pub secrets_key: Option<String>,
}

/// Where nobody listens: the port of the discard protocol, which needs root to be taken.
const NOBODY: u16 = 9;

/// The plugin in the filter chain.
#[derive(Debug, Clone)]
pub enum Plugin {
    /// It is there.
    Loaded {
        /// The module.
        module: PathBuf,
        /// Its configuration, as it is handed to it.
        bundle: String,
        /// Whether Envoy lets it hold the headers and still see the body. Never without, but in a test.
        stops_on_headers: bool,
    },
    /// The template says itself how Envoy gets it.
    AsWritten,
    /// It is not in the chain.
    Removed,
}

/// The sentinel of the routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sentinel {
    /// Each route demands the permit for its own service.
    AsWritten,
    /// Each route demands this marker.
    Demands(String),
    /// The routes have none, only the filter's own default.
    Default,
}

// === impl EnvoyOptions ===

impl EnvoyOptions {
    /// The template as it is written, with one worker on free ports, and nobody behind `/git/`, `/v2/` and `/mcp` or to
    /// be asked for approvals.
    pub fn new(plugin: Plugin, vault: VaultUpstream, ledger: impl Into<PathBuf>) -> Self {
        // Envoy wants to read some token, and nobody is there to get it.
        let control =
            ControlUpstream { address: port::loopback(NOBODY), token_file: vault.token_file.clone() };
        Self {
            gateway_port: 0,
            admin_port: 0,
            concurrency: 1,
            ledger: ledger.into(),
            plugin,
            sentinel: Sentinel::AsWritten,
            vault,
            git: port::loopback(NOBODY),
            registry: port::loopback(NOBODY),
            mcp: port::loopback(NOBODY),
            control,
            secrets_key: None,
        }
    }
}

// === impl Plugin ===

impl Plugin {
    /// A module with its configuration, run as it should be.
    pub fn loaded(module: impl Into<PathBuf>, bundle: impl Into<String>) -> Self {
        Self::Loaded { module: module.into(), bundle: bundle.into(), stops_on_headers: true }
    }
}
