//! Keys that are fetched, through the plugin in the wasmtime host, where time is an argument: when workers ask, what they
//! share, and what becomes of tokens meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use std::fmt::Write as _;

use actgate_harness::host::{
    Answer, CalloutOutcome, Entropy, Forwarded, Headers, Module, ModuleOptions, Plugin, Request, Response,
    Shared, Upstream, Vm,
};
use actgate_tests::e2e::{
    bundle,
    setup::{Needs, Setup},
    tokens::{Issuer, now},
};
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000_000;

/// Workers of one proxy, and the issuer's server.
struct Fleet {
    workers: Vec<Vm>,
    module: Module,
    plugin: Plugin,
    shared: Shared,
    start: u64,
    seconds: u64,
    /// What the server answers; nothing where it does not.
    answer: CalloutOutcome,
    /// How often it was asked.
    asked: usize,
    /// What was asked and is not answered: by which worker, and under which token.
    pending: Vec<(usize, u32)>,
}

struct Everybody;

impl Upstream for Everybody {
    fn answer(&mut self, _: &Forwarded) -> Answer {
        Answer::Response(Response::new(200, "from the upstream"))
    }
}

impl Fleet {
    fn start(count: usize, source: &Value) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let options =
            ModuleOptions { cache: Some(setup.root().join("target/wasm-cache")), ..ModuleOptions::default() };
        let module = Module::read(&setup.layout().plugin().unwrap(), &options).expect("the plugin");
        let bundle = serde_json::to_string(&bundle::demo(setup.root(), source.clone())).unwrap();
        let plugin = Plugin {
            clusters: [("issuer".to_owned(), true)].into_iter().collect(),
            ..Plugin::new("actgate", bundle)
        };
        let start = u64::try_from(now()).unwrap();
        let mut fleet = Self {
            workers: Vec::new(),
            module,
            plugin,
            shared: Shared::new(),
            start,
            seconds: 0,
            answer: CalloutOutcome::Reset,
            asked: 0,
            pending: Vec::new(),
        };
        for _ in 0..count {
            fleet.add_worker();
        }
        Some(fleet)
    }

    fn add_worker(&mut self) {
        let now = (self.start + self.seconds) * SECOND;
        let seed = Entropy::seeded(u64::try_from(self.workers.len()).unwrap());
        let vm = Vm::load(&self.module, self.plugin.clone(), self.shared.clone(), seed, now);
        self.workers.push(vm.expect("a worker"));
    }

    fn publish(&mut self, issuers: &[&Issuer]) {
        let keys: Vec<Value> = issuers.iter().map(|issuer| issuer.key_set()["keys"][0].clone()).collect();
        self.answer = CalloutOutcome::response(200, json!({ "keys": keys }).to_string());
    }

    /// Lets time pass: every worker ticks once a second, and what is asked is answered in the next one.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.seconds += 1;
            let now = (self.start + self.seconds) * SECOND;
            for (worker, token) in std::mem::take(&mut self.pending) {
                self.workers[worker].set_time(now);
                self.workers[worker].answer_callout(token, self.answer.clone());
            }
            for (at, worker) in self.workers.iter_mut().enumerate() {
                worker.set_time(now);
                worker.tick();
                for callout in worker.take_callouts() {
                    assert_eq!(callout.headers.text(":path"), Some("/keys"), "only keys are asked for");
                    self.asked += 1;
                    self.pending.push((at, callout.token));
                }
            }
        }
    }

    /// What a worker says to a token.
    fn ask(&mut self, worker: usize, token: &str) -> String {
        let headers = Headers::new([
            (":method", "GET"),
            (":path", "/secrets/v1/kv/dev/db"),
            (":authority", "gateway.demo"),
            (":scheme", "http"),
            ("authorization", format!("Bearer {token}").as_str()),
        ]);
        let done = self.workers[worker].exchange(Request { headers, ..Request::default() }, &mut Everybody);
        let client = done.client.expect("a response");
        if client.status() == 200 {
            assert!(done.upstream.is_some());
            return "200".to_owned();
        }
        assert!(done.upstream.is_none(), "the upstream was touched by a refused request");
        let body: Value = serde_json::from_slice(&client.body()).expect("a problem document");
        let retry =
            client.headers.text("retry-after").map_or(String::new(), |after| format!(" retry {after}"));
        format!("{} {}{retry}", client.status(), body["reason"].as_str().expect("a reason"))
    }
}

