//! The secrets backend: RustyVault, a server of the Vault API.

use std::{net::SocketAddr, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    error::DemoError,
    http::{Answer, Exchange},
    layout::{Layout, write_private},
    server::{Launch, Server},
};

/// What the store holds at first: path below `/v1/`, and password. All differ, so that a leak names its source.
pub const SEEDS: [(&str, &str); 2] = [("kv/dev/db", "dev-3f1c9a70"), ("kv/prod/db", "prod-b8e25d64")];

/// A running, unsealed and seeded store.
#[derive(Debug)]
pub struct Vault {
    server: Server,
    upstream: VaultUpstream,
    root_token: String,
}

/// What Envoy needs to know of the store.
#[derive(Debug, Clone)]
pub struct VaultUpstream {
    /// Where it listens.
    pub address: SocketAddr,
    /// The file that holds the token which Envoy adds to permitted requests.
    pub token_file: PathBuf,
}

// === impl Vault ===

impl Vault {
    /// Starts an empty store on a free port, and fills it with [`SEEDS`].
    ///
    /// # Errors
    /// Any [`DemoError`] of a server.
    pub async fn start(layout: &Layout) -> Result<Self, DemoError> {
        let (server, address) = Self::launch(layout).await?;
        let keys =
            post(address, "sys/init", "", &json!({ "secret_shares": 1, "secret_threshold": 1 })).await?;
        let root_token = text_at(&keys, "/root_token")?;
        let unseal_key = text_at(&keys, "/keys/0")?;
        post(address, "sys/unseal", "", &json!({ "key": unseal_key })).await?;
        post(address, "sys/mounts/kv", &root_token, &json!({ "type": "kv" })).await?;
        for (path, password) in SEEDS {
            post(address, path, &root_token, &json!({ "username": "app", "password": password })).await?;
        }
        // RustyVault 0.2.1 has no policies yet, it only insists that a token names one: this one can read as
        // much as any. It differs from the root token so that the two cannot be mistaken for each other.
        let create = json!({ "display_name": "gateway", "policies": ["gateway"], "ttl": "720h" });
        let created = post(address, "auth/token/create", &root_token, &create).await?;
        let token_file = layout.folder("vault")?.join("gateway.token");
        write_private(&token_file, text_at(&created, "/auth/client_token")?.as_bytes())?;
        Ok(Self { server, upstream: VaultUpstream { address, token_file }, root_token })
    }

    /// What Envoy needs to know.
    pub fn upstream(&self) -> &VaultUpstream {
        &self.upstream
    }

    /// The operator's token, for looking behind the gate.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// What the store answers to a read of `path` behind the gate.
    ///
    /// # Errors
    /// [`DemoError::Exchange`].
    pub async fn read(&self, path: &str) -> Result<Answer, DemoError> {
        let path = format!("/v1/{path}");
        let headers = [("x-vault-token", self.root_token.as_str())];
        Exchange { headers: &headers, ..Exchange::new(self.upstream.address, "GET", &path) }.send().await
    }

    /// The process, to be watched.
    pub fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The process, to be stopped or left running.
    pub fn into_server(self) -> Server {
        self.server
    }

    async fn launch(layout: &Layout) -> Result<(Server, SocketAddr), DemoError> {
        let folder = layout.folder("vault")?;
        let data = layout.empty_folder("vault/data")?;
        let program = layout.rvault()?;
        // Its status is an error until it is initialised; that it speaks HTTP at all is what counts here.
        Server::on_free_port(layout, "/v1/sys/seal-status", |address| {
            let config = folder.join("rvault.hcl");
            write_private(&config, configuration(&data.display().to_string(), address).as_bytes())?;
            let arguments = vec!["server".into(), "--config".into(), config.into()];
            Ok(Launch { name: "vault", program: program.clone(), arguments })
        })
        .await
    }
}

/// Its parser wants a block's attributes on lines of their own.
fn configuration(data: &str, address: SocketAddr) -> String {
    format!(
        r#"storage "file" {{
  path = {data:?}
}}

listener "tcp" {{
  address     = "{address}"
  tls_disable = "true"
}}

api_addr  = "http://{address}"
log_level = "warn"
"#
    )
}

async fn post(address: SocketAddr, path: &str, token: &str, body: &Value) -> Result<Value, DemoError> {
    let path = format!("/v1/{path}");
    let body = body.to_string();
    let headers = [("content-type", "application/json"), ("x-vault-token", token)];
    // The store wants no token at all where none is due.
    let headers = if token.is_empty() { headers.get(..1).unwrap_or_default() } else { &headers };
    let exchange = Exchange { headers, body: body.as_bytes(), ..Exchange::new(address, "POST", &path) };
    Ok(exchange.succeed().await?.json())
}

fn text_at(answer: &Value, pointer: &str) -> Result<String, DemoError> {
    match answer.pointer(pointer).and_then(Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        // Without the body: it holds keys.
        None => Err(DemoError::Answer {
            what: "setting up the secrets store".to_owned(),
            status: 200,
            body: format!("no `{pointer}` in it"),
        }),
    }
}
