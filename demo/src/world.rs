//! Everything together: what `make up` leaves running and `make run` plays with.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    actgate::Actgate,
    control::{Control, ControlConfig, ControlOptions},
    envoy::{Envoy, EnvoyOptions, Plugin},
    error::DemoError,
    gateway::{Gateway, Kind},
    git::Git,
    layout::{Layout, write_private},
    mcp::Mcp,
    pid::PidRecord,
    port,
    registry::Registry,
    serve::{Serve, ServeOptions},
    server::Server,
    vault::Vault,
};

/// The ports that people rely on; servers behind the gateway take free ones.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The gateway's.
    pub gateway: u16,
    /// Envoy's admin interface's, where it is Envoy.
    pub admin: u16,
    /// The approval service's, which links lead to.
    pub control: u16,
}

/// A running demo world. Dropping it ends every server at once.
#[derive(Debug)]
pub struct World {
    layout: Layout,
    actgate: Actgate,
    // The gateway goes before what is behind it.
    gateway: Gateway,
    control: Control,
    vault: Vault,
    git: Git,
    registry: Registry,
    mcp: Mcp,
}

// === impl Ports ===

impl Ports {
    /// What `ACTGATE_GATEWAY_PORT`, `ACTGATE_ADMIN_PORT` and `ACTGATE_CONTROL_PORT` say, or 10000, 9901 and 10100.
    ///
    /// # Errors
    /// [`DemoError::PortInvalid`] and [`DemoError::PortTaken`].
    pub fn from_environment(kind: Kind) -> Result<Self, DemoError> {
        let gateway = port::chosen("ACTGATE_GATEWAY_PORT", 10000)?;
        let admin = match kind {
            Kind::Envoy => port::chosen("ACTGATE_ADMIN_PORT", 9901)?,
            Kind::Wasmtime => 0,
        };
        Ok(Self { gateway, admin, control: port::chosen("ACTGATE_CONTROL_PORT", 10100)? })
    }
}

// === impl World ===

impl World {
    /// Starts every server and says in `progress` what is being waited for.
    ///
    /// # Errors
    /// [`DemoError::Running`] where the state folder's stack is running already, and whatever keeps a server
    /// from starting.
    pub async fn start(
        layout: &Layout,
        kind: Kind,
        ports: Ports,
        mut progress: impl FnMut(&str),
    ) -> Result<Self, DemoError> {
        let plugin = layout.plugin()?;
        let actgate = Actgate::new(layout)?;
        layout.folder("keys")?;
        progress("making keys");
        actgate.make_keys().await?;
        let config = ControlConfig::demo(layout).await?;
        config.forget()?;
        let secrets_key = config.secrets_key()?;
        progress("starting the approval service");
        let options = ControlOptions { name: "control", config, port: ports.control, database: None };
        let control = Control::start(layout, &options).await?;
        progress("starting the secrets store");
        let vault = Vault::start(layout).await?;
        progress("starting the git server");
        let git = Git::start(layout).await?;
        progress("starting the image registry");
        let registry = Registry::start(layout).await?;
        progress("starting the MCP server");
        let mcp = Mcp::start(layout).await?;
        let gateway = match kind {
            Kind::Envoy => {
                progress("starting Envoy with the plugin");
                let plugin = Plugin::loaded(plugin, actgate.bundle().await?);
                let options = EnvoyOptions {
                    gateway_port: ports.gateway,
                    admin_port: ports.admin,
                    git: git.address(),
                    registry: registry.address(),
                    mcp: mcp.address(),
                    control: control.upstream().clone(),
                    secrets_key: Some(secrets_key),
                    ..EnvoyOptions::new(plugin, vault.upstream().clone(), layout.ledger())
                };
                Gateway::Envoy(Envoy::start(layout, &options).await?)
            }
            Kind::Wasmtime => {
                progress("starting actgate serve with the plugin");
                let options = ServeOptions {
                    port: ports.gateway,
                    config: layout.config(),
                    ledger: layout.ledger(),
                    vault: vault.upstream().clone(),
                    git: git.address(),
                    registry: registry.address(),
                    mcp: mcp.address(),
                    control: Some(control.upstream().clone()),
                    secrets_key: Some(secrets_key),
                };
                Gateway::Wasmtime(Serve::start(layout, &options).await?)
            }
        };
        let world = Self { layout: layout.clone(), actgate, gateway, control, vault, git, registry, mcp };
        write_private(&layout.environment(), world.environment().as_bytes())?;
        Ok(world)
    }

