//! `actgate serve`: the same plugin without Envoy.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use tokio::net::TcpStream;

use crate::{
    control::{ControlUpstream, SECRETS_KEY},
    error::DemoError,
    layout::Layout,
    port,
    server::{Launch, Server},
    vault::VaultUpstream,
};

/// It listens when it has compiled the plugin, which a slow machine takes its time for.
const READY: Duration = Duration::from_secs(120);

/// A free port may be taken again before it is bound.
const ATTEMPTS: u32 = 3;

/// What stands behind it.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Its port; 0 for a free one.
    pub port: u16,
    /// Its configuration.
    pub config: PathBuf,
    /// The ledger, appended to.
    pub ledger: PathBuf,
    /// The upstream of `/secrets/`.
    pub vault: VaultUpstream,
    /// The upstream of `/git/`.
    pub git: SocketAddr,
    /// The upstream of `/v2/`.
    pub registry: SocketAddr,
    /// The upstream of `/mcp`.
    pub mcp: SocketAddr,
    /// The approval service, where there is one.
    pub control: Option<ControlUpstream>,
    /// What secret arguments are sealed with for approvers, as base64url.
    pub secrets_key: Option<String>,
}

/// A running `actgate serve`.
#[derive(Debug)]
pub struct Serve {
    server: Server,
    address: SocketAddr,
}

// === impl Serve ===

impl Serve {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// Any [`DemoError`] of a server.
    pub async fn start(layout: &Layout, options: &ServeOptions) -> Result<Self, DemoError> {
        let mut attempt: u32 = 1;
        loop {
            let port = if options.port == 0 { port::free()? } else { options.port };
            let address = port::loopback(port);
            let key: Vec<_> = options.secrets_key.iter().map(|key| (SECRETS_KEY, key.as_str())).collect();
            let mut server = Server::start_with(layout, options.launch(layout, address)?, &key)?;
            match server.ready(READY, async || TcpStream::connect(address).await.is_ok()).await {
                Ok(()) => return Ok(Self { server, address }),
                Err(DemoError::ServerExited { .. }) if options.port == 0 && attempt < ATTEMPTS => {
                    attempt = attempt.saturating_add(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where clients call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process, to be watched.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The process, to be watched.
    pub fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The process, to be stopped or left running.
    pub fn into_server(self) -> Server {
        self.server
    }
}

// === impl ServeOptions ===

impl ServeOptions {
    fn launch(&self, layout: &Layout, address: SocketAddr) -> Result<Launch, DemoError> {
        let Self { port: _, config, ledger, vault, git, registry, mcp, control, secrets_key: _ } = self;
        let mut arguments: Vec<OsString> = vec!["serve".into(), config.into()];
        let upstreams = [("secrets", vault.address), ("git", *git), ("deploy", *registry), ("mcp", *mcp)];
        for (service, upstream) in upstreams {
            arguments.extend(["--upstream".into(), format!("{service}=http://{upstream}").into()]);
        }
        let token = vault.token_file.display();
        arguments.extend(["--upstream-header".into(), format!("secrets=X-Vault-Token: @{token}").into()]);
        if let Some(ControlUpstream { address, token_file }) = control {
            arguments.extend(["--upstream".into(), format!("control=http://{address}").into()]);
            let field = format!("control=Authorization: Bearer @{}", token_file.display());
            arguments.extend(["--upstream-header".into(), field.into()]);
        }
        arguments.extend(["--listen".into(), address.to_string().into()]);
        arguments.extend(["--ledger".into(), ledger.into(), "--wasm".into(), layout.plugin()?.into()]);
        Ok(Launch { name: "serve", program: layout.actgate()?, arguments })
    }
}
