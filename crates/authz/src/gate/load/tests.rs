use serde_json::json;

use super::super::tests::world::{ALICE, CODER, World, at};
use crate::{BodyProgress, Gate, PUSH_BUFFER_BYTES, Step, TokenCache};

const KIND: &str = "application/x-git-receive-pack-request";

/// A push of whose body nothing has come.
struct Push {
    world: World,
    gate: Gate,
    cache: TokenCache,
    head: usize,
}

fn begun(approvals: &serde_json::Value) -> Push {
    let world = World::with("enforce", approvals, |_| {});
    let authorization = format!("Bearer {}", world.token(ALICE, CODER));
    let head = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "gate"),
        (":path", "/git/payments.git/git-receive-pack"),
        ("authorization", authorization.as_str()),
        ("content-type", KIND),
    ];
    let head: Vec<(&[u8], &[u8])> =
        head.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let mut gate = Gate::new(at(0), [0; 10]).with_entropy(|| Some([7; 16]));
    let mut cache = TokenCache::default();
    let step = gate.on_headers(&world.authorizer, &mut cache, &head, false, at(0));
    assert!(matches!(step, Step::AwaitBody), "{step:?}");
    let head = head.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
    Push { world, gate, cache, head }
}

impl Push {
    fn body(&mut self, body: &[u8], complete: bool) -> Step {
        let progress = BodyProgress { buffered: body.len(), complete };
        let read = |start: usize, length: usize| Some(body[start..][..length].to_vec());
        self.gate.on_body(&self.world.authorizer, &mut self.cache, progress, read, at(1))
    }
}

fn command(name: &str) -> Vec<u8> {
    let [old, new] = ["1", "2"].map(|digit| digit.repeat(40));
    let text = format!("{old} {new} refs/heads/{name}\0 report-status side-band-64k object-format=sha1");
    format!("{:04x}{text}0000PACK", text.len().saturating_add(4)).into_bytes()
}

fn nobody() -> serde_json::Value {
    json!({ "groups": ["release-managers"] })
}

#[test]
fn what_waits_is_counted_until_it_is_decided() {
    let mut push = begun(&nobody());
    assert_eq!(push.gate.held(), push.head);
    let body = command("agent/x");
    assert!(matches!(push.body(&body[..50], false), Step::AwaitBody));
    assert_eq!(push.gate.held(), push.head.saturating_add(50));
    assert!(matches!(push.body(&body, false), Step::Forward(_)));
    assert_eq!(push.gate.held(), 0);
    // A refusal is drawn off: nothing is held of it.
    let mut refused = begun(&nobody());
    assert!(matches!(refused.body(&command("other"), false), Step::Discard(_)));
    assert_eq!(refused.gate.held(), 0);
}

#[test]
fn a_push_that_is_asked_about_counts_as_what_may_come_of_it() {
    let approvals = json!({
        "groups": ["release-managers"],
        "control": { "cluster": "control", "issuer": "https://control.demo", "audience": "here" },
        "key": { "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "g",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }] },
    });
    let mut push = begun(&approvals);
    let step = push.body(&command("main"), false);
    assert!(matches!(step, Step::Callout(_)), "{step:?}");
    assert_eq!(push.gate.held(), push.head.saturating_add(PUSH_BUFFER_BYTES));
    // Whoever has no room for it asks nobody.
    let step = push.gate.on_overload(&push.world.authorizer, at(1));
    assert!(matches!(step, Step::Discard(_)), "{step:?}");
    assert!(
        push.gate.record().unwrap().contains("\"reason\":\"gate_overloaded\""),
        "{:?}",
        push.gate.record()
    );
    assert!(push.gate.claim_outcome(&push.world.authorizer, || None).is_none());
    assert_eq!(push.gate.held(), 0);
}

#[test]
fn without_room_a_request_is_refused_and_can_come_again() {
    let mut push = begun(&nobody());
    let step = push.gate.on_overload(&push.world.authorizer, at(1));
    let Step::Reply(reply) = step else { panic!("{step:?}") };
    assert_eq!((reply.status, push.gate.held()), (503, 0));
    assert!(reply.headers.contains(&("retry-after".to_owned(), "1".to_owned())), "{:?}", reply.headers);
    // What comes after is not decided anew.
    let step = push.body(&command("agent/x"), true);
    assert!(matches!(step, Step::Reply(_)), "{step:?}");
}
