//! What the plugin costs, in the wasmtime host: a laboratory, and the requests that are played in it.

use actgate_authz::BundleDocument;
use actgate_harness::host::{
    Answer, Entropy, Exchange, Forwarded, Headers, Module, ModuleOptions, Plugin, Request, Response, Shared,
    Upstream, Usage, Vm,
};
use actgate_harness::mint::TokenSpec;
use serde_json::json;

use crate::e2e::{
    bundle,
    setup::{Needs, Setup},
    tokens::{Issuer, alice, now},
};

/// The module, compiled so that it counts.
#[derive(Debug)]
pub struct Laboratory {
    setup: Setup,
    module: Module,
    issuer: Issuer,
}

/// A kind of request of which the costs are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Permitted on its head, with a token that was seen before.
    Allow,
    /// Denied.
    Deny,
    /// Approval is missing.
    Hold,
    /// Without a token.
    NoToken,
    /// Permitted, with an ES256 token that was never seen before.
    Cold,
    /// An MCP call of 1 KiB, permitted.
    Mcp,
    /// A small push, permitted.
    Push,
}

struct Everybody;

// === impl Laboratory ===

impl Laboratory {
    /// The plugin as `make wasm` leaves it; nothing where the machine lacks what is needed.
    ///
    /// # Panics
    /// Where it does not compile.
    pub fn open() -> Option<Self> {
        Self::with(true, false)
    }

    /// The same, in which [`Vm::trace`] can be asked.
    ///
    /// # Panics
    /// Where it does not compile.
    pub fn tracing() -> Option<Self> {
        Self::with(false, true)
    }

    fn with(fuel: bool, trace: bool) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let cache = Some(setup.root().join("target/wasm-cache"));
        let options = ModuleOptions { cache, fuel, trace, ..ModuleOptions::default() };
        let module = Module::read(&setup.layout().plugin().unwrap(), &options).expect("the plugin");
        Some(Self { setup, module, issuer: Issuer::new() })
    }

    /// What the machine has.
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The demo's bundle with the laboratory's key.
    pub fn bundle(&self) -> BundleDocument {
        bundle::demo(self.setup.root(), self.issuer.key_set())
    }

    /// A worker with a bundle.
    ///
    /// # Panics
    /// Where it does not load.
    pub fn vm(&self, bundle: &BundleDocument) -> Vm {
        let mut plugin = Plugin::new("actgate", serde_json::to_string(bundle).unwrap());
        plugin.clusters.insert("control".to_owned(), true);
        let now = u64::try_from(now()).unwrap() * 1_000_000_000;
        Vm::load(&self.module, plugin, Shared::new(), Entropy::seeded(1), now).expect("a VM")
    }

    /// A request of a scenario. Requests of different numbers have different tokens, of the same length.
    pub fn request(&self, scenario: Scenario, number: usize) -> Request {
        let token = self.issuer.mint(&TokenSpec { token_id: format!("costs-{number:06}"), ..alice() });
        match scenario {
            Scenario::Allow | Scenario::Cold => get("/secrets/v1/kv/dev/db", Some(&token)),
            Scenario::Deny => get("/secrets/v1/kv/none/db", Some(&token)),
            Scenario::Hold => get("/secrets/v1/kv/prod/db", Some(&token)),
            Scenario::NoToken => get("/secrets/v1/kv/dev/db", None),
            Scenario::Mcp => mcp(&token),
            Scenario::Push => push(&token),
        }
    }
}

// === impl Scenario ===

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Allow, Self::Deny, Self::Hold, Self::NoToken, Self::Cold, Self::Mcp, Self::Push];

    /// As the table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hold => "hold",
            Self::NoToken => "no-token",
            Self::Cold => "cold-es256",
            Self::Mcp => "mcp-1kib",
            Self::Push => "git-push",
        }
    }

    /// What the client is answered.
    pub const fn status(self) -> u16 {
        match self {
            Self::Allow | Self::Cold | Self::Mcp | Self::Push => 200,
            Self::Deny | Self::Hold => 403,
            Self::NoToken => 401,
        }
    }
}

impl Upstream for Everybody {
    fn answer(&mut self, _: &Forwarded) -> Answer {
        Answer::Response(Response::new(200, "ok"))
    }
}

/// Plays a request before an upstream that has an answer to everything.
///
/// # Panics
/// Where the client is not answered with that status.
pub fn played(vm: &mut Vm, request: &Request, status: u16) -> Exchange {
    let done = vm.exchange(request.clone(), &mut Everybody);
    let client = done.client.as_ref().expect("a response");
    assert_eq!(client.status(), status, "{}", String::from_utf8_lossy(&client.body()));
    done
}

/// Counts a request that was made before, so that nothing is done for the first time.
///
/// # Panics
/// As [`played`].
pub fn warm(vm: &mut Vm, request: &Request, status: u16) -> Usage {
    let mut usage = Usage::default();
    for _ in 0..3 {
        usage = played(vm, request, status).usage;
    }
    usage
}

fn head(method: &str, path: &str, token: Option<&str>, more: &[(&str, &str)]) -> Headers {
    let authorization = token.map(|token| ("authorization", format!("Bearer {token}")));
    let fields = [(":method", method), (":path", path), (":authority", "gateway.demo"), (":scheme", "http")];
    let fields = fields.iter().chain(more).copied();
    Headers::new(fields.chain(authorization.iter().map(|(name, value)| (*name, value.as_str()))))
}

fn get(path: &str, token: Option<&str>) -> Request {
    let headers = head("GET", path, token, &[("user-agent", "costs/1"), ("accept", "*/*")]);
    Request { headers, ..Request::default() }
}

/// An MCP call of about 1 KiB.
fn mcp(token: &str) -> Request {
    let text = "x".repeat(820);
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "write_file", "arguments": { "path": "drafts/note.txt", "content": text } },
    });
    let body = body.to_string().into_bytes();
    let headers = head(
        "POST",
        "/mcp",
        Some(token),
        &[
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2025-06-18"),
            ("content-length", body.len().to_string().as_str()),
        ],
    );
    Request { headers, chunks: vec![body], ..Request::default() }
}

/// A push of one branch with a pack of 4 KiB, in one piece: what git sends where it does not exceed `http.postBuffer`.
fn push(token: &str) -> Request {
    let command = format!(
        "{:040x} {} refs/heads/agent/costs\0 report-status side-band-64k object-format=sha1 agent=git/2.47.3",
        0,
        "5".repeat(40)
    );
    let mut body = format!("{:04x}{command}0000PACK", command.len() + 4).into_bytes();
    body.resize(body.len() + 4096, b'x');
    let headers = head(
        "POST",
        "/git/payments.git/git-receive-pack",
        Some(token),
        &[
            ("user-agent", "git/2.47.3"),
            ("content-type", "application/x-git-receive-pack-request"),
            ("accept", "application/x-git-receive-pack-result"),
            ("content-length", body.len().to_string().as_str()),
        ],
    );
    Request { headers, chunks: vec![body], ..Request::default() }
}