const UNAVAILABLE: &str = "503 token_keys_unavailable retry 1";
const UNKNOWN: &str = "401 token_key_unknown";

fn source() -> Value {
    json!({ "jwks_uri": "http://issuer.demo/keys", "cluster": "issuer", "refresh": "5m", "max_age": "1h" })
}

#[test]
fn workers_ask_once_and_share() {
    let Some(mut fleet) = Fleet::start(4, &source()) else { return };
    let issuer = Issuer::new();
    fleet.publish(&[&issuer]);
    for worker in 0..4 {
        assert_eq!(fleet.ask(worker, &issuer.good()), UNAVAILABLE, "nobody has keys yet");
    }
    fleet.pass(3);
    for worker in 0..4 {
        assert_eq!(fleet.ask(worker, &issuer.good()), "200", "worker {worker}");
    }
    assert_eq!(fleet.asked, 1, "one worker asks for all");
    // A worker that comes later, or was loaded anew after a trap, begins with what there is.
    fleet.add_worker();
    assert_eq!(fleet.ask(4, &issuer.good()), "200");
    fleet.pass(290);
    assert_eq!(fleet.asked, 1);
    fleet.pass(20);
    assert_eq!(fleet.asked, 2, "five minutes are over");
}

#[test]
fn keys_rotate_without_a_gap() {
    let Some(mut fleet) = Fleet::start(2, &source()) else { return };
    let (old, new) = (Issuer::new(), Issuer::new());
    fleet.publish(&[&old]);
    fleet.pass(3);
    assert_eq!(fleet.ask(0, &old.good()), "200");
    fleet.publish(&[&old, &new]);
    fleet.pass(303);
    let kept = old.good();
    for worker in 0..2 {
        assert_eq!(fleet.ask(worker, &kept), "200");
        assert_eq!(fleet.ask(worker, &new.good()), "200");
    }
    // The old key goes, and takes the tokens that are cached with it.
    fleet.publish(&[&new]);
    fleet.pass(303);
    for worker in 0..2 {
        assert_eq!(fleet.ask(worker, &kept), UNKNOWN);
        assert_eq!(fleet.ask(worker, &new.good()), "200");
    }
    assert_eq!(fleet.asked, 3);
}

#[test]
fn an_unknown_key_is_fetched_at_once_and_ten_thousand_are_no_more_than_one_a_minute() {
    let Some(mut fleet) = Fleet::start(2, &source()) else { return };
    let (old, new) = (Issuer::new(), Issuer::new());
    fleet.publish(&[&old]);
    fleet.pass(3);
    assert_eq!((fleet.ask(0, &old.good()), fleet.asked), ("200".to_owned(), 1));
    // Within the minute a new key is not asked for.
    fleet.publish(&[&old, &new]);
    assert_eq!(fleet.ask(0, &new.good()), UNKNOWN);
    fleet.pass(60);
    assert_eq!(fleet.asked, 1);
    // After it, it is, and a client that tries again gets through.
    assert_eq!(fleet.ask(0, &new.good()), UNAVAILABLE);
    fleet.pass(3);
    assert_eq!(fleet.ask(0, &new.good()), "200");
    assert_eq!(fleet.ask(1, &new.good()), "200");
    assert_eq!(fleet.asked, 2);

    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..125 {
        for worker in 0..2 {
            let stranger = Issuer::new();
            // One genuine signature each is enough; what is unknown is the name of the key.
            for _ in 0..40 {
                *answers.entry(fleet.ask(worker, &stranger.good())).or_insert(0) += 1;
            }
        }
        fleet.pass(1);
    }
    let mut told = String::new();
    for (answer, count) in &answers {
        write!(told, "{answer}: {count}; ").unwrap();
    }
    assert_eq!(answers.values().sum::<i32>(), 10_000);
    assert!(answers.keys().all(|answer| answer == UNKNOWN || answer == UNAVAILABLE), "{told}");
    assert!((1..=3).contains(&(fleet.asked - 2)), "{} requests in 125 seconds; {told}", fleet.asked - 2);
    assert_eq!(fleet.ask(0, &old.good()), "200");
}

