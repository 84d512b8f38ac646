//! The approval service over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Somebody waits at a terminal.
const WHOLE_CALL: Duration = Duration::from_secs(15);

/// More than a page of approvals in full.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// A caller with a token.
pub(super) struct Client {
    agent: Agent,
    base: String,
    token: String,
}

/// Why there is no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("sign in first: set ACTGATE_CONTROL_TOKEN to a token of the console's page \"Terminal\"")]
    NoToken,
    #[error("{0}")]
    Refused(String),
    #[error("`{0}` is no id of an approval")]
    Id(String),
    #[error("{base}: {reason}")]
    Unreachable { base: String, reason: String },
}

// === impl ClientError ===

impl ClientError {
    /// Whether the service answered and said no.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::NoToken | Self::Id(_) | Self::Unreachable { .. } => false,
        }
    }
}

// === impl Client ===

impl Client {
    pub(super) fn new(base: &str, token: &str) -> Self {
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
    pub(super) fn sign_in(base: &str, person: &str) -> Result<Self, ClientError> {
        let anonymous = Self::new(base, "none");
        let answer = anonymous.post(&["v1", "sessions"], &json!({ "person": person }))?;
        let token = answer.get("token").and_then(Value::as_str).ok_or(ClientError::NoToken)?;
        Ok(Self { token: token.to_owned(), ..anonymous })
    }

    pub(super) fn get(&self, path: &[&str], query: Option<(&str, &str)>) -> Result<Value, ClientError> {
        let mut request = self.agent.get(self.url(path)?).header("authorization", self.bearer());
        if let Some((name, value)) = query {
            request = request.query(name, value);
        }
        self.answer(request.call())
    }

    pub(super) fn post(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
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

    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, ClientError> {
        let unreachable = |error: ureq::Error| ClientError::Unreachable {
            base: self.base.clone(),
            reason: error.to_string(),
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_json::<Value>();
        if status.is_success() {
            return body.map_err(unreachable);
        }
        let detail = body.ok().and_then(|problem| problem.get("detail")?.as_str().map(str::to_owned));
        Err(ClientError::Refused(detail.unwrap_or_else(|| format!("the service answered {status}"))))
    }
}
