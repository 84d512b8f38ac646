//! Keys that are fetched, through a real Envoy with two workers and a real server of keys: rotation, withdrawal, every way
//! in which the server fails, and a flood of unknown keys. When what is asked is `keys.rs`'s affair, where time passes fast.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use actgate_demo::recorder::{Recorder, Script};
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome, Wire},
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
};
use serde_json::{Value, json};

const UNAVAILABLE: &str = "503 token_keys_unavailable retry 1";
const UNKNOWN: &str = "401 token_key_unknown";
const LIMIT: Duration = Duration::from_secs(40);

/// A gateway, the server of keys, and what is behind the gateway.
struct Stage {
    gateway: Gateway,
    keys: Recorder,
    upstream: Recorder,
}

impl Stage {
    async fn set(keys: Script, timing: Value) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let keys = Recorder::start(keys).await.expect("a server of keys");
        let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
        let mut template = Template::read(setup.root());
        template.add_cluster("issuer", keys.address());
        let mut source = json!({ "jwks_uri": "http://issuer.demo/keys", "cluster": "issuer" });
        source.as_object_mut().unwrap().extend(timing.as_object().unwrap().clone());
        let bundle = serde_json::to_string(&bundle::demo(setup.root(), source)).unwrap();
        let state = State::new(&setup, &template);
        let departure = Departure { workers: 2, ..Departure::configured(bundle) };
        let behind = state.upstream(upstream.address());
        let gateway = Gateway::start(state, departure, behind).await;
        Some(Self { gateway, keys, upstream })
    }

    /// What the gateway says to a token, on a connection of its own: on either worker.
    async fn ask(&self, token: &str) -> String {
        let before = self.upstream.seen().requests.len();
        let reply = match h1::send(self.gateway.address(), &request(token)).await {
            Outcome::Reply(reply) => reply,
            other @ (Outcome::Closed | Outcome::Silence) => panic!("no answer: {other:?}"),
        };
        let passed = self.upstream.seen().requests.len() - before;
        assert_eq!(passed, usize::from(reply.status == 200), "{reply:?}");
        summary(&reply)
    }

    /// Waits until the keys have been fetched once more.
    async fn refreshed(&self) {
        const NAME: &str = "wasmcustom.actgate_key_fetches_succeeded";
        let before = self.gateway.stat(NAME).await.unwrap_or(0);
        let start = Instant::now();
        while self.gateway.stat(NAME).await.unwrap_or(0) == before {
            assert!(start.elapsed() < LIMIT, "no keys are fetched");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The same until it is `expected` on several connections in a row, so on both workers; how long it took.
    async fn until(&self, token: &str, expected: &str) -> Duration {
        let start = Instant::now();
        let mut row = 0;
        while row < 12 {
            let said = self.ask(token).await;
            row = if said == expected { row + 1 } else { 0 };
            assert!(start.elapsed() < LIMIT, "`{expected}` did not come, but `{said}`");
            if row == 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        start.elapsed()
    }
}

fn request(token: &str) -> Vec<u8> {
    format!(
        "GET /secrets/v1/kv/dev/db HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

fn summary(reply: &h1::Reply) -> String {
    if reply.status == 200 {
        return "200".to_owned();
    }
    let retry = reply.header("retry-after").map_or(String::new(), |after| format!(" retry {after}"));
    format!("{} {}{retry}", reply.status, reply.json()["reason"].as_str().expect("a reason"))
}

fn published(issuers: &[&Issuer]) -> Script {
    let keys: Vec<Value> = issuers.iter().map(|issuer| issuer.key_set()["keys"][0].clone()).collect();
    json(&json!({ "keys": keys }).to_string())
}

fn json(text: &str) -> Script {
    let headers = vec![("content-type".to_owned(), "application/jwk-set+json".to_owned())];
    Script::Respond { status: 200, headers, body: text.as_bytes().to_vec() }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_rotate_and_are_withdrawn() {
    let Some(stage) = Stage::set(Script::text(500, "not yet"), json!({ "refresh": "1s" })).await else {
        return;
    };
    let (old, new) = (Issuer::new(), Issuer::new());
    // A cold start without keys refuses.
    assert_eq!(stage.ask(&old.good()).await, UNAVAILABLE);
    stage.keys.answer(published(&[&old]));
    let kept = old.good();
    stage.until(&kept, "200").await;
    stage.keys.answer(published(&[&new, &old]));
    stage.until(&new.good(), "200").await;
    assert_eq!(stage.ask(&kept).await, "200", "old and new overlap");
    stage.keys.answer(published(&[&new]));
    // Tokens of the old key are in the caches of both workers, and pass no longer.
    stage.until(&kept, UNKNOWN).await;
    assert_eq!(stage.ask(&new.good()).await, "200");
    // What is asked is what was configured.
    let seen = stage.keys.seen();
    let request = seen.requests.last().expect("it was asked");
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/keys"));
    assert_eq!(request.header("host").collect::<Vec<_>>(), ["issuer.demo"]);
    assert!(stage.gateway.stat("wasmcustom.actgate_key_fetches_succeeded").await.unwrap() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_changes_nothing_until_the_keys_are_too_old() {
    let issuer = Issuer::new();
    let timing = json!({ "refresh": "1s", "max_age": "20s" });
    let Some(stage) = Stage::set(published(&[&issuer]), timing).await else { return };
    let token = issuer.good();
    let huge = format!(r#"{{"keys":[],"padding":"{}"}}"#, "x".repeat(8 << 20));
    let failures = [
        ("down", Script::Close),
        ("error", Script::text(500, "broken")),
        ("a page", Script::text(200, "<html>sign in</html>")),
        ("not found", Script::text(404, r#"{"keys":[]}"#)),
        ("huge", json(&huge)),
        ("garbage", Script::Raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec())),
        ("slow", Script::Hang),
        ("half", Script::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"keys\":[".to_vec())),
    ];
    for (name, failure) in failures {
        // The pause after a failure is as long as the pause between refreshes here, so that it mends soon.
        stage.refreshed().await;
        let asked = stage.keys.seen().requests.len();
        stage.keys.answer(failure);
        let start = Instant::now();
        // In the first seconds, whatever the server does, the old keys count.
        while start.elapsed() < Duration::from_millis(3500) {
            assert_eq!(stage.ask(&token).await, "200", "{name}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(stage.keys.seen().requests.len() > asked, "{name}: it was asked meanwhile");
        stage.keys.answer(published(&[&issuer]));
    }
    // Where nothing mends it, the keys are too old in the end, and tokens in the cache are no exception.
    stage.refreshed().await;
    stage.keys.answer(Script::text(500, "broken"));
    let start = Instant::now();
    stage.until(&token, UNAVAILABLE).await;
    assert!(start.elapsed() > Duration::from_secs(15), "not before they are old: {:?}", start.elapsed());
    // And it mends by itself.
    stage.keys.answer(published(&[&issuer]));
    stage.until(&token, "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unknown_keys_ask_once_a_minute_at_most() {
    let issuer = Issuer::new();
    let Some(stage) = Stage::set(published(&[&issuer]), json!({ "refresh": "1h", "max_age": "2h" })).await
    else {
        return;
    };
    stage.until(&issuer.good(), "200").await;
    let first = stage.keys.seen().requests.len();
    assert_eq!(first, 1, "one worker asks for both");
    let start = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let address = stage.gateway.address();
        clients.spawn(async move {
            let mut wire = Wire::connect(address).await;
            let mut answers: BTreeMap<String, usize> = BTreeMap::new();
            for _ in 0..50 {
                let stranger = Issuer::new().good();
                for _ in 0..50 {
                    wire.write(&request(&stranger)).await;
                    let Outcome::Reply(reply) = wire.reply(LIMIT).await else { panic!("no answer") };
                    *answers.entry(summary(&reply)).or_default() += 1;
                }
            }
            answers
        });
    }
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for part in clients.join_all().await {
        for (answer, count) in part {
            *answers.entry(answer).or_default() += count;
        }
    }
    let minutes = usize::try_from(start.elapsed().as_secs() / 60).unwrap() + 1;
    assert_eq!(answers.values().sum::<usize>(), 10_000);
    assert!(answers.keys().all(|answer| answer == UNKNOWN || answer == UNAVAILABLE), "{answers:?}");
    let asked = stage.keys.seen().requests.len() - first;
    assert!(asked <= minutes, "{asked} requests in {:?}: {answers:?}", start.elapsed());
    assert_eq!(stage.ask(&issuer.good()).await, "200");
}
