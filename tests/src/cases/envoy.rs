//! The engine that is a real Envoy: one per setup, with an upstream that records what it sees.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actgate_demo::{
    ledger::Ledger,
    recorder::{Recorder, Script},
};
use actgate_harness::case::{Engine, EngineError, Exchange, Outcome, Seen, Setup, Upstream};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::routes;
use crate::e2e::{
    gateway::{Departure, Gateway, State},
    h1,
    setup::Setup as Machine,
};

/// Envoy writes its ledger every 50 ms; a loaded machine takes longer.
const LIMIT: Duration = Duration::from_secs(10);

/// A running Envoy with the plugin in front of the recorder.
#[derive(Debug)]
pub struct Envoy {
    // Envoy goes before what is behind it, and both before what drives them.
    gateway: Gateway,
    recorder: Recorder,
    runtime: Runtime,
}

// === impl Envoy ===

impl Envoy {
    /// Starts it with the bundle and the services of `setup`.
    pub fn start(machine: &Machine, setup: &Setup) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (gateway, recorder) = runtime.block_on(async {
            let unexpected = Script::text(500, "nobody was expected here");
            let recorder = Recorder::start(unexpected).await.expect("a recorder");
            let state = State::new(machine, &routes::template(machine.root(), setup.routes()));
            let upstream = state.upstream(recorder.address());
            let bundle = serde_json::to_string(setup.bundle()).expect("a bundle");
            (Gateway::start(state, Departure::configured(bundle), upstream).await, recorder)
        });
        Self { gateway, recorder, runtime }
    }

    async fn exchange(&self, exchange: &Exchange) -> Result<Outcome, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Failed(error.to_string());
        let ledger = Ledger::from_now(&self.gateway.ledger()).map_err(|error| failed(&error))?;
        self.recorder.forget();
        if let Some(upstream) = &exchange.upstream {
            self.recorder.next(script(upstream));
        }
        let answer = h1::send(self.gateway.address(), &message(exchange)).await;
        let records = ledger.wait_for(1, LIMIT).await.map_err(|error| failed(&error))?;
        // The record is written when the stream is over: what has not reached the upstream by now never will.
        let seen = self.recorder.seen();
        if exchange.upstream.is_some() && seen.requests.is_empty() {
            self.discard_script().await;
        }
        let h1::Outcome::Reply(reply) = answer else {
            return Err(EngineError::Failed(format!("no response came: {answer:?}")));
        };
        let [record] = records.as_slice() else {
            return Err(EngineError::Failed(format!("{} records came instead of one", records.len())));
        };
        Ok(Outcome {
            status: reply.status,
            headers: lower(reply.headers),
            body: reply.body,
            touched: !seen.is_nothing(),
            seen: seen
                .requests
                .into_iter()
                .map(|request| Seen {
                    method: request.method,
                    path: request.target,
                    headers: request.headers,
                    body: request.body,
                })
                .collect(),
            record: numbered(record.value().clone()),
            inquiry: None,
        })
    }

    /// Takes the answer that nobody came for, so that the next request does not get it.
    async fn discard_script(&self) {
        let taken = h1::send(self.recorder.address(), b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(matches!(taken, h1::Outcome::Reply(_)), "the recorder does not answer: {taken:?}");
    }
}

impl Engine for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn clock(&self) -> Option<i64> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        Some(i64::try_from(since.as_secs()).expect("a time before the end of times"))
    }

    fn is_proxy(&self) -> bool {
        true
    }

    fn run(&mut self, exchange: &Exchange) -> Result<Outcome, EngineError> {
        self.runtime.block_on(self.exchange(exchange))
    }
}

/// The request as bytes (RFC 9112).
fn message(exchange: &Exchange) -> Vec<u8> {
    let mut message =
        format!("{} {} HTTP/1.1\r\nhost: {}\r\n", exchange.method, exchange.path, exchange.host);
    for (name, value) in &exchange.headers {
        message.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some((name, value)) = exchange.framing() {
        message.push_str(&format!("{name}: {value}\r\n"));
    }
    message.push_str("\r\n");
    let mut message = message.into_bytes();
    let body = exchange.body.as_deref().unwrap_or_default();
    if exchange.chunked {
        for chunk in body.chunks(body.len().div_ceil(2).max(1)) {
            message.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            message.extend(chunk);
            message.extend(b"\r\n");
        }
        message.extend(b"0\r\n");
        for (name, value) in &exchange.trailers {
            message.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        message.extend(b"\r\n");
    } else {
        message.extend(body);
    }
    message
}

fn script(upstream: &Upstream) -> Script {
    let headers = upstream.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Script::Respond {
        status: upstream.status,
        headers: headers.collect(),
        body: upstream.body.clone().into_bytes(),
    }
}

fn lower(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// Envoy's JSON format writes the status of what it rejected by itself as text.
fn numbered(mut record: Value) -> Value {
    if let Some(status) = record.pointer_mut("/executed/status")
        && let Some(number) = status.as_str().and_then(|text| text.parse::<u16>().ok())
    {
        *status = number.into();
    }
    record
}
