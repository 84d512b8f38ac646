//! Held pushes before an approval service that says anything.

use jwt_simple::prelude::*;
use serde_json::{Value, json};

use super::{
    ONE, TWO, ZERO, body_of,
    world::{ALICE, CODER, World, at},
};
use crate::{BodyProgress, Callout, CalloutAnswer, Gate, LocalReply, PackDocument, Step, TokenCache};

const CONTROL: &str = "https://control.demo";
const GATEWAY: &str = "gateway-demo";

/// The approval service: its key, and the world that trusts it.
struct Service {
    key: Ed25519KeyPair,
    world: World,
}

/// What became of a push.
struct Told {
    forwarded: bool,
    reply: Option<LocalReply>,
    claims: Vec<Value>,
    record: Value,
    outcome: Option<Value>,
}

impl Service {
    fn new() -> Self {
        Self::with_key(Ed25519KeyPair::generate().with_key_id("g"), |_| {})
    }

    fn with_key(key: Ed25519KeyPair, change: impl FnOnce(&mut PackDocument)) -> Self {
        Self::configured(key, change, 0)
    }

    fn configured(key: Ed25519KeyPair, change: impl FnOnce(&mut PackDocument), wait: u64) -> Self {
        let x = Base64UrlSafeNoPadding::encode_to_string(key.public_key().to_bytes()).unwrap();
        let approvals = json!({
            "groups": ["release-managers"],
            "wait": wait,
            "control": { "cluster": "control", "issuer": CONTROL, "audience": GATEWAY },
            "key": { "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "g", "x": x }] },
        });
        Self { world: World::with("enforce", &approvals, change), key }
    }

    /// The grant for a claim, changed.
    fn grant(&self, claim: &Value, change: impl FnOnce(&mut Value)) -> Value {
        let now = at(0).unix_time().seconds().unsigned_abs();
        let mut extra = json!({
            "digest": claim["digest"], "claim": claim["claim"], "approval": "a1",
            "act": { "sub": claim["envelope"]["actor"] },
            "groups": ["release-managers"], "approvers": ["demo/bob@demo"],
        });
        change(&mut extra);
        let mut claims = Claims::with_custom_claims(extra, Duration::from_secs(30))
            .with_issuer(CONTROL)
            .with_subject(claim["envelope"]["subject"].as_str().unwrap())
            .with_audience(GATEWAY)
            .with_jwt_id("j1");
        claims.issued_at = Some(Duration::from_secs(now));
        claims.expires_at = Some(Duration::from_secs(now.saturating_add(30)));
        claims.invalid_before = None;
        let options = HeaderOptions {
            signature_type: Some(actgate_token::GRANT_TYPE.to_owned()),
            ..HeaderOptions::default()
        };
        json!({ "state": "granted", "id": "a1", "grant": self.key.sign_with_options(claims, &options).unwrap() })
    }

    fn push(&self, body: &[u8], answer: impl Fn(&Value) -> Option<(u16, Value)>) -> Told {
        self.push_later(body, 0, answer)
    }

    /// A push that an answer reaches after `wait` seconds.
    fn push_later(&self, body: &[u8], wait: i64, answer: impl Fn(&Value) -> Option<(u16, Value)>) -> Told {
        let authorization = format!("Bearer {}", self.world.token(ALICE, CODER));
        let head = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "gate"),
            (":path", "/git/payments.git/git-receive-pack"),
            ("authorization", authorization.as_str()),
            ("content-type", "application/x-git-receive-pack-request"),
        ];
        let head: Vec<(&[u8], &[u8])> = head.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        let mut gate = Gate::new(at(0), [0; 10]).with_entropy(|| Some([7; 16]));
        let mut cache = TokenCache::default();
        let authorizer = &self.world.authorizer;
        let mut claims = Vec::new();
        let mut held = body.to_vec();
        let mut step = gate.on_headers(authorizer, &mut cache, &head, false, at(0));
        let (forwarded, reply) = loop {
            step = match step {
                Step::AwaitBody => {
                    let progress = BodyProgress { buffered: held.len(), complete: true };
                    let read = |start: usize, length: usize| Some(held[start..][..length].to_vec());
                    gate.on_body(authorizer, &mut cache, progress, read, at(0))
                }
                Step::Callout(callout) => {
                    let claim = read(&callout, "/v1/claims");
                    // What comes meanwhile waits too.
                    let progress = BodyProgress { buffered: held.len(), complete: true };
                    let idle = gate.on_body(authorizer, &mut cache, progress, |_, _| None, at(0));
                    assert!(matches!(idle, Step::AwaitBody), "{idle:?}");
                    assert_eq!(gate.record(), None);
                    let answer = answer(&claim).map(|(status, body)| (status, body.to_string()));
                    claims.push(claim);
                    let answer = answer
                        .as_ref()
                        .map(|(status, body)| CalloutAnswer { status: *status, body: body.as_bytes() });
                    gate.on_callout(authorizer, &mut cache, answer, at(wait))
                }
                Step::Discard(bytes) => {
                    held.drain(..bytes);
                    let progress = BodyProgress { buffered: held.len(), complete: true };
                    gate.on_body(authorizer, &mut cache, progress, |_, _| None, at(wait))
                }
                Step::HoldBack => panic!("so much is not pushed here"),
                Step::Forward(forwarding) => {
                    assert_eq!(forwarding.marker(), "permit:git");
                    break (true, None);
                }
                Step::Reply(reply) => break (false, Some(reply)),
            };
        };
        let record = serde_json::from_str(&format!("{}}}", gate.record().unwrap())).unwrap();
        let outcome = gate.claim_outcome(authorizer, || Some(200)).map(|told| read(&told, "/v1/outcomes"));
        assert_eq!(gate.claim_outcome(authorizer, || Some(200)), None, "told twice");
        Told { forwarded, reply, claims, record, outcome }
    }
}

