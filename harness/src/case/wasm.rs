//! The plugin itself without Envoy: the real wasm in the wasmtime host, with the upstream's answer from the file.

use actgate_authz::BundleDocument;
use serde_json::Value;

use super::engine::{Engine, EngineError, Exchange, Outcome, Seen};
use super::format::Upstream as Answered;
use super::native::{head, record};
use super::setup::Setup;
use crate::host::{
    Answer, End, Entropy, Forwarded, Headers, LocalReply, Module, Plugin, Request, Response, Section, Shared,
    StreamInfo, Upstream, Vm,
};
use crate::route::{self, Route};

/// Plays cases through the plugin. The VM serves one case after the other, as Envoy's do.
#[derive(Debug)]
pub struct Wasm {
    vm: Vm,
    routes: Vec<Route>,
}

/// The sentinel, the router and the upstream behind the plugin.
struct Behind<'e> {
    routes: &'e [Route],
    exchange: &'e Exchange,
    seen: Vec<Seen>,
}

/// The filter state that the plugin leaves its record in.
const RECORD: &[u8] = b"wasm.actgate.record";

// === impl Wasm ===

impl Wasm {
    /// Starts a VM and configures the plugin with the bundle of `setup`.
    ///
    /// # Errors
    /// A plugin that does not start, or refuses the bundle.
    pub fn start(module: &Module, setup: &Setup, now: i64) -> Result<Self, EngineError> {
        let bundle = configuration(setup.bundle())?;
        let vm =
            Vm::load(module, Plugin::new("actgate", bundle), Shared::new(), Entropy::seeded(0), nanos(now))
                .map_err(|error| EngineError::Failed(error.to_string()))?;
        Ok(Self { vm, routes: setup.routes().to_vec() })
    }
}

impl Engine for Wasm {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn clock(&self) -> Option<i64> {
        None
    }

    fn is_proxy(&self) -> bool {
        false
    }

    fn run(&mut self, exchange: &Exchange) -> Result<Outcome, EngineError> {
        self.vm.set_time(nanos(exchange.now));
        let mut behind = Behind { routes: &self.routes, exchange, seen: Vec::new() };
        let done = self.vm.exchange(request(exchange), &mut behind);
        if let Some(failure) = done.failure {
            return Err(EngineError::Trapped(failure));
        }
        let client = match (done.end, done.client) {
            (End::Complete, Some(client)) => client,
            (End::Complete | End::Reset | End::Hangs, _) => {
                return Err(EngineError::Failed(format!("no response came: {:?}", done.end)));
            }
        };
        let details = done.info.details.as_deref().unwrap_or_default();
        let upstream = if behind.seen.is_empty() { "-" } else { "upstream" };
        let record = left_behind(&done.info, client.status(), details, upstream)?;
        Ok(Outcome {
            status: client.status(),
            headers: fields(&client.headers).filter(|(name, _)| !name.starts_with(':')).collect(),
            body: client.body(),
            touched: done.upstream.is_some(),
            seen: behind.seen,
            record,
            inquiry: None,
        })
    }
}

/// The record that the access log would print.
fn left_behind(info: &StreamInfo, status: u16, details: &str, upstream: &str) -> Result<Value, EngineError> {
    let open = info
        .filter_state
        .get(RECORD)
        .ok_or_else(|| EngineError::Failed("the plugin left no record".to_owned()))?;
    record(&String::from_utf8_lossy(open), status, details, upstream)
}

fn configuration(bundle: &BundleDocument) -> Result<String, EngineError> {
    serde_json::to_string(bundle).map_err(|error| EngineError::Failed(error.to_string()))
}

fn nanos(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or_default().saturating_mul(1_000_000_000)
}

/// The request as an HTTP/1.1 proxy hands it to its filters, the body in two parts.
fn request(exchange: &Exchange) -> Request {
    let mut chunks = Vec::new();
    if let Some(body) = exchange.body.as_deref().filter(|body| exchange.chunked || !body.is_empty()) {
        let (first, second) = body.split_at_checked(body.len() / 2).unwrap_or((body, &[]));
        chunks.extend([first.to_vec(), second.to_vec()]);
    }
    let trailers = (!exchange.trailers.is_empty()).then(|| Headers::new(exchange.trailers.iter().cloned()));
    Request { headers: Headers::new(head(exchange)), chunks, trailers, ..Request::default() }
}

// === impl Behind ===

impl Upstream for Behind<'_> {
    fn admit(&mut self, head: &Headers, info: &StreamInfo) -> Option<LocalReply> {
        route::admit(self.routes, head, info).err()
    }

    fn answer(&mut self, request: &Forwarded) -> Answer {
        let text = |name: &str| request.headers.text(name).unwrap_or_default().to_owned();
        let path = text(":path");
        let host = ("host".to_owned(), text(":authority"));
        let others = fields(&request.headers).filter(|(name, _)| !name.starts_with(':'));
        self.seen.push(Seen {
            method: text(":method"),
            path: route::find(self.routes, &host.1, &path)
                .map_or_else(|| path.clone(), |route| route.upstream_path(&path)),
            headers: std::iter::once(host).chain(others).collect(),
            body: request.body.clone(),
        });
        let Answered { status, headers, body } = self.exchange.upstream.clone().unwrap_or_default();
        let mut response = Response::new(status, body);
        for (name, value) in headers.iter() {
            response.headers.add(Section::Response, name.as_bytes(), value.as_bytes());
        }
        Answer::Response(response)
    }
}

fn fields(headers: &Headers) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|(name, value)| {
        (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned())
    })
}
