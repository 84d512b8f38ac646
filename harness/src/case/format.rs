//! A case file as it is written. `docs/cases.md` is this file in prose.

mod value;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::mint::Tamper;

pub use value::{Act, Fields, Offset, SeenRequest, UpstreamSaw};

/// The whole file: either one request with its expectation, or `steps`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCase {
    pub(super) name: String,
    pub(super) pack: Option<String>,
    pub(super) config: Option<String>,
    pub(super) now: Option<String>,
    pub(super) request: Option<Request>,
    pub(super) token: Option<TokenPlan>,
    pub(super) upstream: Option<Upstream>,
    pub(super) expect: Option<Expectation>,
    pub(super) steps: Option<Vec<RawStep>>,
}

/// One of several requests in a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) request: Request,
    pub(super) token: Option<TokenPlan>,
    pub(super) upstream: Option<Upstream>,
    pub(super) expect: Expectation,
}

/// What the client sends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method, as it is on the wire.
    pub method: String,
    /// Path and query, as they are on the wire.
    pub path: String,
    /// Header fields; `${token}` in a value is the token.
    #[serde(default)]
    pub headers: Fields,
    /// The body as text.
    pub body: Option<String>,
    /// The body as base64, for what is no text.
    pub body_base64: Option<String>,
    /// The body as JSON, with the content type of it.
    pub json: Option<Value>,
    /// A push of these commands, with the content type of one; without any, the probe.
    pub git: Option<Vec<RefChange>>,
    /// The push options of that push.
    #[serde(default)]
    pub push_options: Vec<String>,
    /// Whether the body is sent in chunks, so that its length is not announced.
    #[serde(default)]
    pub chunked: bool,
    /// Fields behind the last chunk.
    #[serde(default)]
    pub trailers: Fields,
}

/// One command of a push.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefChange {
    /// The full name of the ref.
    #[serde(rename = "ref")]
    pub name: String,
    /// The object that it pointed to; one digit stands for forty of it, so that `0` is none.
    pub old: String,
    /// The object that it is to point to.
    pub new: String,
}

/// The token that comes with a request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPlan {
    /// The alias of the issuer.
    pub issuer: String,
    /// `sub`
    pub sub: String,
    /// `act`
    pub act: Option<Act>,
    /// Further claims; they replace those that the issuer's profile has anyway.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// The algorithm; the first one of the issuer where it is absent.
    pub alg: Option<String>,
    /// How long it is valid.
    #[serde(default = "five_minutes")]
    pub ttl: Offset,
    /// When it was issued, as seen from the time of the case.
    #[serde(default)]
    pub issued: Offset,
    /// `nbf`, as seen from the time of the case.
    pub not_before: Option<Offset>,
    /// The client's key, to which the token is bound, and the proof of it.
    pub dpop: Option<DpopPlan>,
    /// What is done to it in the end.
    #[serde(default)]
    pub tamper: Vec<Tamper>,
}

/// A token that is bound to its client's key (RFC 9449), and the proof that comes with the request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpopPlan {
    /// The algorithm of the client's key; ES256 where it is absent.
    pub alg: Option<String>,
    /// Whether the token says so (`cnf.jkt`).
    #[serde(default = "yes")]
    pub bound: bool,
    /// The scheme of the credential.
    #[serde(default = "dpop")]
    pub scheme: String,
    /// How many times the proof is sent.
    #[serde(default = "once")]
    pub proofs: usize,
    /// Whether somebody else signs it, who has a key of their own.
    #[serde(default)]
    pub stranger: bool,
    /// `htm`, where it is not the request's method.
    pub method: Option<String>,
    /// `htu`, where it is not the request's address.
    pub uri: Option<String>,
    /// `jti`; another one for each request where it is absent.
    pub jti: Option<String>,
    /// When it was made, as seen from the time of the case.
    #[serde(default)]
    pub issued: Offset,
    /// Members of its header in place of those that belong there; `null` takes one away.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// Its claims in place of those that belong there; `null` takes one away.
    #[serde(default)]
    pub claims: Map<String, Value>,
}

/// What the upstream answers where a request reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// The status.
    pub status: u16,
    /// Header fields besides `content-length`.
    pub headers: Fields,
    /// The body.
    pub body: String,
}

/// What must become of a request. What is left out is asserted too: no `policies` means none, no
/// `upstream_saw` means that nothing went up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The decision.
    pub decision: Verdict,
    /// The reason code of everything but `allow`.
    pub reason: Option<String>,
    /// The ids of the determining policies, in any order.
    #[serde(default)]
    pub policies: Vec<String>,
    /// The status that the client sees.
    pub status: u16,
    /// Members that the JSON body of the answer must have.
    pub body: Option<Value>,
    /// The whole answer, byte for byte, where it is not the upstream's own: a list that was cut, or what stands in its
    /// place.
    pub answer: Option<String>,
    /// What the upstream saw.
    #[serde(default)]
    pub upstream_saw: UpstreamSaw,
    /// Members that the ledger's record must have.
    pub events: Option<Events>,
    /// The status with which a proxy answers by itself, before any filter: such a request never gets to the gate.
    pub proxy_rejects: Option<u16>,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It went through.
    Allow,
    /// It was refused.
    Deny,
    /// It waits for people.
    Hold,
    /// It went through although it would have been refused: its service is only observed.
    Observe,
}

/// Parts of a ledger record, each as a subset of what must be there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Who tried what.
    pub attempted: Option<Value>,
    /// What was decided.
    pub decided: Option<Value>,
    /// What really happened.
    pub executed: Option<Value>,
    /// What the gate saw of the answer.
    pub answered: Option<Value>,
    /// The service.
    pub service: Option<Value>,
    /// The trace id.
    pub trace: Option<Value>,
}

// === impl Upstream ===

impl Default for Upstream {
    fn default() -> Self {
        Self { status: 200, headers: Fields::default(), body: "from upstream".to_owned() }
    }
}

// === impl Verdict ===

impl Verdict {
    /// The word in files and records.
    pub fn code(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hold => "hold",
            Self::Observe => "observe",
        }
    }

    /// Whether the request goes to the upstream.
    pub fn forwards(self) -> bool {
        match self {
            Self::Allow | Self::Observe => true,
            Self::Deny | Self::Hold => false,
        }
    }
}

// === impl Events ===

impl Events {
    /// The parts that are asserted, by name.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        let Self { attempted, decided, answered, executed, service, trace } = self;
        [
            ("attempted", attempted),
            ("decided", decided),
            ("answered", answered),
            ("executed", executed),
            ("service", service),
            ("trace", trace),
        ]
        .into_iter()
        .filter_map(|(name, part)| Some((name, part.as_ref()?)))
    }
}

const fn yes() -> bool {
    true
}

const fn once() -> usize {
    1
}

fn dpop() -> String {
    "DPoP".to_owned()
}

fn five_minutes() -> Offset {
    Offset::minutes(5)
}
