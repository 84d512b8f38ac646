//! Attempts that have to be stored before they go on.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    ONE, TWO, body_of,
    world::{ALICE, CODER, World, at},
};
use crate::{BodyProgress, Callout, CalloutAnswer, Gate, Step, TokenCache};

/// A push to a branch of the agent's own, which is permitted.
fn push() -> Vec<u8> {
    body_of(&[(ONE, TWO, "refs/heads/agent/x")], 10)
}

/// The gate of a permitted push that waits to be stored, and what it wants stored.
fn storing(world: &World, cache: &mut TokenCache) -> (Gate, Callout) {
    let authorization = format!("Bearer {}", world.token(ALICE, CODER));
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
    let body = push();
    let step = gate.on_headers(&world.authorizer, cache, &head, false, at(0));
    assert!(matches!(step, Step::AwaitBody), "{step:?}");
    let progress = BodyProgress { buffered: body.len(), complete: true };
    let read = |start: usize, length: usize| Some(body[start..][..length].to_vec());
    let step = gate.on_body(&world.authorizer, cache, progress, read, at(0));
    let Step::Callout(callout) = step else { panic!("{step:?}") };
    (gate, callout)
}

/// The receipt of a true service, and the record that it is of.
fn receipt(callout: &Callout) -> (Value, Value) {
    assert!(callout.headers.contains(&(":path".to_owned(), "/v1/attempts".to_owned())));
    let text = std::str::from_utf8(&callout.body).unwrap();
    let record = text.strip_prefix("{\"emitter\":\"gateway/attempts\",\"record\":").unwrap();
    let record = record.strip_suffix('}').unwrap();
    let digest = format!("sha-256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(record.as_bytes())));
    let record: Value = serde_json::from_str(record).unwrap();
    (json!({ "id": record["id"], "digest": digest }), record)
}

fn world() -> World {
    World::recording(&json!({ "delivery": "buffered", "writes": "durable", "cluster": "control" }))
}

#[test]
fn a_stored_attempt_goes_on_and_its_record_is_that_of_any_other() {
    let (world, mut cache) = (world(), TokenCache::default());
    let (mut gate, callout) = storing(&world, &mut cache);
    let (receipt, attempt) = receipt(&callout);
    assert_eq!(attempt["stage"], "attempted");
    assert_eq!(attempt["executed"], Value::Null);
    assert_eq!(attempt["decided"]["decision"], "allow");
    assert_eq!(gate.record(), None, "nothing is decided before it is stored");
    let body = receipt.to_string();
    let answer = CalloutAnswer { status: 200, body: body.as_bytes() };
    let step = gate.on_callout(&world.authorizer, &mut cache, Some(answer), at(1));
    let Step::Forward(forwarding) = step else { panic!("{step:?}") };
    assert_eq!(forwarding.marker(), "permit:git");
    let mut record: Value = serde_json::from_str(&format!("{}}}", gate.record().unwrap())).unwrap();
    assert_eq!(record["stage"], "decided");
    record["stage"] = "attempted".into();
    record["executed"] = Value::Null;
    assert_eq!(record, attempt, "they differ in nothing else");
}

#[test]
fn nothing_but_its_receipt_lets_an_attempt_go_on() {
    let world = world();
    let (ours, _) = receipt(&storing(&world, &mut TokenCache::default()).1);
    let with = |name: &str, value: Value| {
        let mut other = ours.clone();
        other[name] = value;
        Some((200, other.to_string()))
    };
    let answers: Vec<(&str, Option<(u16, String)>)> = vec![
        ("silence", None),
        ("an error", Some((500, ours.to_string()))),
        ("created", Some((201, ours.to_string()))),
        ("overload", Some((503, ours.to_string()))),
        ("nothing", Some((200, String::new()))),
        ("another's", with("id", "01a20e83-a248-7000-8000-f01a53894ec7".into())),
        ("of something else", with("digest", format!("sha-256:{}", "A".repeat(43)).into())),
        ("no digest", Some((200, json!({ "id": ours["id"] }).to_string()))),
        ("too long", Some((200, format!("{ours}{}", " ".repeat(2000))))),
    ];
    for (name, answer) in answers {
        let mut cache = TokenCache::default();
        let (mut gate, _) = storing(&world, &mut cache);
        let answer =
            answer.as_ref().map(|(status, body)| CalloutAnswer { status: *status, body: body.as_bytes() });
        let mut step = gate.on_callout(&world.authorizer, &mut cache, answer, at(1));
        // A refused push is drawn off first.
        if let Step::Discard(_) = step {
            let progress = BodyProgress { buffered: 0, complete: true };
            step = gate.on_body(&world.authorizer, &mut cache, progress, |_, _| None, at(1));
        }
        let Step::Reply(reply) = step else { panic!("{name}: {step:?}") };
        assert_eq!(reply.details, "actgate_ledger_unavailable", "{name}");
        assert!(
            gate.record().unwrap().contains("\"reason\":\"ledger_unavailable\",\"status\":503"),
            "{name}"
        );
    }
}

#[test]
fn only_what_is_let_through_and_has_an_effect_is_stored_first() {
    let world = world();
    let token = world.token(ALICE, CODER);
    let fetched = world.get("/git/payments.git/info/refs?service=git-upload-pack", &token);
    assert!(fetched.reply.is_none() && fetched.decision() == "allow");
    let denied = world.push("payments", &body_of(&[(ONE, TWO, "refs/heads/other")], 10), 1000);
    assert_eq!((denied.reply.is_some(), denied.decision()), (true, "deny"));
}

#[test]
fn a_client_that_leaves_meanwhile_is_an_aborted_request() {
    let (world, mut cache) = (world(), TokenCache::default());
    let (mut gate, _) = storing(&world, &mut cache);
    let record = gate.finish(&world.authorizer).unwrap();
    assert!(record.contains("\"stage\":\"aborted\"") && record.contains("\"decided\":null"), "{record}");
}

#[test]
fn a_configuration_says_where_and_what() {
    for (ledger, fault) in [
        (json!({ "delivery": "buffered" }), "`cluster` is missing"),
        (json!({ "delivery": "log", "cluster": "control" }), "would mean nothing"),
        (json!({ "writes": "durable" }), "would mean nothing"),
        (json!({ "delivery": "buffered", "cluster": "a b" }), "visible characters"),
        (json!({ "delivery": "durable", "cluster": "control", "emitter": "a/b" }), "emitter `a/b`"),
        (json!({ "delivery": "later" }), "unknown variant"),
    ] {
        let faults = World::try_recording(&ledger).err().unwrap_or_default();
        assert!(faults.contains(fault), "{ledger}: {faults}");
    }
}
