//! The approval service: `actgate-control`, where the demo's people sign in by name.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::Read as _,
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    error::DemoError,
    http::{Answer, Exchange},
    layout::{Layout, write_private},
    port,
    server::{Launch, Server},
    tool::Tool,
};

/// It migrates its database first; a cold start takes well under a second.
const READY: Duration = Duration::from_secs(20);

/// The file of the key that grants are signed with.
const GRANT_KEY: &str = "grant-key.pem";

/// Beyond guessing, and more than the gate demands.
const SECRETS_KEY_BYTES: usize = 32;

/// The gateway's variable that holds what it seals secret arguments with.
pub(crate) const SECRETS_KEY: &str = "ACTGATE_SECRETS_KEY";

/// A free port may be taken again before it is bound.
const ATTEMPTS: u32 = 3;

/// What `demo/control.yaml` says of where its files are.
const STATE_OF_DEMO: &str = "../.run/control";

/// What Envoy needs to know of the approval service.
#[derive(Debug, Clone)]
pub struct ControlUpstream {
    /// Where it listens.
    pub address: SocketAddr,
    /// The file that holds the token by which it knows the gateway.
    pub token_file: PathBuf,
}

/// How one replica is started.
#[derive(Debug, Clone)]
pub struct ControlOptions {
    /// The name of its log.
    pub name: &'static str,
    /// Its configuration.
    pub config: ControlConfig,
    /// Its port; 0 for a free one.
    pub port: u16,
    /// PostgreSQL; SQLite in the state folder where there is none.
    pub database: Option<String>,
}

/// A `control.yaml` and the folder of its keys, token and database.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    file: PathBuf,
    state: PathBuf,
}

/// A running approval service.
#[derive(Debug)]
pub struct Control {
    server: Server,
    upstream: ControlUpstream,
    /// Tokens of those who have signed in: the service counts sign-ins.
    tokens: Mutex<BTreeMap<String, String>>,
}

// === impl ControlConfig ===

impl ControlConfig {
    /// The demo's own configuration, with its state in the stack's folder. The key of grants is the repository's, as
    /// those of tokens are: `demo/actgate.yaml` names it.
    ///
    /// # Errors
    /// [`DemoError::Command`] and [`DemoError::Io`].
    pub async fn demo(layout: &Layout) -> Result<Self, DemoError> {
        let shared = Self { file: layout.control_config(), state: layout.grant_keys() };
        let set = shared.keygen(layout).await?;
        let public = shared.state.join("grants.jwks.json");
        if fs::read(&public).ok().as_ref() != Some(&set) {
            write_private(&public, &set)?;
        }
        let own = Self::apart(layout, |text| text)?;
        let (from, to) = (shared.state.join(GRANT_KEY), own.state.join(GRANT_KEY));
        if from != to {
            let key = fs::read(&from).map_err(DemoError::io(format!("read `{}`", from.display())))?;
            write_private(&to, &key)?;
        }
        Ok(own)
    }

    /// The demo's with everything in the stack's folder, so that several can run at once; `change` is made to its text.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn apart(layout: &Layout, change: impl FnOnce(String) -> String) -> Result<Self, DemoError> {
        let original = layout.control_config();
        let text =
            fs::read_to_string(&original).map_err(DemoError::io(format!("read `{}`", original.display())))?;
        let state = layout.folder("control")?;
        let file = state.join("control.yaml");
        write_private(&file, change(text.replace(STATE_OF_DEMO, ".")).as_bytes())?;
        Ok(Self { file, state })
    }

    /// Forgets what was asked in an earlier stack, as everything behind the gate is made anew; the keys stay.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn forget(&self) -> Result<(), DemoError> {
        for name in ["control.db", "control.db-wal", "control.db-shm"] {
            let path = self.state.join(name);
            if path.exists() {
                fs::remove_file(&path).map_err(DemoError::io(format!("remove `{}`", path.display())))?;
            }
        }
        Ok(())
    }

    /// What the gateway seals secret arguments with, made where it is missing. The service does not get it.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn secrets_key(&self) -> Result<String, DemoError> {
        let path = self.state.join("secrets.key");
        if !path.exists() {
            let mut random = [0_u8; SECRETS_KEY_BYTES];
            fs::File::open("/dev/urandom")
                .and_then(|mut file| file.read_exact(&mut random))
                .map_err(DemoError::io("draw random bytes"))?;
            // Every hexadecimal digit is one of base64url too.
            let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            write_private(&path, key.as_bytes())?;
        }
        let doing = DemoError::io(format!("read `{}`", path.display()));
        fs::read_to_string(&path).map_err(doing)
    }

    /// The key set of the key that grants are signed with, which is made where it is missing.
    ///
    /// # Errors
    /// [`DemoError::Command`].
    pub async fn key_set(&self, layout: &Layout) -> Result<Value, DemoError> {
        Ok(serde_json::from_slice(&self.keygen(layout).await?).unwrap_or_default())
    }

    async fn keygen(&self, layout: &Layout) -> Result<Vec<u8>, DemoError> {
        let arguments: [OsString; 3] = ["keygen".into(), "--config".into(), self.file.clone().into()];
        Tool::new(layout.control()?, arguments).succeed().await
    }
}

