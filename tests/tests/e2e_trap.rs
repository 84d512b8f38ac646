//! A fault in the plugin, in a real Envoy: the request that caused it does not pass, others on that worker are refused for a
//! moment at most, and the ledger shows all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a failing test panics, and says so"
)]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use actgate_demo::recorder::{Recorder, Script};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome, Wire},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
};

const HEADER: &str = "x-test-trap";

/// What a module that has a fault on demand says of itself.
const ANNOUNCED: &str = "this module has a fault on demand";

/// Longest time for which a fault of one request may refuse others on its worker.
const MOMENT: Duration = Duration::from_secs(1);

fn contains(file: &Path, needle: &str) -> bool {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn the_module_that_is_shipped_has_no_fault_on_demand() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let shipped = setup.layout().plugin().unwrap();
    assert!(contains(&shipped, "is in force"), "what a module says can be found in it");
    assert!(!contains(&shipped, ANNOUNCED));
    if let Some(trap) = with_trap(&setup) {
        assert!(contains(&trap, ANNOUNCED), "and that too, where it is");
    }
}

/// The plugin with a fault on demand.
fn with_trap(setup: &Setup) -> Option<std::path::PathBuf> {
    let module = setup.root().join("target/actgate-trap.wasm");
    if module.is_file() {
        return Some(module);
    }
    assert!(std::env::var_os("CI").is_none(), "CI runs everything: `make wasm-trap`");
    eprintln!("SKIPPED: target/actgate-trap.wasm is not built: `make wasm-trap`");
    None
}

fn request(token: &str, trap: Option<&str>) -> Vec<u8> {
    let trap = trap.map_or(String::new(), |moment| format!("{HEADER}: {moment}\r\n"));
    format!(
        "GET /secrets/v1/kv/dev/db HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n{trap}\r\n"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_module_that_is_shipped_does_not_heed_the_header() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let issuer = Issuer::new();
    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let state = State::new(&setup, &Template::read(setup.root()));
    let behind = state.upstream(upstream.address());
    let gateway = Gateway::start(state, Departure::none(&setup, &issuer), behind).await;
    for moment in ["before", "after"] {
        match h1::send(gateway.address(), &request(&issuer.good(), Some(moment))).await {
            Outcome::Reply(reply) => assert_eq!(reply.status, 200, "{moment}"),
            other @ (Outcome::Closed | Outcome::Silence) => panic!("{moment}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_refuses_its_request_and_others_for_a_moment() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let Some(module) = with_trap(&setup) else { return };
    let issuer = Issuer::new();
    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let state = State::new(&setup, &Template::read(setup.root()));
    let departure = Departure { module: Some(module), ..Departure::none(&setup, &issuer) };
    let behind = state.upstream(upstream.address());
    let gateway = Gateway::start(state, departure, behind).await;
    let lines = ledger::from_now(&gateway.ledger());
    let token = issuer.good();

    let mut sent = 0;
    let ask = async |bytes: Vec<u8>| match h1::send(gateway.address(), &bytes).await {
        Outcome::Reply(reply) => reply.status,
        other @ (Outcome::Closed | Outcome::Silence) => panic!("no answer: {other:?}"),
    };
    assert_eq!(ask(request(&token, None)).await, 200);
    sent += 1;
    for moment in ["before", "after", "before"] {
        // A request of another client is under way on the same worker: its body is awaited.
        let mut other = Wire::connect(gateway.address()).await;
        let head = format!(
            "PUT /secrets/v1/kv/dev/db HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 20\r\n\r\n{{\"half\":"
        );
        other.write(head.as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;

        let before = upstream.seen().requests.len();
        let start = Instant::now();
        assert_eq!(ask(request(&token, Some(moment))).await, 503, "{moment}");
        assert_eq!(upstream.seen().requests.len(), before, "{moment}: the request with the fault passed");
        sent += 1;
        // Others get the truth or 503.
        let mut refused = 0;
        loop {
            let status = ask(request(&token, None)).await;
            sent += 1;
            match status {
                200 => break,
                503 => refused += 1,
                other => panic!("{moment}: {other}"),
            }
            assert!(start.elapsed() < MOMENT, "{moment}: refused {refused} times, for too long");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(upstream.seen().requests.len(), before + 1, "{moment}: only what was answered 200 passed");
        // What was under way when the VM died does not pass either.
        other.write(b" \"of a body\"}").await;
        match other.reply(Duration::from_secs(5)).await {
            Outcome::Reply(reply) => assert!(reply.status >= 400, "{moment}: {reply:?}"),
            Outcome::Closed => {}
            Outcome::Silence => panic!("{moment}: the other request hangs"),
        }
        sent += 1;
        assert_eq!(upstream.seen().requests.len(), before + 1, "{moment}");
        eprintln!("{moment}: others refused {refused} times, for {:?} at most", start.elapsed());
    }
    // Every request is in the ledger, those with the fault as refused by the proxy.
    let records = ledger::records(&lines, sent).await;
    assert_eq!(records.len(), sent);
    let passed = records.iter().filter(|record| record.was_forwarded()).count();
    assert_eq!(passed, upstream.seen().requests.len());
    let faults = records.iter().filter(|record| record.value()["executed"]["status"] == 503).count();
    assert!(faults >= 3, "{faults} records of 503");
}
