//! A gateway, the approval service that it asks, and what is behind it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use actgate_authz::BundleDocument;
use actgate_demo::{
    control::{Control, ControlConfig, ControlOptions, ControlUpstream},
    ledger::Record,
    recorder::{Recorder, Script},
};
use actgate_harness::mint::TokenSpec;
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome, Reply},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::{Issuer, alice},
    verdict::text,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::pack::{self, PAY};

pub(crate) const BOB: &str = "demo/bob@demo";
pub(crate) const CAROL: &str = "demo/carol@demo";

/// 32 bytes.
pub(crate) const SECRETS_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Longer than anything takes that is waited for here, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(15);

/// Payments behind a gateway: what passes is written down.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) control: Control,
    pub(crate) upstream: Recorder,
    pub(crate) issuer: Issuer,
    pub(crate) options: ControlOptions,
    departure: Departure,
}

/// A payment and who makes it.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    pub(crate) token: TokenSpec,
}

/// An approval service's files and the bundle that trusts it.
pub(crate) async fn service(
    setup: &Setup,
    state: &State,
    issuer: &Issuer,
    change: impl FnOnce(String) -> String,
) -> (ControlConfig, BundleDocument) {
    let config = ControlConfig::apart(state.layout(), change).expect("a configuration");
    let keys = config.key_set(state.layout()).await.unwrap_or_else(|error| panic!("{error}"));
    let mut bundle = bundle::demo(setup.root(), issuer.key_set());
    bundle::ask(setup.root(), &mut bundle, keys);
    (config, bundle)
}

// === impl Stage ===

impl Stage {
    /// The demo's approval service.
    pub(crate) async fn set() -> Option<Self> {
        Self::with(|text| text).await
    }

    /// One whose configuration is changed.
    pub(crate) async fn with(change: impl FnOnce(String) -> String) -> Option<Self> {
        Self::made(change, 0, None).await
    }

    /// One over PostgreSQL.
    pub(crate) async fn over(database: String, change: impl FnOnce(String) -> String) -> Option<Self> {
        Self::made(change, 0, Some(database)).await
    }

    /// A gateway whose held calls wait for so many seconds.
    pub(crate) async fn waiting(seconds: u64) -> Option<Self> {
        Self::made(|text| text, seconds, None).await
    }

    async fn made(
        change: impl FnOnce(String) -> String,
        wait: u64,
        database: Option<String>,
    ) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let issuer = Issuer::new();
        let state = State::new(&setup, &Template::read(setup.root()));
        let upstream = Recorder::start(Script::text(200, "paid")).await.expect("a recorder");
        let (config, mut bundle) = service(&setup, &state, &issuer, change).await;
        pack::install(&mut bundle);
        bundle.config.value["approvals"]["wait"] = wait.into();
        let options = ControlOptions { name: "control", config, port: 0, database };
        let control =
            Control::start(state.layout(), &options).await.unwrap_or_else(|error| panic!("{error}"));
        let departure = Departure {
            control: Some(control.upstream().clone()),
            secrets_key: Some(SECRETS_KEY.to_owned()),
            ..Departure::configured(serde_json::to_string(&bundle).expect("a bundle"))
        };
        let secrets = state.upstream(upstream.address());
        let gateway = Gateway::start(state, departure.clone(), secrets).await;
        Some(Self { gateway, control, upstream, issuer, options, departure })
    }

    /// The same with somebody else in the place of the approval service.
    pub(crate) async fn asking(self, other: SocketAddr) -> Self {
        let token_file = self.control.upstream().token_file.clone();
        let departure =
            Departure { control: Some(ControlUpstream { address: other, token_file }), ..self.departure };
        let state = self.gateway.stop().await;
        let secrets = state.upstream(self.upstream.address());
        let gateway = Gateway::start(state, departure.clone(), secrets).await;
        Self { gateway, departure, ..self }
    }

    /// The same after Envoy was killed and came back.
    pub(crate) async fn after_a_crash(self) -> Self {
        let state = self.gateway.kill();
        let secrets = state.upstream(self.upstream.address());
        let gateway = Gateway::start(state, self.departure.clone(), secrets).await;
        Self { gateway, ..self }
    }

    pub(crate) async fn send(&self, payment: &Payment) -> Reply {
        payment.send(&self.gateway, &self.issuer).await
    }

    /// Sends a payment that has to be held, and gives the id of its approval.
    pub(crate) async fn held(&self, payment: &Payment) -> String {
        let reply = self.send(payment).await;
        id_of(&reply).unwrap_or_else(|| panic!("not held: {} {}", reply.status, reply.json()))
    }

    /// Somebody approves, who may.
    pub(crate) async fn approve(&self, person: &str, id: &str) {
        let answer = self.control.decide(person, id, "approve", "seen").await.expect("a decision");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Waits until the gateway has told what became of what was approved.
    pub(crate) async fn outcome(&self, id: &str) -> String {
        let start = Instant::now();
        loop {
            let approval = self.approval(id).await;
            let outcome = text(&approval, "/outcome").to_owned();
            if !outcome.is_empty() || start.elapsed() > LIMIT {
                return outcome;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// All that the service knows of an approval.
    pub(crate) async fn approval(&self, id: &str) -> Value {
        let path = format!("/v1/approvals/{id}");
        self.control.look(CAROL, &path).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// How many payments have gone through.
    pub(crate) fn paid(&self) -> usize {
        self.upstream.seen().requests.len()
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.gateway.ledger()
    }
}

/// The approval that a refused call waits for.
pub(crate) fn id_of(reply: &Reply) -> Option<String> {
    let body = reply.json();
    let waits = reply.status == 403 && text(&body, "/reason") == "approval_required";
    waits.then(|| text(&body, "/approval/id").to_owned()).filter(|id| !id.is_empty())
}

/// The records from a place on, once there are so many.
pub(crate) async fn records(ledger: &actgate_demo::ledger::Ledger, count: usize) -> Vec<Record> {
    let records = ledger::records(ledger, count).await;
    assert_eq!(records.len(), count, "{records:?}");
    records
}

// === impl Payment ===

impl Payment {
    pub(crate) fn usual() -> Self {
        Self {
            method: "POST",
            target: PAY.to_owned(),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-tenant", "acme".to_owned()),
                ("x-other", "whatever".to_owned()),
            ],
            body: r#"{"amount": 100, "to": "landlord", "pin": "canary-4711"}"#.to_owned(),
            token: alice(),
        }
    }

    pub(crate) async fn send(&self, gateway: &Gateway, issuer: &Issuer) -> Reply {
        match h1::send(gateway.address(), &self.bytes(issuer)).await {
            Outcome::Reply(reply) => reply,
            outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
        }
    }

    pub(crate) fn bytes(&self, issuer: &Issuer) -> Vec<u8> {
        let Self { method, target, headers, body, token } = self;
        let mut text = format!(
            "{method} {target} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n",
            issuer.mint(token),
            body.len()
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{text}\r\n{body}").into_bytes()
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}