#[test]
fn a_server_that_fails_keeps_the_old_keys_until_they_are_too_old() {
    let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(600 * 1024));
    let failures: [(&str, CalloutOutcome); 7] = [
        ("broken off", CalloutOutcome::Reset),
        ("timed out", CalloutOutcome::response(504, "upstream request timeout")),
        ("down", CalloutOutcome::response(503, "no healthy upstream")),
        ("elsewhere", CalloutOutcome::response(302, r#"{"keys":[]}"#)),
        ("lies", CalloutOutcome::response(200, "<html>sign in</html>")),
        ("other JSON", CalloutOutcome::response(200, r#"{"error":"later"}"#)),
        ("huge", CalloutOutcome::response(200, huge)),
    ];
    for (name, failure) in failures {
        let Some(mut fleet) = Fleet::start(1, &source()) else { return };
        let issuer = Issuer::new();
        fleet.publish(&[&issuer]);
        fleet.pass(3);
        fleet.answer = failure;
        fleet.pass(3590);
        let asked = fleet.asked;
        assert!((50..=62).contains(&asked), "{name}: once a minute, not {asked} times in an hour");
        let token = fleet.late(&issuer);
        assert_eq!(fleet.ask(0, &token), "200", "{name}");
        fleet.pass(20);
        assert_eq!(
            fleet.ask(0, &token),
            UNAVAILABLE,
            "{name}: an hour is over, and the token is in the cache"
        );
        // It mends by itself.
        fleet.publish(&[&issuer]);
        fleet.pass(70);
        let token = fleet.late(&issuer);
        assert_eq!(fleet.ask(0, &token), "200", "{name}");
    }
}

#[test]
fn one_bad_key_does_not_spoil_the_set_and_an_empty_set_withdraws_all() {
    let Some(mut fleet) = Fleet::start(1, &source()) else { return };
    let (good, twice, other) = (Issuer::new(), Issuer::new(), Issuer::new());
    let mut again = other.key_set()["keys"][0].clone();
    again["kid"] = twice.kid().into();
    let mixed = json!({ "keys": [
        7, {}, { "kty": "oct", "k": "c2VjcmV0" }, { "kty": "AKP", "alg": "ML-DSA-65", "kid": "later" },
        twice.key_set()["keys"][0], again, good.key_set()["keys"][0],
    ] });
    fleet.answer = CalloutOutcome::response(200, mixed.to_string());
    fleet.pass(3);
    assert_eq!(fleet.ask(0, &good.good()), "200");
    assert_eq!(fleet.ask(0, &twice.good()), UNKNOWN, "who signed it would be a matter of order");
    fleet.answer = CalloutOutcome::response(200, r#"{"keys":[]}"#);
    fleet.pass(303);
    assert_eq!(fleet.ask(0, &good.good()), UNKNOWN);
}

#[test]
fn a_worker_that_dies_while_it_asks_is_replaced_by_another() {
    let Some(mut fleet) = Fleet::start(2, &source()) else { return };
    let issuer = Issuer::new();
    fleet.publish(&[&issuer]);
    // The first to tick asks, and never hears.
    fleet.seconds += 1;
    let now = (fleet.start + fleet.seconds) * SECOND;
    fleet.workers[0].set_time(now);
    fleet.workers[0].tick();
    assert_eq!(fleet.workers[0].take_callouts().len(), 1);
    fleet.workers.remove(0);
    fleet.pass(4);
    assert_eq!(fleet.ask(0, &issuer.good()), UNAVAILABLE);
    fleet.pass(5);
    assert_eq!(fleet.ask(0, &issuer.good()), "200");
}

#[test]
fn a_cluster_that_is_not_there_refuses_and_says_so() {
    let source = json!({ "jwks_uri": "http://issuer.demo/keys", "cluster": "nowhere" });
    let Some(mut fleet) = Fleet::start(1, &source) else { return };
    fleet.workers[0].take_log();
    fleet.pass(2);
    assert_eq!(fleet.ask(0, &Issuer::new().good()), UNAVAILABLE);
    let Some(mut fleet) = Fleet::start(1, &source) else { return };
    fleet.workers[0].take_log();
    fleet.workers[0].set_time((fleet.start + 1) * SECOND);
    fleet.workers[0].tick();
    let log = fleet.workers[0].take_log();
    let said = log.iter().any(|line| line.message.contains("cluster `nowhere` cannot be asked"));
    assert!(said, "{log:?}");
}

impl Fleet {
    /// A token that is issued at the fleet's time.
    fn late(&self, issuer: &Issuer) -> String {
        let issued_at = i64::try_from(self.start + self.seconds).unwrap();
        issuer.mint(&actgate_harness::mint::TokenSpec { issued_at, ..actgate_tests::e2e::tokens::alice() })
    }
}
