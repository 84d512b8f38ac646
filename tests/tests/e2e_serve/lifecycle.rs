//! Traps, ends and bad beginnings of `actgate serve`.

use std::{fs, net::SocketAddr, time::Duration};

use actgate_demo::recorder::{Recorder, Script};
use actgate_tests::e2e::{
    h1::{self, Outcome},
    ledger,
    setup::{Needs, Setup},
    verdict::{Verdicts, holds},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};

use crate::{
    case::{DEV, Kit},
    process::{Process, asking, h1_is_refused, refused},
};

const LIMIT: Duration = Duration::from_secs(20);

/// A filter that lets everything go, which the sentinel then refuses, and dies of a head with many fields.
const TRAPS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (func $deep (param i32) (if (i32.gt_u (local.get 0) (i32.const 12)) (then unreachable)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (call $deep (local.get 1)) (i32.const 0)))"#;

async fn status(address: SocketAddr, bytes: &str) -> u16 {
    match h1::send(address, bytes.as_bytes()).await {
        Outcome::Reply(reply) => reply.status,
        outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
    }
}

fn text<'v>(record: &'v Value, pointer: &str) -> &'v str {
    record.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_told_and_others_are_served() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let folder = tempfile::tempdir().expect("a folder");
    let wasm = folder.path().join("traps.wasm");
    fs::write(&wasm, wat::parse_str(TRAPS).expect("a module")).expect("a file");
    let process = Process::start(&setup, &kit, upstream.address(), Some(&wasm)).await;
    let ledger = process.ledger();
    let usual = kit.head(DEV);
    let many = usual.replace("\r\n\r\n", &format!("\r\n{}\r\n", "a: b\r\n".repeat(9)));
    assert_eq!(status(process.address(), &usual).await, 403, "the sentinel has no word for it");
    assert_eq!(status(process.address(), &many).await, 503);
    process.says("the plugin trapped and is loaded anew: proxy_on_request_headers");
    process.says("in deep");
    // As long as Envoy waits before it loads a plugin anew (`reload_config`).
    sleep(Duration::from_millis(200)).await;
    assert_eq!(status(process.address(), &usual).await, 403, "the next one is served again");
    let records = ledger::records(&ledger, 3).await;
    let details: Vec<&str> = records.iter().map(|record| text(record.value(), "/executed/details")).collect();
    let sentinel = "rbac_access_denied_matched_policy[none]";
    assert_eq!(details, [sentinel, "wasm_fail_stream", sentinel]);
    assert!(upstream.seen().is_nothing());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_first_is_recorded() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    let process = Process::start(&setup, &kit, upstream.local_addr().expect("an address"), None).await;
    let ledger = process.ledger();

    // The client, while it waits.
    let client = asking(process.address(), kit.head(DEV).as_bytes()).await;
    let mut asked = arrived(&upstream).await;
    drop(client);
    let record = &ledger::records(&ledger, 1).await[0];
    assert_eq!(text(record.value(), "/executed/flags"), "DC");
    assert_eq!(text(record.value(), "/executed/details"), "downstream_remote_disconnect");
    // Who has nobody to answer is left.
    assert_eq!(asked.read(&mut [0; 16]).await.expect("an end"), 0);

    // The upstream, in the middle of its answer.
    let mut client = TcpStream::connect(process.address()).await.expect("a connection");
    client.write_all(kit.head(DEV).as_bytes()).await.expect("a write");
    let mut asked = arrived(&upstream).await;
    asked.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.expect("a write");
    let mut got = Vec::new();
    while !got.ends_with(b"half") {
        assert!(client.read_buf(&mut got).await.expect("a read") > 0, "nothing came");
    }
    drop(asked);
    assert_eq!(client.read_buf(&mut got).await.unwrap_or_default(), 0, "there was more");
    assert!(String::from_utf8_lossy(&got).contains("content-length: 10"), "an end that is none shows");
    let record = &ledger::records(&ledger, 2).await[1];
    let details = "upstream_reset_after_response_started{protocol_error}";
    assert_eq!(text(record.value(), "/executed/details"), details);
    assert_eq!(text(record.value(), "/executed/flags"), "UPE");
    assert_eq!(record.value()["executed"]["status"], 200);
}

