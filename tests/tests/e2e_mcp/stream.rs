//! A long stream of events: each comes as soon as it is whole, none is held, and nothing of them stays in the gate.

use std::{fs, net::SocketAddr, time::Duration};

use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    setup::{Needs, Setup},
    template::Template,
    tokens::{Issuer, alice},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

const EVENTS: usize = 10_000;
/// Longer than any event takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(20);
/// What Envoy may grow by: its own buffers, not the 2 MiB of the stream, let alone a copy of it.
const GROWTH_KIB: u64 = 8 * 1024;

/// A list of which the caller may see a part.
fn event(number: usize) -> String {
    format!(
        "id: {number}\r\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{number},\"result\":{{\"tools\":[{{\"name\":\"read_file\"}},{{\"name\":\"delete_file\",\"description\":\"{}\"}}]}}}}\r\n\r\n",
        "x".repeat(100)
    )
}

/// Answers one request with a stream, an event whenever it is told to.
async fn serve(listener: TcpListener, mut next: mpsc::Receiver<usize>) {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.expect("a head");
    while let Some(number) = next.recv().await {
        let event = event(number);
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.expect("an event");
    }
    stream.write_all(b"0\r\n\r\n").await.expect("an end");
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the status of Envoy");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_pass_as_they_come() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream: SocketAddr = listener.local_addr().expect("an address");
    let (send, next) = mpsc::channel(1);
    let server = tokio::spawn(serve(listener, next));
    let issuer = Issuer::new();
    let state = State::new(&setup, &Template::read(setup.root()));
    let nobody = state.upstream(upstream);
    let departure = Departure { mcp: Some(upstream), ..Departure::none(&setup, &issuer) };
    let gateway = Gateway::start(state, departure, nobody).await;

    let mut client = TcpStream::connect(gateway.address()).await.expect("a connection");
    let token = issuer.mint(&alice());
    let request = format!(
        "GET /mcp HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\naccept-encoding: gzip\r\nmcp-protocol-version: 2025-06-18\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.expect("a request");
    let mut seen = String::new();
    let mut buffer = vec![0; 16 * 1024];
    let mut before = 0;
    for number in 0..EVENTS {
        if number == 100 {
            before = resident_kib(gateway.pid());
        }
        send.send(number).await.expect("the server");
        let wanted = format!("id: {number}\n");
        // The next event is not sent before this one is here: what is held back would never come.
        while !(seen.contains(&wanted) && seen.contains("read_file")) {
            let read = timeout(LIMIT, client.read(&mut buffer)).await;
            let read =
                read.unwrap_or_else(|_| panic!("event {number} does not come: {seen}")).expect("bytes");
            assert!(read > 0, "the stream ends before event {number}: {seen}");
            seen.push_str(&String::from_utf8_lossy(buffer.get(..read).expect("bytes")));
        }
        assert!(!seen.contains("delete_file"), "{seen}");
        seen.clear();
    }
    let after = resident_kib(gateway.pid());
    assert!(after < before.saturating_add(GROWTH_KIB), "Envoy had {before} KiB and has {after} KiB");
    drop(send);
    server.await.expect("the server");
}