/// A push to `main` that has been asked about, of which more is still to come; `more` are further header fields.
fn asked(service: &Service, more: &[(&str, &str)]) -> (Gate, TokenCache, Callout) {
    let authorization = format!("Bearer {}", service.world.token(ALICE, CODER));
    let head = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "gate"),
        (":path", "/git/payments.git/git-receive-pack"),
        ("authorization", authorization.as_str()),
        ("content-type", "application/x-git-receive-pack-request"),
    ];
    let head: Vec<(&[u8], &[u8])> =
        head.iter().chain(more).map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let mut gate = Gate::new(at(0), [0; 10]).with_entropy(|| Some([7; 16]));
    let mut cache = TokenCache::default();
    let authorizer = &service.world.authorizer;
    let step = gate.on_headers(authorizer, &mut cache, &head, false, at(0));
    assert!(matches!(step, Step::AwaitBody), "{step:?}");
    let body = main();
    let progress = BodyProgress { buffered: body.len(), complete: false };
    let read = |start: usize, length: usize| Some(body[start..][..length].to_vec());
    let step = gate.on_body(authorizer, &mut cache, progress, read, at(0));
    let Step::Callout(callout) = step else { panic!("{step:?}") };
    (gate, cache, callout)
}

fn read(callout: &Callout, path: &str) -> Value {
    let header = |name: &str| callout.headers.iter().find(|(own, _)| own == name).map(|(_, v)| v.as_str());
    assert_eq!(
        (callout.cluster.as_str(), header(":path"), header(":method")),
        ("control", Some(path), Some("POST"))
    );
    serde_json::from_slice(&callout.body).unwrap()
}

impl Told {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.reply.as_ref().unwrap().body).into_owned()
    }

    fn reason(&self) -> &str {
        self.record["decided"]["reason"].as_str().unwrap_or("-")
    }
}

fn main() -> Vec<u8> {
    body_of(&[(ONE, TWO, "refs/heads/main")], 100)
}

fn pending() -> (u16, Value) {
    (
        200,
        json!({ "state": "pending", "id": "a1", "url": "https://control.demo/approvals/a1", "expires": 1_900_000_000 }),
    )
}

#[test]
fn a_held_push_asks_and_tells_where_people_decide() {
    let told = Service::new().push(&main(), |_| Some(pending()));
    assert!(!told.forwarded);
    let text = told.text();
    assert!(text.contains("ng refs/heads/main approval required: release-managers"), "{text}");
    assert!(text.contains("https://control.demo/approvals/a1"), "{text}");
    assert_eq!(told.record["decided"]["approval"], "a1");
    assert_eq!((told.reason(), &told.outcome), ("approval_required", &None));
    let claim = &told.claims[0];
    assert_eq!(claim["groups"], json!(["release-managers"]));
    assert_eq!(claim["policies"], json!(["git.protected-needs-release-managers"]));
    assert_eq!(
        claim["envelope"]["body"],
        json!({ "kind": "git", "commands": [{ "ref": "refs/heads/main", "old": ONE, "new": TWO }], "push_options": [] })
    );
    let envelope: actgate_call::Envelope = serde_json::from_value(claim["envelope"].clone()).unwrap();
    assert_eq!(claim["digest"], envelope.digest().unwrap().as_str(), "people see what was hashed");
}

#[test]
fn a_grant_for_this_attempt_lets_it_through_once() {
    let service = Service::new();
    let told = service.push(&main(), |claim| Some((200, service.grant(claim, |_| {}))));
    assert!(told.forwarded, "{}", told.record);
    assert_eq!(told.record["decided"]["decision"], "allow");
    assert_eq!(
        told.record["approved"],
        json!({ "id": "a1", "grant": "j1", "groups": ["release-managers"], "approvers": ["demo/bob@demo"] })
    );
    let claim = told.claims[0]["claim"].clone();
    assert_eq!(told.outcome, Some(json!({ "claim": claim, "outcome": "forwarded", "status": 200 })));
}