// === impl Control ===

impl Control {
    /// Starts a replica, and waits until it can answer claims.
    ///
    /// # Errors
    /// Any [`DemoError`] of a server.
    pub async fn start(layout: &Layout, options: &ControlOptions) -> Result<Self, DemoError> {
        let ControlOptions { name, config, port, database } = options;
        let mut attempt: u32 = 1;
        loop {
            let port = if *port == 0 { port::free()? } else { *port };
            let address = port::loopback(port);
            let mut arguments: Vec<OsString> =
                vec!["serve".into(), "--config".into(), config.file.clone().into(), "--dev-login".into()];
            arguments.extend(["--listen".into(), address.to_string().into()]);
            arguments.extend(["--public-url".into(), format!("http://{address}").into()]);
            arguments.extend(
                database.iter().flat_map(|url| [OsString::from("--database-url"), OsString::from(url)]),
            );
            let launch = Launch { name, program: layout.control()?, arguments };
            let mut server = Server::start(layout, launch)?;
            let probe = Exchange::new(address, "GET", "/healthz");
            let ready = async || probe.send().await.is_ok_and(|answer| answer.status == 200);
            match server.ready(READY, ready).await {
                Ok(()) => {
                    let token_file = config.state.join("gateway.token");
                    let upstream = ControlUpstream { address, token_file };
                    return Ok(Self { server, upstream, tokens: Mutex::default() });
                }
                Err(DemoError::ServerExited { .. }) if options.port == 0 && attempt < ATTEMPTS => {
                    attempt = attempt.saturating_add(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What Envoy needs to know.
    pub fn upstream(&self) -> &ControlUpstream {
        &self.upstream
    }

    /// Where the API and the console are.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address
    }

    /// The token of a person, who signs in by name where they have not before.
    ///
    /// # Errors
    /// [`DemoError::Exchange`] and [`DemoError::Answer`].
    async fn token(&self, person: &str) -> Result<String, DemoError> {
        let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(person).cloned();
        if let Some(token) = known {
            return Ok(token);
        }
        let token = self.sign_in(person).await?;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(person.to_owned(), token.clone());
        Ok(token)
    }

    /// Signs a person in by name, as the console does, and gives their token.
    ///
    /// # Errors
    /// [`DemoError::Exchange`] and [`DemoError::Answer`].
    pub async fn sign_in(&self, person: &str) -> Result<String, DemoError> {
        let body = json!({ "person": person }).to_string();
        let headers = [("content-type", "application/json")];
        let login = Exchange {
            headers: &headers,
            body: body.as_bytes(),
            ..Exchange::new(self.address(), "POST", "/v1/sessions")
        };
        let answer = login.succeed().await?;
        match answer.json().get("token").and_then(Value::as_str) {
            Some(token) => Ok(token.to_owned()),
            // Without the body, which may hold one in another form.
            None => Err(DemoError::Answer {
                what: login.to_string(),
                status: answer.status,
                body: "no token in it".to_owned(),
            }),
        }
    }

    /// What a person is shown at `path` of the API.
    ///
    /// # Errors
    /// [`DemoError::Exchange`] and [`DemoError::Answer`].
    pub async fn look(&self, person: &str, path: &str) -> Result<Value, DemoError> {
        let bearer = format!("Bearer {}", self.token(person).await?);
        let headers = [("authorization", bearer.as_str())];
        let exchange = Exchange { headers: &headers, ..Exchange::new(self.address(), "GET", path) };
        Ok(exchange.succeed().await?.json())
    }

    /// Says `approve`, `deny` or `revoke` to an approval in a person's name, whatever is answered.
    ///
    /// # Errors
    /// [`DemoError::Exchange`] and [`DemoError::Answer`].
    pub async fn decide(
        &self,
        person: &str,
        id: &str,
        verb: &str,
        comment: &str,
    ) -> Result<Answer, DemoError> {
        let bearer = format!("Bearer {}", self.token(person).await?);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = json!({ "comment": comment }).to_string();
        let path = format!("/v1/approvals/{id}/{verb}");
        Exchange { headers: &headers, body: body.as_bytes(), ..Exchange::new(self.address(), "POST", &path) }
            .send()
            .await
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
