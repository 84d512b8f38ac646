//! `actgate serve` before one upstream, with a configuration of its own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use actgate_demo::{
    control::ControlUpstream,
    layout::Layout,
    serve::{Serve, ServeOptions},
    vault::VaultUpstream,
};
use actgate_tests::e2e::{
    bundle,
    gateway::INJECTED,
    h1::{self, Outcome},
    setup::Setup,
    tokens::Issuer,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::case::{DEV, Kit};

pub(crate) struct Stage {
    folder: TempDir,
    layout: Layout,
    serve: Serve,
    /// How much of its log has been looked at.
    heard: usize,
}

/// Where approvals are asked for, and whose word counts.
pub(crate) struct Approvals {
    /// `approvals` of the configuration.
    pub(crate) section: Value,
    pub(crate) upstream: ControlUpstream,
    /// `ledger` of the configuration; as the demo's where there is none.
    pub(crate) ledger: Option<Value>,
}

const LIMIT: Duration = Duration::from_secs(60);

impl Stage {
    pub(crate) async fn start(setup: &Setup, issuer: &Issuer, upstream: SocketAddr) -> Self {
        Self::asking(setup, issuer, upstream, None).await
    }

    /// One whose holds are put to an approval service.
    pub(crate) async fn asking(
        setup: &Setup,
        issuer: &Issuer,
        upstream: SocketAddr,
        approvals: Option<Approvals>,
    ) -> Self {
        let folder = TempDir::new().expect("a folder");
        let layout = setup.layout().clone().with_state(folder.path().join("state"));
        let token_file = layout.folder("vault").expect("a folder").join("gateway.token");
        fs::write(&token_file, INJECTED).expect("a token");
        let (section, control, own) = match approvals {
            Some(Approvals { section, upstream, ledger }) => (Some(section), Some(upstream), ledger),
            None => (None, None, None),
        };
        let config = configure(setup, issuer, section, folder.path());
        if let Some(ledger) = own {
            let mut value = bundle::read(&config);
            value["ledger"] = ledger;
            fs::write(&config, value.to_string()).expect("a configuration");
        }
        let options = ServeOptions {
            port: 0,
            config,
            ledger: layout.ledger(),
            vault: VaultUpstream { address: upstream, token_file },
            git: upstream,
            registry: upstream,
            mcp: upstream,
            control,
            secrets_key: None,
        };
        let serve = Serve::start(&layout, &options).await.unwrap_or_else(|error| panic!("{error}"));
        Self { folder, layout, serve, heard: 0 }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.serve.address()
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.layout.ledger()
    }

    /// Ends it as an operator does; its files stay as long as what is returned.
    pub(crate) async fn stop(self) -> TempDir {
        self.serve.into_server().stop().await.expect("an end");
        self.folder
    }

    pub(crate) fn pid(&self) -> u32 {
        self.serve.server().pid()
    }

    /// A policy file of the secrets pack.
    pub(crate) fn policy(&self) -> PathBuf {
        let files = fs::read_dir(self.folder.path().join("secrets")).expect("a pack");
        let mut paths = files.map(|entry| entry.expect("a file").path());
        paths.find(|path| path.extension().is_some_and(|end| end == "cedar")).expect("a policy")
    }

    /// What the request that passes is answered with.
    pub(crate) async fn status(&self, kit: &Kit) -> u16 {
        match h1::send(self.address(), kit.head(DEV).as_bytes()).await {
            Outcome::Reply(reply) => reply.status,
            outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
        }
    }

    /// Waits until it has said something new that holds `what`.
    pub(crate) async fn says(&mut self, what: &str) {
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(self.layout.log("serve")).expect("a log");
            if let Some(at) = text.get(self.heard..).unwrap_or_default().find(what) {
                self.heard += at + what.len();
                return;
            }
            assert!(start.elapsed() < LIMIT, "it does not say `{what}`:\n{text}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Writes the demo's configuration and its packs into a folder, with another issuer's keys.
pub(crate) fn configure(setup: &Setup, issuer: &Issuer, approvals: Option<Value>, folder: &Path) -> PathBuf {
    let config = folder.join("actgate.yaml");
    let mut value = bundle::read(&setup.root().join("demo/actgate.yaml"));
    value["issuers"][0]["jwks"] = issuer.key_set();
    bundle::ask_nobody(&mut value);
    // No service is asked, and none is sent records, but where a test says so.
    for name in ["envoy", "ledger"] {
        value.as_object_mut().expect("a mapping").remove(name);
    }
    for service in value["services"].as_array_mut().expect("services") {
        let pack = setup.root().join("demo").join(service["pack"].as_str().expect("a pack"));
        let name = pack.file_name().expect("a pack").to_string_lossy().into_owned();
        copy(&pack, &folder.join(&name));
        service["pack"] = name.into();
    }
    if let Some(section) = approvals {
        value["approvals"] = section;
    }
    fs::write(&config, value.to_string()).expect("a configuration");
    config
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a pack") {
        let path = entry.expect("a file").path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
}
