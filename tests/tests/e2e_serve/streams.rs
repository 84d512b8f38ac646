//! Long streams: what one side does not take is not read from the other, and what is taken is not kept.

use std::{fs, net::SocketAddr, time::Duration};

use actgate_tests::e2e::setup::{Needs, Setup};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{case::Kit, stage::Stage};

const MIB: usize = 1 << 20;

/// Long enough for a side that still takes something to take it.
const STALL: Duration = Duration::from_secs(2);

/// Both sockets' buffers on either side, as large as Linux makes them, and the little that is held between.
const HELD: usize = 24 * MIB;

/// A push that is permitted, up to and with its flush; the pack follows.
fn push(kit: &Kit) -> Vec<u8> {
    let zero = "0".repeat(40);
    let command = format!("{zero} {} refs/heads/agent/long\0 report-status\n", "1".repeat(40));
    let head = format!(
        "POST /git/payments.git/git-receive-pack HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {}\r\n\
         content-type: application/x-git-receive-pack-request\r\ntransfer-encoding: chunked\r\n\r\n",
        kit.token()
    );
    let body = format!("{:04x}{command}0000PACK", command.len() + 4);
    format!("{head}{:x}\r\n{body}\r\n", body.len()).into_bytes()
}

/// Writes chunks of 1 MiB until nobody takes them, or there were `count`; how many bytes went.
async fn pour(stream: &mut TcpStream, count: usize) -> usize {
    let mut chunk = format!("{MIB:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + MIB, b'x');
    chunk.extend(b"\r\n");
    let mut sent = 0;
    for _ in 0..count {
        match timeout(STALL, stream.write_all(&chunk)).await {
            Ok(written) => written.expect("a write"),
            Err(_) => break,
        }
        sent += MIB;
    }
    sent
}

fn resident(pid: u32, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
    line.trim_matches([':', '\t', ' ']).trim_end_matches(" kB").trim().parse::<usize>().expect("a size")
        * 1024
}

async fn stage() -> Option<(Stage, Kit, TcpListener)> {
    let setup = Setup::find(Needs::Gateway)?;
    let kit = Kit::new();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    let stage = Stage::start(&setup, kit.issuer(), listener.local_addr().expect("an address")).await;
    Some((stage, kit, listener))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upstream_does_not_take_is_not_read() {
    let Some((stage, kit, listener)) = stage().await else { return };
    let mut client = TcpStream::connect(stage.address()).await.expect("a connection");
    client.write_all(&push(&kit)).await.expect("a write");
    let (_upstream, _) = listener.accept().await.expect("a connection");
    let sent = pour(&mut client, 64).await;
    assert!(sent < HELD, "{sent} bytes went somewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_push_streams_and_memory_stays() {
    let Some((stage, kit, listener)) = stage().await else { return };
    let mut client = TcpStream::connect(stage.address()).await.expect("a connection");
    client.write_all(&push(&kit)).await.expect("a write");
    let (mut upstream, _) = listener.accept().await.expect("a connection");
    let sink = tokio::spawn(async move {
        let (mut total, mut piece) = (0, vec![0; MIB]);
        while let Ok(count @ 1..) = upstream.read(&mut piece).await {
            total += count;
        }
        total
    });
    let before = resident(stage.pid(), "VmRSS");
    assert_eq!(pour(&mut client, 256).await, 256 * MIB);
    let peak = resident(stage.pid(), "VmHWM");
    drop(client);
    let arrived = sink.await.expect("a sink");
    assert!(arrived > 200 * MIB, "{arrived} bytes arrived");
    assert!(peak < before + 32 * MIB, "{before} bytes became {peak}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_not_take_is_not_read_and_events_come_at_once() {
    let Some((stage, kit, listener)) = stage().await else { return };
    let mut client = TcpStream::connect(stage.address()).await.expect("a connection");
    client.write_all(kit.head(crate::case::DEV).as_bytes()).await.expect("a write");
    let (mut upstream, _) = listener.accept().await.expect("a connection");
    // An answer before its request is none.
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        assert!(upstream.read_buf(&mut asked).await.expect("a request") > 0, "no request came");
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    upstream.write_all(head.as_bytes()).await.expect("a write");
    // Each event arrives before the next is sent.
    let mut arrived = Vec::new();
    for number in 0..1000 {
        let event = format!("data: {number:08}\n\n");
        upstream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.expect("a write");
        let wanted = format!("data: {number:08}");
        while !String::from_utf8_lossy(&arrived).contains(&wanted) {
            let read =
                timeout(Duration::from_secs(10), client.read_buf(&mut arrived)).await.expect("in time");
            assert!(read.expect("a read") > 0, "the stream ended");
        }
        arrived.clear();
    }
    let sent = pour(&mut upstream, 64).await;
    assert!(sent < HELD, "{sent} bytes went somewhere");
}
