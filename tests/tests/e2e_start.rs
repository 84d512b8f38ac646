//! How Envoy starts with the plugin: everything is compiled before it listens, so that the first request of every kind pays
//! for nothing but itself, and starting leaves no trace in counters or the ledger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a failing test panics, and says so"
)]

use std::{fs, time::Duration};

use actgate_demo::recorder::{Recorder, Script};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
};
use serde_json::json;

/// Processor time of a first request, of whatever kind: some 1 ms is usual, for memory that is touched for the first time. To
/// compile what one way through the gate executes would take some 100 ms.
const FIRST: Duration = Duration::from_millis(30);

/// What Envoy's first worker has worked by now: what else the machine does is not in it.
fn worked(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    for thread in threads {
        let folder = thread.expect("a thread").path();
        if fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim() == "wrk:worker_0") {
            let spent = fs::read_to_string(folder.join("schedstat")).expect("schedstat");
            return Duration::from_nanos(spent.split_whitespace().next().unwrap().parse().unwrap());
        }
    }
    panic!("no worker");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_of_every_kind_finds_everything_compiled() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let issuer = Issuer::new();
    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let state = State::new(&setup, &Template::read(setup.root()));
    let behind = state.upstream(upstream.address());
    let gateway = Gateway::start(state, Departure::none(&setup, &issuer), behind).await;
    let lines = ledger::from_now(&gateway.ledger());
    for name in ["allowed", "observed", "refused", "aborted", "failed"] {
        let count = gateway.stat(&format!("wasmcustom.actgate_requests_{name}")).await;
        assert_eq!(count.unwrap_or(0), 0, "{name}");
    }

    let head = |start: &str, others: &str| {
        let token = issuer.good();
        format!("{start} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n{others}\r\n")
    };
    let tool = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "delete_file", "arguments": { "path": "docs/x" } },
    })
    .to_string();
    let mcp = format!(
        "content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2025-06-18\r\ncontent-length: {}\r\n",
        tool.len()
    );
    let requests = [
        ("permit", head("GET /secrets/v1/kv/dev/db", ""), 200),
        ("denial", head("GET /secrets/v1/kv/none/db", ""), 403),
        ("hold", head("GET /secrets/v1/kv/prod/db", ""), 403),
        ("mcp", format!("{}{tool}", head("POST /mcp", &mcp)), 200),
        ("git", head("GET /git/website.git/info/refs?service=git-receive-pack", ""), 0),
    ];
    let sent = requests.len();
    for (name, request, status) in requests {
        let before = worked(gateway.pid());
        match h1::send(gateway.address(), request.as_bytes()).await {
            Outcome::Reply(reply) => assert!(status == 0 || reply.status == status, "{name}: {reply:?}"),
            other @ (Outcome::Closed | Outcome::Silence) => panic!("{name}: {other:?}"),
        }
        // The time of a thread is only brought up to date when it sleeps.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let took = worked(gateway.pid()) - before;
        eprintln!("{name}: {took:?}");
        assert!(took < FIRST, "{name} took {took:?} of the worker");
    }
    // Only what was sent is in the ledger.
    assert_eq!(ledger::records(&lines, sent).await.len(), sent);
}
