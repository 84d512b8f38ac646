//! A gateway, the ledger's service that it sends its records to, and the wire between them.

use std::{fs, net::SocketAddr, time::Duration};

use actgate_authz::{BundleDocument, TextDocument};
use actgate_demo::{
    control::{Control, ControlConfig, ControlOptions, ControlUpstream},
    recorder::{Recorder, Script},
};
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome, Reply},
    relay::Relay,
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

pub(crate) const CAROL: &str = "demo/carol@demo";

/// Longer than anything takes that is waited for here, on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) control: Control,
    pub(crate) wire: Relay,
    pub(crate) upstream: Recorder,
    pub(crate) issuer: Issuer,
    pub(crate) options: ControlOptions,
    pub(crate) departure: Departure,
}

// === impl Stage ===

impl Stage {
    /// With this `ledger` in its configuration, and changes to its bundle.
    pub(crate) async fn set(ledger: Value, change: impl FnOnce(&mut BundleDocument)) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let issuer = Issuer::new();
        let state = State::new(&setup, &Template::read(setup.root()));
        let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
        let config = ControlConfig::apart(state.layout(), |text| text).expect("a configuration");
        let keys = config.key_set(state.layout()).await.unwrap_or_else(|error| panic!("{error}"));
        let mut bundle = bundle::demo(setup.root(), issuer.key_set());
        bundle::ask(setup.root(), &mut bundle, keys);
        bundle::permit_writing(&mut bundle);
        // Production is read with approval, as in the demo.
        bundle::secrets(&mut bundle).policies.push(TextDocument {
            file: "production.cedar".to_owned(),
            text: "@id(\"test.production\") permit (principal, action in Action::\"read\", \
                   resource in Secrets::Folder::\"kv/prod\");"
                .to_owned(),
        });
        bundle.config.value["ledger"] = ledger;
        change(&mut bundle);
        let options = ControlOptions { name: "control", config, port: 0, database: None };
        let control =
            Control::start(state.layout(), &options).await.unwrap_or_else(|error| panic!("{error}"));
        let options = ControlOptions { port: control.address().port(), ..options };
        let wire = Relay::to(control.address()).await;
        let token_file = control.upstream().token_file.clone();
        let departure = Departure {
            control: Some(ControlUpstream { address: wire.address(), token_file }),
            workers: 2,
            ..Departure::configured(serde_json::to_string(&bundle).expect("a bundle"))
        };
        let behind = state.upstream(upstream.address());
        let gateway = Gateway::start(state, departure.clone(), behind).await;
        Some(Self { gateway, control, wire, upstream, issuer, options, departure })
    }

    /// Sends a request with a good token; `body` where there is one.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let bytes = request(method, path, &self.issuer.good(), body);
        match h1::send(self.gateway.address(), &bytes).await {
            Outcome::Reply(reply) => reply,
            outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{method} {path}: {outcome:?}"),
        }
    }

    /// The lines of the gateway's own log.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.gateway.ledger()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The records that readers see.
    pub(crate) async fn records(&self) -> Vec<Value> {
        let page = self.control.look(CAROL, "/v1/events?limit=500").await;
        let page = page.unwrap_or_else(|error| panic!("{error}"));
        page["events"].as_array().expect("events").iter().map(|event| event["record"].clone()).collect()
    }

    /// Waits until so many records are there that `matches`.
    pub(crate) async fn records_where(&self, count: usize, matches: impl Fn(&Value) -> bool) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let mut records = self.records().await;
            records.retain(&matches);
            if records.len() >= count || start.elapsed() > LIMIT {
                return records;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the log has so many lines.
    pub(crate) async fn log_of(&self, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let lines = self.log();
            if lines.len() >= count || start.elapsed() > LIMIT {
                assert_eq!(lines.len(), count, "{lines:#?}");
                return lines;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same with somebody else in the place of the service.
    pub(crate) async fn sending_to(self, other: SocketAddr) -> Self {
        let token_file = self.control.upstream().token_file.clone();
        let departure =
            Departure { control: Some(ControlUpstream { address: other, token_file }), ..self.departure };
        let state = self.gateway.stop().await;
        let behind = state.upstream(self.upstream.address());
        let gateway = Gateway::start(state, departure.clone(), behind).await;
        Self { gateway, departure, ..self }
    }

    /// The same after Envoy was killed and came back.
    pub(crate) async fn after_a_crash(self) -> Self {
        let state = self.gateway.kill();
        let behind = state.upstream(self.upstream.address());
        let gateway = Gateway::start(state, self.departure.clone(), behind).await;
        Self { gateway, ..self }
    }

    /// Ends the service as a crash does.
    pub(crate) fn kill_control(self) -> Halted {
        let Self { gateway, control, wire, upstream, issuer, options, departure } = self;
        drop(control);
        Halted { gateway, wire, upstream, issuer, options, departure }
    }
}

/// The same without the service.
pub(crate) struct Halted {
    pub(crate) gateway: Gateway,
    wire: Relay,
    pub(crate) upstream: Recorder,
    pub(crate) issuer: Issuer,
    options: ControlOptions,
    departure: Departure,
}

impl Halted {
    /// Starts the service again, where it was.
    pub(crate) async fn restart_control(self) -> Stage {
        let Self { gateway, wire, upstream, issuer, options, departure } = self;
        let control = Control::start(gateway.state().layout(), &options).await;
        let control = control.unwrap_or_else(|error| panic!("{error}"));
        Stage { gateway, control, wire, upstream, issuer, options, departure }
    }
}

/// The bytes of a request.
pub(crate) fn request(method: &str, path: &str, token: &str, body: Option<&str>) -> Vec<u8> {
    let rest = match body {
        Some(body) => {
            format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }
        None => "\r\n".to_owned(),
    };
    format!("{method} {path} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n{rest}")
        .into_bytes()
}

pub(crate) fn buffered() -> Value {
    json!({ "delivery": "buffered", "cluster": "control", "emitter": "edge" })
}

/// What the service answers to a reader, as bytes.
pub(crate) async fn raw(stage: &Stage) -> String {
    let token = stage.control.sign_in(CAROL).await.unwrap_or_else(|error| panic!("{error}"));
    let bytes = format!(
        "GET /v1/events?limit=500 HTTP/1.1\r\nhost: control\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    match h1::send(stage.control.address(), bytes.as_bytes()).await {
        Outcome::Reply(reply) => String::from_utf8(reply.body).expect("text"),
        outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
    }
}
