//! Long streams: what one side does not take is not read from the other, and what is taken is not kept.

use std::{env, fs, net::SocketAddr, time::Duration};

use actgate_tests::e2e::setup::{Needs, Setup};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::{case::Kit, stage::Stage};

pub(crate) const MIB: usize = 1 << 20;

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

/// Takes the whole chunks off the beginning; whether the last one was among them.
fn take_chunks(raw: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
    loop {
        let Some(line) = raw.windows(2).position(|part| part == b"\r\n") else { return false };
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..line]).expect("a size"), 16);
        let size = size.expect("a size");
        if raw.len() < line + 2 + size + 2 {
            return false;
        }
        body.extend_from_slice(&raw[line + 2..line + 2 + size]);
        raw.drain(..line + 2 + size + 2);
        if size == 0 {
            return true;
        }
    }
}

pub(crate) fn resident(pid: u32, field: &str) -> usize {
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

/// In every run: far more than all buffers together. `ACTGATE_LARGE_MIB` says another; `make test-large` takes 1 GiB.
const USUAL_MIB: usize = 256;

/// What the process may grow by, however much goes through it.
pub(crate) const GROWTH: usize = 32 * MIB;

pub(crate) fn large_mib(usual: usize) -> usize {
    let mib = env::var("ACTGATE_LARGE_MIB").ok().map(|text| text.parse().expect("a number of MiB"));
    mib.unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_streams_and_memory_stays() {
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
    let mib = large_mib(USUAL_MIB);
    let before = resident(stage.pid(), "VmRSS");
    assert_eq!(pour(&mut client, mib).await, mib * MIB);
    let peak = resident(stage.pid(), "VmHWM");
    drop(client);
    let arrived = sink.await.expect("a sink");
    eprintln!("{mib} MiB: {} KiB resident before, {} KiB at most", before / 1024, peak / 1024);
    assert!(arrived > mib / 10 * 9 * MIB, "{arrived} bytes arrived");
    assert!(peak < before + GROWTH, "{before} bytes became {peak}");
}

/// An hour of ten events a second, as fast as they go, with a pause in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_events_passes_and_memory_stays() {
    const EVENTS: usize = 36_000;
    let Some((stage, kit, listener)) = stage().await else { return };
    let mut client = TcpStream::connect(stage.address()).await.expect("a connection");
    client.write_all(kit.head(crate::case::DEV).as_bytes()).await.expect("a write");
    let (mut upstream, _) = listener.accept().await.expect("a connection");
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        assert!(upstream.read_buf(&mut asked).await.expect("a request") > 0, "no request came");
    }
    let sender = tokio::spawn(async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        upstream.write_all(head.as_bytes()).await.expect("a write");
        for number in 0..EVENTS {
            let event = format!("data: {number:08} {}\n\n", "x".repeat(200));
            let chunk = format!("{:x}\r\n{event}\r\n", event.len());
            upstream.write_all(chunk.as_bytes()).await.expect("a write");
            if number == EVENTS / 2 {
                sleep(Duration::from_secs(3)).await;
            }
        }
        upstream.write_all(b"0\r\n\r\n").await.expect("a write");
        upstream
    });
    let (mut events, mut early) = (0, 0);
    let (mut piece, mut raw, mut rest) = (vec![0; MIB], Vec::new(), Vec::new());
    let mut in_body = false;
    loop {
        let count = timeout(Duration::from_secs(60), client.read(&mut piece)).await.expect("in time");
        let count = count.expect("a read");
        raw.extend_from_slice(&piece[..count]);
        if !in_body {
            let Some(end) = raw.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
            raw.drain(..end + 4);
            in_body = true;
        }
        let ended = take_chunks(&mut raw, &mut rest);
        while let Some(end) = rest.windows(2).position(|part| part == b"\n\n") {
            let event: Vec<u8> = rest.drain(..end + 2).collect();
            let wanted = format!("data: {events:08} ");
            assert!(event.starts_with(wanted.as_bytes()), "in order, and none is lost: not {wanted}");
            events += 1;
        }
        if early == 0 && events > EVENTS / 10 {
            early = resident(stage.pid(), "VmRSS");
        }
        if ended {
            break;
        }
        assert_ne!(count, 0, "the stream ended early");
    }
    assert_eq!(events, EVENTS);
    let peak = resident(stage.pid(), "VmRSS");
    eprintln!("{EVENTS} events: {} KiB resident early, {} KiB in the end", early / 1024, peak / 1024);
    assert!(peak < early + 4 * MIB, "{early} bytes became {peak}");
    drop(sender.await.expect("a sender"));
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
