//! `actgate serve` before one upstream, with the configuration of cases.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use actgate_demo::{
    layout::Layout,
    port,
    server::{Launch, Server},
};
use actgate_harness::case::Setup as CaseSetup;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::setup::Setup;

/// It listens when it has compiled the plugin, which a slow machine takes its time for.
const READY: Duration = Duration::from_secs(120);

/// A running `actgate serve`. Dropping it ends it and removes its files.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    _server: Server,
    layout: Layout,
    _folder: TempDir,
}

// === impl Served ===

impl Served {
    /// Serves what `cases` are played against. Every service of it is `upstream`; `packs` are the folders of their packs.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start(setup: &Setup, cases: &CaseSetup, packs: &[PathBuf], upstream: SocketAddr) -> Self {
        let folder = TempDir::new().expect("a folder");
        let layout = setup.layout().clone().with_state(folder.path().join("state"));
        layout.folder("").expect("a folder");
        let mut config = cases.bundle().config.value.clone();
        let services = config["services"].as_array_mut().expect("services");
        for (service, pack) in services.iter_mut().zip(packs) {
            service["pack"] = pack.display().to_string().into();
        }
        let file = folder.path().join("actgate.yaml");
        fs::write(&file, config.to_string()).expect("a configuration");
        let address = port::loopback(port::free().expect("a port"));
        let mut arguments = vec!["serve".into(), file.into()];
        for route in cases.routes() {
            let named = format!("{}=http://{upstream}", route.service);
            arguments.extend(["--upstream".into(), named.into()]);
        }
        arguments.extend(["--listen".into(), address.to_string().into()]);
        arguments.extend(["--ledger".into(), layout.ledger().into()]);
        arguments.extend(["--wasm".into(), layout.plugin().expect("a plugin").into()]);
        let program = layout.actgate().expect("a program");
        let launch = Launch { name: "serve", program, arguments };
        let mut server = Server::start(&layout, launch).expect("a process");
        let ready = server.ready(READY, async || TcpStream::connect(address).await.is_ok()).await;
        ready.unwrap_or_else(|error| panic!("`actgate serve` does not start: {error}"));
        Self { address, _server: server, layout, _folder: folder }
    }

    /// Where clients call.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The ledger file.
    pub fn ledger(&self) -> PathBuf {
        self.layout.ledger()
    }
}
