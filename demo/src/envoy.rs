//! Envoy, with the plugin and the sentinel in it.

pub mod options;
mod render;
mod template;

use std::{fs, net::SocketAddr, time::Duration};

use serde_json::Value;

pub use self::options::{EnvoyOptions, Plugin, Sentinel};
use crate::{
    control::SECRETS_KEY,
    error::DemoError,
    http::Exchange,
    layout::{Layout, write_private},
    server::{Launch, Server},
};

/// Envoy listens within a second of having compiled and warmed the plugin, which a slow machine takes its time for.
const READY: Duration = Duration::from_secs(120);

/// A ledger that is read right after a request: Envoy's default is a second.
const LEDGER_FLUSH_MS: &str = "50";

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    server: Server,
    gateway: SocketAddr,
    admin: SocketAddr,
}

// === impl Envoy ===

impl Envoy {
    /// Renders the template as `options` say, and starts Envoy on it. The state folder holds one Envoy.
    ///
    /// # Errors
    /// Any [`DemoError`] of a server; [`DemoError::ServerExited`] where Envoy refuses the configuration.
    pub async fn start(layout: &Layout, options: &EnvoyOptions) -> Result<Self, DemoError> {
        let folder = layout.folder("envoy")?;
        let config = folder.join("bootstrap.json");
        let bootstrap = render::bootstrap(&layout.envoy_template(), options)?;
        write_private(&config, bootstrap.to_string().as_bytes())?;
        let admin_file = folder.join("admin.address");
        if admin_file.exists() {
            fs::remove_file(&admin_file)
                .map_err(DemoError::io(format!("remove `{}`", admin_file.display())))?;
        }
        let mut arguments = vec!["--config-path".into(), config.into()];
        // Without hot restart there is no shared memory, and with it no base id to keep apart: any number of
        // these run beside each other and beside another Envoy.
        arguments.push("--disable-hot-restart".into());
        arguments.extend(["--concurrency".into(), options.concurrency.to_string().into()]);
        arguments.extend(["--admin-address-path".into(), admin_file.clone().into()]);
        arguments.extend(
            ["--file-flush-interval-msec", LEDGER_FLUSH_MS, "--log-level", "warning"].map(Into::into),
        );
        let launch = Launch { name: "envoy", program: layout.envoy()?, arguments };
        let key = options.secrets_key.iter().map(|key| (SECRETS_KEY, key.as_str())).collect::<Vec<_>>();
        let mut server = Server::start_with(layout, launch, &key)?;

        let mut admin = None;
        let probe = async || {
            admin = fs::read_to_string(&admin_file).ok().and_then(|text| text.trim().parse().ok());
            match admin {
                Some(address) => is_live(address).await,
                None => false,
            }
        };
        server.ready(READY, probe).await?;
        let admin = admin.ok_or_else(|| unexpected("no admin address"))?;
        let gateway = listener(admin).await?;
        Ok(Self { server, gateway, admin })
    }

    /// Where clients call.
    pub fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// Envoy's own interface.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The process.
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

async fn is_live(admin: SocketAddr) -> bool {
    let answer = Exchange::new(admin, "GET", "/ready").send().await;
    answer.is_ok_and(|answer| answer.status == 200 && answer.text().trim() == "LIVE")
}

/// Where the gateway's listener really is, which is news where its port was 0.
async fn listener(admin: SocketAddr) -> Result<SocketAddr, DemoError> {
    let listeners = Exchange::new(admin, "GET", "/listeners?format=json").succeed().await?.json();
    let socket = listeners
        .pointer("/listener_statuses/0/local_address/socket_address")
        .ok_or_else(|| unexpected("no listener"))?;
    let address = socket.get("address").and_then(Value::as_str);
    let port = socket.get("port_value").and_then(Value::as_u64);
    match (address.and_then(|text| text.parse().ok()), port.and_then(|port| u16::try_from(port).ok())) {
        (Some(address), Some(port)) => Ok(SocketAddr::new(address, port)),
        _ => Err(unexpected("no address of the listener")),
    }
}

fn unexpected(message: &str) -> DemoError {
    DemoError::Answer { what: "asking Envoy".to_owned(), status: 200, body: message.to_owned() }
}