    /// The servers of an earlier stack that are still there.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn running(layout: &Layout) -> Result<Vec<PidRecord>, DemoError> {
        PidRecord::running(&layout.pids())
    }

    /// Ends the servers of an earlier stack.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub async fn end(layout: &Layout) -> Result<Vec<PidRecord>, DemoError> {
        let running = Self::running(layout)?;
        for record in &running {
            record.end(&layout.pids()).await?;
        }
        forget_environment(layout);
        Ok(running)
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The `actgate` command.
    pub fn actgate(&self) -> &Actgate {
        &self.actgate
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The approval service.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The secrets store.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The git server.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// The image registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The MCP server.
    pub fn mcp(&self) -> &Mcp {
        &self.mcp
    }

    /// The ledger file.
    pub fn ledger(&self) -> PathBuf {
        self.layout.ledger()
    }

    /// A server that has ended, if any has.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn ended(&mut self) -> Result<Option<&'static str>, DemoError> {
        let servers = [
            self.gateway.server_mut(),
            self.control.server_mut(),
            self.vault.server_mut(),
            self.git.server_mut(),
            self.registry.server_mut(),
            self.mcp.server_mut(),
        ];
        for server in servers {
            if server.exited()?.is_some() {
                return Ok(Some(server.name()));
            }
        }
        Ok(None)
    }

    /// Lets every server outlive this program.
    pub fn leave_running(self) {
        for server in self.into_servers() {
            server.leave_running();
        }
    }

    /// Ends every server in order and returns when they are gone.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub async fn stop(self) -> Result<(), DemoError> {
        forget_environment(&self.layout);
        for server in self.into_servers() {
            server.stop().await?;
        }
        Ok(())
    }

    fn into_servers(self) -> [Server; 6] {
        let Self { layout: _, actgate: _, gateway, control, vault, git, registry, mcp } = self;
        [
            gateway.into_server(),
            control.into_server(),
            vault.into_server(),
            git.into_server(),
            registry.into_server(),
            mcp.into_server(),
        ]
    }

    /// Addresses for a shell to source.
    fn environment(&self) -> String {
        let admin = self.gateway.admin().map(|admin| ("ACTGATE_ADMIN", format!("http://{admin}")));
        let others = [
            ("ACTGATE_CONTROL", format!("http://{}", self.control.address())),
            ("ACTGATE_CONFIG", absolute(&self.layout.config())),
            ("ACTGATE_SECRETS", format!("http://{}", self.vault.upstream().address)),
            ("ACTGATE_SECRETS_TOKEN", self.vault.root_token().to_owned()),
            ("ACTGATE_GIT_ROOT", absolute(self.git.root())),
            ("ACTGATE_REGISTRY", format!("http://{}", self.registry.address())),
            ("ACTGATE_MCP", format!("http://{}/mcp", self.mcp.address())),
        ];
        let gateway = ("ACTGATE_GATEWAY", format!("http://{}", self.gateway.address()));
        let variables = [gateway].into_iter().chain(admin).chain(others);
        variables.fold(String::new(), |mut text, (name, value)| {
            // Writing to a String cannot fail.
            if let Err(std::fmt::Error) = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''")) {
            }
            text
        })
    }
}

fn absolute(path: &Path) -> String {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Whoever sources it must not be sent to ports that somebody else may have by now.
fn forget_environment(layout: &Layout) {
    if let Err(_absent) = fs::remove_file(layout.environment()) {}
}
