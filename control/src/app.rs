//! The service: what its requests share, and how it runs.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actgate_ledger::otlp::Signal;
use axum::Router;
use tokio::net::TcpListener;

use crate::{
    api,
    clock::Clock,
    collector::{CollectorClient, Sender},
    config::{Config, Otlp},
    console,
    grant::GrantKey,
    key::SigningKey,
    limit::LoginLimit,
    oidc::OidcClient,
    problem::Problem,
    secret::{Secret, SecretHash},
    store::Store,
};

/// The purpose under which gateways' tokens are hashed.
pub(crate) const GATEWAY: &str = "gateway";

/// What has run out is written down within this time; that it has run out is true at once.
const UPKEEP: Duration = Duration::from_secs(5);

/// What all requests share.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// What grants are signed with.
    pub key: GrantKey,
    /// What checkpoints of the ledger are signed with.
    pub ledger_key: SigningKey,
    /// The time.
    pub clock: Clock,
    /// Whether the configuration's people can sign in by name.
    pub dev_login: bool,
    /// Where people sign in.
    pub oidc: Option<OidcClient>,
    pub(crate) gateways: Vec<(String, SecretHash)>,
    pub(crate) logins: LoginLimit,
    pub(crate) collector: Option<Arc<CollectorClient>>,
    /// This process, among replicas.
    pub(crate) instance: String,
}

// === impl App ===

impl App {
    /// Reads or makes the gateways' tokens, and reads the secret for the identity provider.
    ///
    /// # Errors
    /// A secret's file.
    pub fn new(
        config: Config,
        store: Store,
        key: GrantKey,
        clock: Clock,
        dev_login: bool,
    ) -> io::Result<Self> {
        let mut gateways = Vec::new();
        for gateway in &config.gateways {
            let token = Secret::in_file(&gateway.token_file)
                .map_err(|error| io::Error::other(format!("{}: {error}", gateway.token_file.display())))?;
            gateways.push((gateway.name.clone(), token.hash(GATEWAY)));
        }
        let oidc =
            config.oidc.as_ref().map(|oidc| OidcClient::new(&config, oidc, clock.clone())).transpose()?;
        let collector = config.ledger.otlp.as_ref().map(CollectorClient::new).transpose()?.map(Arc::new);
        let ledger_key = SigningKey::in_file(&config.state.join("ledger-key.pem"))?;
        Ok(Self {
            config,
            store,
            key,
            ledger_key,
            clock,
            dev_login,
            oidc,
            gateways,
            logins: LoginLimit::default(),
            collector,
            instance: uuid::Uuid::now_v7().to_string(),
        })
    }

    /// Everything that is served.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().merge(api::router()).merge(console::router(self)).with_state(Arc::clone(self))
    }

    /// Serves until `stop` ends, and then finishes what is being answered.
    ///
    /// # Errors
    /// The listener's.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let upkeep = tokio::spawn(Arc::clone(&self).keep_up());
        let signals: Vec<Signal> = self.config.ledger.otlp.iter().flat_map(Otlp::signals).collect();
        let senders: Vec<_> = signals
            .iter()
            .zip(self.collector.iter().cycle())
            .map(|(signal, client)| Sender::new(Arc::clone(&self), Arc::clone(client), *signal))
            .map(|sender| tokio::spawn(sender.run()))
            .collect();
        let service = self.router().into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, service).with_graceful_shutdown(stop).await;
        upkeep.abort();
        senders.iter().for_each(tokio::task::JoinHandle::abort);
        for signal in signals {
            if let Err(error) = Sender::release(&self, signal).await {
                log(&format!("collector: {error}"));
            }
        }
        self.store.close().await;
        served
    }

    async fn keep_up(self: Arc<Self>) {
        loop {
            if let Err(error) = self.keep_up_once().await {
                log(&format!("upkeep: {error}"));
            }
            tokio::time::sleep(UPKEEP).await;
        }
    }

    /// Writes down what time has decided.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep_up_once(&self) -> Result<(), Problem> {
        let now = self.clock.now();
        self.store.upkeep(now).await?;
        self.store.sign_chains(&self.ledger_key, &self.config.issuer, now).await?;
        let overdue = now.saturating_sub(self.config.ledger.unknown_after.seconds());
        self.store.write_off_attempts(overdue.saturating_mul(1000)).await?;
        let kept = self.config.ledger.retention.seconds();
        Ok(self.store.forget_ledger(now.saturating_sub(kept).saturating_mul(1000)).await?)
    }

    /// Whether people reach the console over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.config.public_url.starts_with("https://")
    }

    /// Where people decide an approval.
    pub fn url_of(&self, approval: &str) -> String {
        format!("{}/approvals/{approval}", self.config.public_url)
    }
}

/// One line for the operator.
#[expect(
    clippy::print_stderr,
    reason = "the one place where a server without a terminal says what went wrong"
)]
pub(crate) fn log(line: &str) {
    eprintln!("actgate-control: {line}");
}
