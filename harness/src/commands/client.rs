//! `actgate-control` over HTTP.

use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Somebody waits at a terminal.
const WHOLE_CALL: Duration = Duration::from_secs(15);

/// More than a page of approvals in full.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// Which service, and who asks.
#[derive(Debug, Args)]
pub(crate) struct Service {
    /// The approval service
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ACTGATE_CONTROL",
        default_value = "http://127.0.0.1:10100"
    )]
    control: String,
    /// A token of its console's page "Terminal"
    #[arg(long, global = true, value_name = "TOKEN", env = "ACTGATE_CONTROL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Sign in by name, where the service has --dev-login
    #[arg(long = "as", global = true, value_name = "PERSON", conflicts_with = "token")]
    person: Option<String>,
}

/// A caller with a token.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    token: String,
}

/// Why there is no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("sign in first: set ACTGATE_CONTROL_TOKEN to a token of the console's page \"Terminal\"")]
    NoToken,
    #[error("{0}")]
    Refused(String),
    #[error("`{0}` is no id of an approval")]
    Id(String),
    #[error("{base}: {reason}")]
    Unreachable { base: String, reason: String },
}

// === impl Service ===

impl Service {
    pub(crate) fn connect(&self) -> Result<Client, ClientError> {
        match (&self.token, &self.person) {
            (_, Some(person)) => Client::sign_in(&self.control, person),
            (Some(token), None) => Ok(Client::new(&self.control, token)),
            (None, None) => Err(ClientError::NoToken),
        }
    }
}

// === impl ClientError ===

impl ClientError {
    /// Whether the service answered and said no.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::NoToken | Self::Id(_) | Self::Unreachable { .. } => false,
        }
    }
}

// === impl Client ===

impl Client {
    pub(crate) fn new(base: &str, token: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(WHOLE_CALL))
            .http_status_as_error(false)
            // A token goes where it was meant to go.
            .max_redirects(0)
            .proxy(None)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build());
        let base = base.trim_end_matches('/').to_owned();
        Self { agent: config.build().into(), base, token: token.to_owned() }
    }

    /// Signs in by name.
    pub(crate) fn sign_in(base: &str, person: &str) -> Result<Self, ClientError> {
        let anonymous = Self::new(base, "none");
        let answer: Value = anonymous.post(&["v1", "sessions"], &json!({ "person": person }))?;
        let token = answer.get("token").and_then(Value::as_str).ok_or(ClientError::NoToken)?;
        Ok(Self { token: token.to_owned(), ..anonymous })
    }

    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        let mut request = self.agent.get(self.url(path)?).header("authorization", self.bearer());
        for (name, value) in query {
            request = request.query(name, value);
        }
        self.answer(request.call())
    }

    pub(crate) fn post(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        let request = self.agent.post(self.url(path)?).header("authorization", self.bearer());
        self.answer(request.send_json(body))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn url(&self, path: &[&str]) -> Result<String, ClientError> {
        let is_plain = |part: &&&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match path.iter().find(|part| !is_plain(part) || part.is_empty()) {
            Some(odd) => Err(ClientError::Id((*odd).to_owned())),
            None => Ok(format!("{}/{}", self.base, path.join("/"))),
        }
    }

    fn answer<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let unreachable = |error: ureq::Error| ClientError::Unreachable {
            base: self.base.clone(),
            reason: error.to_string(),
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let body =
            answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string().map_err(unreachable)?;
        if status.is_success() {
            return serde_json::from_str(&body).map_err(|error| ClientError::Unreachable {
                base: self.base.clone(),
                reason: format!("an answer of another service: {error}"),
            });
        }
        let problem: Option<Value> = serde_json::from_str(&body).ok();
        let detail = problem.and_then(|problem| problem.get("detail")?.as_str().map(str::to_owned));
        Err(ClientError::Refused(detail.unwrap_or_else(|| format!("the service answered {status}"))))
    }
}