/// A connection on which a whole head has come.
async fn arrived(upstream: &TcpListener) -> TcpStream {
    let (mut stream, _) = upstream.accept().await.expect("a connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut head).await.expect("a head") > 0, "no request came");
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_lets_what_has_begun_end() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    let mut process = Process::start(&setup, &kit, upstream.local_addr().expect("an address"), None).await;
    let ledger = process.ledger();
    let mut client = asking(process.address(), kit.head(DEV).as_bytes()).await;
    let mut asked = arrived(&upstream).await;
    process.interrupt();
    process.says("ending");
    let start = Instant::now();
    while !h1_is_refused(process.address()).await {
        assert!(start.elapsed() < LIMIT, "it still listens");
        sleep(Duration::from_millis(10)).await;
    }
    asked.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").await.expect("a write");
    match client.reply(LIMIT).await {
        Outcome::Reply(reply) => assert_eq!((reply.status, reply.body), (200, b"late".to_vec())),
        outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
    }
    assert!(process.ends(LIMIT).await.success());
    assert_eq!(text(ledger::records(&ledger, 1).await[0].value(), "/executed/details"), "via_upstream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_does_not_wait_and_leaves_a_record() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::Hang).await.expect("a recorder");
    let mut process = Process::start(&setup, &kit, upstream.address(), None).await;
    let ledger = process.ledger();
    let _client = asking(process.address(), kit.head(DEV).as_bytes()).await;
    assert!(upstream.saw_requests(1, LIMIT).await, "no request came");
    process.interrupt();
    process.says("ending");
    process.interrupt();
    // Without it, what hangs has 10 s.
    assert!(process.ends(Duration::from_secs(5)).await.success());
    assert_eq!(text(ledger::records(&ledger, 1).await[0].value(), "/executed/details"), "drain_timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_bound_is_413_however_it_is_framed() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let process = Process::start(&setup, &kit, upstream.address(), None).await;
    let ledger = process.ledger();
    let size = (1 << 20) + 1;
    let body = format!("{{\"x\":\"{}\"}}", "y".repeat(size - 8));
    let head = kit.head("/mcp").replacen("GET", "POST", 1).replace(
        "\r\n\r\n",
        "\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n",
    );
    let announced = format!("{head}content-length: {size}\r\n\r\n{body}");
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n");
    for request in [announced, chunked] {
        assert_eq!(status(process.address(), &request).await, 413);
    }
    for record in ledger::records(&ledger, 2).await {
        assert_eq!(record.reason(), "body_too_large");
    }
    assert!(upstream.seen().is_nothing());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_says_so() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let taken = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let all = ["secrets", "git", "deploy", "mcp"].map(|name| format!("--upstream={name}=http://127.0.0.1:9"));
    let with = |more: &[&str]| [all.to_vec(), more.iter().map(|&one| one.to_owned()).collect()].concat();
    let rows: Vec<(&str, Vec<String>, Vec<&str>)> = vec![
        ("a port that is taken", with(&["--listen", &taken]), vec!["is taken", "--listen"]),
        ("an address for everybody", with(&["--listen", "0.0.0.0:0"]), vec!["--allow-remote"]),
        (
            "an unknown service",
            with(&["--upstream=secret=http://127.0.0.1:9"]),
            vec!["`secret`", "`secrets`"],
        ),
        ("a service twice", with(&["--upstream=git=http://127.0.0.1:9"]), vec!["two upstreams"]),
        (
            "a service without upstream",
            all[1..].to_vec(),
            vec!["`secrets` has no upstream", "--upstream secrets="],
        ),
        ("TLS", with(&["--upstream=git=https://127.0.0.1:9"]), vec!["plain HTTP"]),
        ("no pair", with(&["--upstream=git"]), vec!["NAME=URL"]),
        ("a header that is none", with(&["--upstream-header=git=X Y: z"]), vec!["`X Y` is no name"]),
        (
            "a header's file that is not there",
            with(&["--upstream-header=git=X: @nowhere"]),
            vec!["cannot read `nowhere`"],
        ),
        (
            "a ledger in no folder",
            with(&["--ledger", "nowhere/ledger.jsonl"]),
            vec!["cannot write the ledger"],
        ),
        ("no plugin", with(&["--wasm", "nowhere.wasm"]), vec!["nowhere.wasm"]),
        ("a plugin that is none", with(&["--wasm", "actgate.yaml"]), vec!["not a proxy-wasm module"]),
    ];
    let mut verdicts = Verdicts::default();
    for (name, arguments, words) in rows {
        let ran = refused(&setup, &kit, |_| arguments.iter().map(Into::into).collect());
        let said = words.iter().all(|word| ran.told.contains(word));
        let verdict = holds(ran.code == Some(2) && said, format!("{:?}: {}", ran.code, ran.told));
        verdicts.row(name, verdict);
    }
    let broken = refused(&setup, &kit, |folder| {
        fs::write(folder.join("actgate.yaml"), "version: 1\nissuer: []\n").expect("a file");
        all.iter().map(Into::into).collect()
    });
    let said = broken.told.contains("actgate.yaml:2:1") && broken.told.contains("`issuers`");
    verdicts.row("a wrong key", holds(broken.code == Some(2) && said, broken.told));
    let missing = refused(&setup, &kit, |folder| {
        fs::remove_file(folder.join("actgate.yaml")).expect("a file");
        all.iter().map(Into::into).collect()
    });
    verdicts.row("no configuration", holds(missing.code == Some(2), missing.told));
    verdicts.conclude();
}
