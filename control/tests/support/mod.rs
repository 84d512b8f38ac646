//! A running service with a clock that the test turns, and callers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "test code, shared by several tests"
)]

pub mod collector;
pub mod postgres;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use actgate_call::envelope::Envelope;
use actgate_control::{app::App, clock::Clock, config::Config, grant::GrantKey, store::Store};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub const BEGIN: i64 = 1_800_000_000;
pub const GATEWAY: &str = "gateway-demo";
pub const ALICE: &str = "demo/alice@demo";
pub const BOB: &str = "demo/bob@demo";
pub const BEA: &str = "demo/bea@demo";
pub const CAROL: &str = "demo/carol@demo";
pub const CODER: &str = "demo/spiffe://demo/agent/coder";

/// Alice and the agent are release managers too, so that only what they are keeps them from approving.
pub const CONFIG: &str = "
version: 1
public_url: http://console.test
issuer: https://control.demo
state: .
gateways:
  - { name: gateway-demo, token_file: gateway.token }
  - { name: gateway-other, token_file: other.token }
groups:
  - { name: release-managers }
  - { name: security }
  - { name: board, quorum: 2 }
ledger: { retention: 30d, readers: [security] }
limits: { pending_per_actor: 5, pending: 10m, approved: 5m, denied: 10m, session: 8h }
people:
  - { id: demo/alice@demo, name: Alice, groups: [release-managers, board] }
  - { id: 'demo/spiffe://demo/agent/coder', name: Coder, groups: [release-managers] }
  - { id: demo/lead@demo, name: Lead, groups: [release-managers] }
  - { id: demo/bob@demo, name: Bob, groups: [release-managers, board] }
  - { id: demo/bea@demo, name: Bea, groups: [board] }
  - { id: demo/carol@demo, name: Carol, groups: [security] }
  - { id: demo/nobody@demo, name: Nobody, groups: [] }
";

/// One replica.
pub struct Replica {
    pub app: Arc<App>,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    client: Client<HttpConnector, Full<Bytes>>,
    clock: Arc<AtomicI64>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The end of a problem's type, checked to be a problem.
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let body = self.json();
        assert_eq!(body["status"], self.status);
        body["type"].as_str().unwrap().strip_prefix("urn:actgate:control:").unwrap().to_owned()
    }
}

impl Replica {
    pub async fn start(folder: &Path, store: Store) -> Self {
        Self::start_with(folder, store, CONFIG).await
    }

    /// With the address that it listens on as its public one.
    pub async fn start_public(folder: &Path, store: Store) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public = format!("http://{}", listener.local_addr().unwrap());
        Self::start_on(listener, folder, store, &CONFIG.replace("http://console.test", &public)).await
    }

    pub async fn start_with(folder: &Path, store: Store, config: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, folder, store, config).await
    }

    pub async fn start_on(listener: TcpListener, folder: &Path, store: Store, config: &str) -> Self {
        Self::start_at(BEGIN, listener, folder, store, config).await
    }

    /// With a clock that begins at some time.
    pub async fn start_at(
        begin: i64,
        listener: TcpListener,
        folder: &Path,
        store: Store,
        config: &str,
    ) -> Self {
        let config = Config::parse(config, folder).unwrap();
        let key = GrantKey::in_file(&folder.join("grant-key.pem")).unwrap();
        let clock = Arc::new(AtomicI64::new(begin));
        let app = App::new(config, store, key, Clock::Turned(Arc::clone(&clock)), true).unwrap();
        let app = Arc::new(app);
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&app).serve(listener, async move { drop(stopped.await) });
        let served = tokio::spawn(async move { serving.await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { app, address, stop: Some(stop), served: Some(served), client, clock }
    }

    /// Ends it, its connections to the database included.
    pub async fn stop(mut self) {
        drop(self.client);
        drop(self.stop.take());
        self.served.take().unwrap().await.unwrap();
    }

    pub fn turn(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub async fn send(&self, request: hyper::http::request::Builder, body: Vec<u8>) -> Reply {
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub fn request(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        let request = self
            .request("POST", path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        self.send(request, body.to_string().into_bytes()).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        let request = self.request("GET", path).header("authorization", format!("Bearer {token}"));
        self.send(request, Vec::new()).await
    }

    pub fn gateway_token(&self, gateway: &str) -> String {
        let gateway = self.app.config.gateways.iter().find(|known| known.name == gateway).unwrap();
        std::fs::read_to_string(&gateway.token_file).unwrap().trim().to_owned()
    }

    /// Claims, as the demo's gateway does.
    pub async fn claim(&self, claim: &Value) -> Reply {
        self.post("/v1/claims", &self.gateway_token(GATEWAY), claim).await
    }

    /// Signs somebody in at a terminal.
    pub async fn token_of(&self, person: &str) -> String {
        let request = self.request("POST", "/v1/sessions").header("content-type", "application/json");
        let reply = self.send(request, json!({ "person": person }).to_string().into_bytes()).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Decides as somebody.
    pub async fn decide(&self, person: &str, id: &str, verb: &str, comment: &str) -> Reply {
        let token = self.token_of(person).await;
        let path = format!("/v1/approvals/{id}/{verb}");
        self.post(&path, &token, &json!({ "comment": comment })).await
    }

    /// One approval in full, as Carol sees it.
    pub async fn show(&self, id: &str) -> Value {
        let reply = self.get(&format!("/v1/approvals/{id}"), &self.token_of(CAROL).await).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    /// Opens an approval and returns its id.
    pub async fn pending(&self, claim: &Value) -> String {
        let reply = self.claim(claim).await;
        assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("pending")), "{}", reply.text);
        reply.json()["id"].as_str().unwrap().to_owned()
    }
}

/// A push to `main` of payments, in one of many variants; every one is another attempt.
pub fn claim(variant: u32) -> Value {
    let envelope = json!({
        "version": 1, "subject": ALICE, "actor": CODER, "service": "git",
        "calls": [{
            "action": "git.ref.update", "resource": "Git::Ref::\"payments/refs/heads/main\"",
            "arguments": { "old": "0".repeat(40), "new": format!("{variant:040x}"), "ref": "refs/heads/main" },
        }],
        "method": "POST", "path": "/git/payments.git/git-receive-pack", "query": "",
        "content_type": "application/x-git-receive-pack-request", "headers": {},
        "body": {
            "kind": "git", "push_options": [],
            "commands": [{ "ref": "refs/heads/main", "old": "0".repeat(40), "new": format!("{variant:040x}") }],
        },
    });
    claim_of(&envelope)
}

/// A claim of an envelope, with its true digest.
pub fn claim_of(envelope: &Value) -> Value {
    let typed: Envelope = serde_json::from_value(envelope.clone()).unwrap();
    json!({
        "version": 1, "claim": attempt(), "digest": typed.digest().unwrap().as_str(), "envelope": envelope,
        "groups": ["release-managers"], "policies": ["git.main-needs-release-managers"],
        "chain": [CODER, "demo/lead@demo"], "context": { "ticket": "CHG-1", "purpose": "fix the rounding" },
        "action_id": "019f0000-0000-7000-8000-000000000000", "audience": GATEWAY, "token_expires": BEGIN + 600,
    })
}

/// The same call, tried once more.
pub fn again(claim: &Value) -> Value {
    with(claim, "claim", json!(attempt()))
}

/// The same with another member.
pub fn with(value: &Value, member: &str, to: Value) -> Value {
    let mut changed = value.clone();
    changed[member] = to;
    changed
}

fn attempt() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