#[test]
fn any_other_grant_lets_nothing_through() {
    let service = Service::new();
    let other = Service::new();
    let refused = |grant: &dyn Fn(&Value) -> Value| service.push(&main(), |claim| Some((200, grant(claim))));
    let set = |name: &'static str, value: Value| move |grant: &mut Value| grant[name] = value;
    let attempts: Vec<(&str, Told)> = vec![
        ("another key", refused(&|claim| other.grant(claim, |_| {}))),
        (
            "another attempt",
            refused(&|claim| service.grant(claim, set("claim", json!("AAAAAAAAAAAAAAAAAAAAAA")))),
        ),
        ("another call", refused(&|claim| service.grant(claim, set("digest", json!("sha-256:x"))))),
        ("another actor", refused(&|claim| service.grant(claim, set("act", json!({ "sub": "demo/x" }))))),
        (
            "own approval",
            refused(&|claim| service.grant(claim, set("approvers", json!(["demo/alice@demo"])))),
        ),
        ("no grant", refused(&|_| json!({ "state": "granted", "id": "a1", "grant": "x.y.z" }))),
    ];
    for (name, told) in attempts {
        assert!(!told.forwarded, "{name}");
        assert_eq!(told.reason(), "approval_unavailable", "{name}");
        assert_eq!(told.outcome.unwrap()["outcome"], "not_forwarded", "{name}");
    }
    // Groups that the policy does not ask for approve nothing, and nobody is asked a second time.
    let told = refused(&|claim| service.grant(claim, set("groups", json!(["security"]))));
    assert_eq!((told.forwarded, told.reason(), told.claims.len()), (false, "approval_required", 1));
    assert_eq!(told.outcome.unwrap()["outcome"], "not_forwarded");
}

#[test]
fn every_other_answer_refuses() {
    let service = Service::new();
    let cases: Vec<(Option<(u16, Value)>, &str)> = vec![
        (None, "approval_unavailable"),
        (Some((500, json!({}))), "approval_unavailable"),
        (Some((503, json!({}))), "approval_unavailable"),
        (Some((204, json!({}))), "approval_unavailable"),
        (Some((200, json!({}))), "approval_unavailable"),
        (Some((200, json!({ "state": "approved" }))), "approval_unavailable"),
        (Some((200, json!({ "state": "granted" }))), "approval_unavailable"),
        (Some((200, json!({ "state": "pending", "id": "a1" }))), "approval_unavailable"),
        (
            Some((200, json!({ "state": "pending", "id": "a1", "url": "javascript:x", "expires": 1 }))),
            "approval_unavailable",
        ),
        (
            Some((
                200,
                json!({ "state": "pending", "id": "a1", "url": "https://a/\u{1b}[2J", "expires": 1 }),
            )),
            "approval_unavailable",
        ),
        (Some((409, json!({ "state": "in_flight" }))), "approval_in_flight"),
        (Some((429, json!({}))), "approval_limit"),
        (
            Some((200, json!({ "state": "denied", "id": "a1", "comment": "not on a Friday" }))),
            "approval_denied",
        ),
        (
            Some((302, json!({ "state": "pending", "id": "a1", "url": "https://a/", "expires": 1 }))),
            "approval_unavailable",
        ),
    ];
    for (answer, reason) in cases {
        let told = service.push(&main(), |_| answer.clone());
        assert_eq!((told.forwarded, told.reason()), (false, reason), "{answer:?}");
        assert_eq!(told.outcome, None, "{answer:?}: nothing was consumed");
        assert!(told.reply.unwrap().status < 600);
    }
}

#[test]
fn what_changed_meanwhile_decides() {
    // The token expires while the answer is awaited.
    let service = Service::new();
    let told = service.push_later(&main(), 301, |claim| Some((200, service.grant(claim, |_| {}))));
    assert!(!told.forwarded);
    // The grant itself is over after 30 s.
    let told = service.push_later(&main(), 30, |claim| Some((200, service.grant(claim, |_| {}))));
    assert_eq!((told.forwarded, told.reason()), (false, "approval_unavailable"));
    // A bundle in which nobody may push at all: approval widens nothing.
    let stricter = Service::with_key(service.key, |pack| {
        let forbid = "@id(\"freeze\") @reason(\"frozen\") forbid (principal, action, resource);";
        pack.policies[0].text.push_str(forbid);
    });
    let told = stricter.push(&main(), |_| panic!("a denial asks nobody"));
    assert_eq!((told.forwarded, told.reason()), (false, "policy_denied"));
}

#[test]
fn every_part_of_a_push_is_in_its_digest() {
    let service = Service::new();
    let digest = |body: &[u8]| {
        let told = service.push(body, |_| Some(pending()));
        told.claims[0]["digest"].as_str().unwrap().to_owned()
    };
    let base = digest(&main());
    assert_eq!(base, digest(&main()), "the same call");
    assert_eq!(base, digest(&body_of(&[(ONE, TWO, "refs/heads/main")], 5000)), "the ids name the objects");
    for other in [
        body_of(&[(ONE, ONE, "refs/heads/main")], 100),
        body_of(&[(TWO, TWO, "refs/heads/main")], 100),
        body_of(&[(ZERO, TWO, "refs/heads/main")], 100),
        body_of(&[(ONE, TWO, "refs/heads/main"), (ZERO, ONE, "refs/heads/agent/x")], 100),
    ] {
        assert_ne!(base, digest(&other));
    }
}

#[test]
fn without_randomness_nobody_is_asked() {
    let service = Service::new();
    let authorization = format!("Bearer {}", service.world.token(ALICE, CODER));
    let head = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "gate"),
        (":path", "/git/payments.git/git-receive-pack"),
        ("authorization", authorization.as_str()),
        ("content-type", "application/x-git-receive-pack-request"),
    ];
    let head: Vec<(&[u8], &[u8])> = head.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let mut gate = Gate::new(at(0), [0; 10]);
    let mut cache = TokenCache::default();
    let authorizer = &service.world.authorizer;
    assert!(matches!(gate.on_headers(authorizer, &mut cache, &head, false, at(0)), Step::AwaitBody));
    let body = main();
    let progress = BodyProgress { buffered: body.len(), complete: true };
    let read = |start: usize, length: usize| Some(body[start..][..length].to_vec());
    gate.on_body(authorizer, &mut cache, progress, read, at(0));
    assert!(gate.record().unwrap().contains("approval_unavailable"));
}

/// The sender of a push that is asked about waits once so much is held that no more may come. Until then a refusal is told
/// at the end of the body, where git hears it; after that at once, since what is held can be thrown away no more.
#[test]
fn what_streams_behind_a_question_is_bounded() {
    let service = Service::new();
    let authorizer = &service.world.authorizer;
    let (status, body) = pending();
    let body = body.to_string();
    let answer = || Some(CalloutAnswer { status, body: body.as_bytes() });
    let limit = crate::gate::MAX_HELD_BYTES;
    // What is reported once the sender has to wait is no sum any more.
    for (comes, waits, told_at_once) in [
        (vec![(limit, false)], false, false),
        (vec![(limit + 1, false)], true, true),
        (vec![(limit + 1, false), (100, false)], true, true),
        (vec![(limit + 1, false), (100, true)], true, true),
        (vec![(limit, true)], false, true),
    ] {
        let (mut gate, mut cache, _) = asked(&service, &[]);
        for (buffered, complete) in &comes {
            let progress = BodyProgress { buffered: *buffered, complete: *complete };
            let step = gate.on_body(authorizer, &mut cache, progress, |_, _| None, at(0));
            assert_eq!(matches!(step, Step::HoldBack), waits, "{comes:?}: {step:?}");
        }
        let step = gate.on_callout(authorizer, &mut cache, answer(), at(0));
        assert_eq!(matches!(step, Step::Reply(_)), told_at_once, "{comes:?}: {step:?}");
        assert_eq!(matches!(step, Step::Discard(_)), !told_at_once, "{comes:?}: {step:?}");
    }
}

#[test]
fn a_call_waits_as_long_as_configured_and_no_longer_than_asked() {
    let key = || Ed25519KeyPair::generate().with_key_id("g");
    for (configured, asked_for, seconds) in [
        (0, None, 0),
        (0, Some("wait=10"), 0),
        (20, None, 20),
        (20, Some("wait=10"), 10),
        (20, Some("respond-async, wait=10"), 10),
        (20, Some("wait=0"), 0),
        (20, Some("wait=999999"), 20),
        (20, Some("wait=soon"), 20),
    ] {
        let service = Service::configured(key(), |_| {}, configured);
        let more: Vec<(&str, &str)> = asked_for.iter().map(|value| ("prefer", *value)).collect();
        let (_, _, callout) = asked(&service, &more);
        let prefer = callout.headers.iter().find(|(name, _)| name == "prefer").map(|(_, v)| v.as_str());
        let expected = (seconds > 0).then(|| format!("wait={seconds}"));
        assert_eq!(prefer, expected.as_deref(), "{configured}, {asked_for:?}");
        assert_eq!(
            callout.timeout_millis,
            3000 + seconds * 1000,
            "the service answers before it is given up"
        );
    }
}
