//! Permitted calls behave as if there were no gate: the bytes that the upstream and the client see are those of the
//! same Envoy without plugin and sentinel, but for the client's credential and what is new in every request.
#![allow(
    clippy::or_fun_call,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a failing test panics, and says so"
)]

use std::time::Duration;

use actgate_demo::{
    envoy::Sentinel,
    recorder::{Recorder, Script, Seen},
};
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, INJECTED, State},
    h1::{self, Outcome, Wire},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
    upstream::Paced,
    verdict::{Verdicts, equal, holds},
};
use bytes::Bytes;
use http::{HeaderMap, Request};
use tokio::{net::TcpStream, time::timeout};

const DEV: &str = "/secrets/v1/kv/dev/db";
const LIMIT: Duration = Duration::from_secs(10);

/// The same Envoy twice.
struct Pair {
    gated: Gateway,
    plain: Gateway,
    issuer: Issuer,
}

impl Pair {
    /// Both before the same upstream. Writing is permitted, so that requests have bodies.
    async fn start(address: std::net::SocketAddr) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let issuer = Issuer::new();
        let mut bundle = bundle::demo(setup.root(), issuer.key_set());
        bundle::permit_writing(&mut bundle);
        let mut template = Template::read(setup.root());
        template.pass_trailers();
        let state = State::new(&setup, &template);
        let departure = Departure::configured(serde_json::to_string(&bundle).expect("a bundle"));
        let upstream = state.upstream(address);
        let gated = Gateway::start(state, departure, upstream).await;

        template.remove_sentinel();
        let state = State::new(&setup, &template);
        let departure = Departure { sentinel: Sentinel::Default, ..Departure::without_plugin() };
        let upstream = state.upstream(address);
        let plain = Gateway::start(state, departure, upstream).await;
        Some(Self { gated, plain, issuer })
    }
}

/// One exchange: what the client sends behind its credential, and what the upstream answers.
struct Shape {
    name: &'static str,
    method: &'static str,
    lines: &'static str,
    body: Vec<u8>,
    answer: Script,
}

fn shapes() -> Vec<Shape> {
    let raw = |text: &str| Script::Raw(text.replace('\n', "\r\n").into_bytes());
    let respond = |status, body: &[u8]| Script::Respond { status, headers: Vec::new(), body: body.to_vec() };
    let get = |name, answer| Shape { name, method: "GET", lines: "", body: Vec::new(), answer };
    let put = |name, lines, body: &[u8]| Shape {
        name,
        method: "PUT",
        lines,
        body: body.to_vec(),
        answer: respond(204, b""),
    };
    let chunk = |size: usize| format!("{size:x}\r\n{}\r\n", "x".repeat(size));
    let chunks: String = (0..30).map(|number| chunk(10_240 - number)).collect();
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    let large: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    vec![
        get("an empty response", respond(200, b"")),
        get("1 KiB", respond(200, &[b'x'; 1024])),
        get("300 KiB in chunks", Script::Raw(chunked.into_bytes())),
        get("every byte there is", respond(200, &(0..=255).collect::<Vec<u8>>())),
        get("204", raw("HTTP/1.1 204 No Content\n\n")),
        get("304", raw("HTTP/1.1 304 Not Modified\netag: \"x\"\n\n")),
        get("302", raw("HTTP/1.1 302 Found\nlocation: /secrets/v1/kv/prod/db\ncontent-length: 0\n\n")),
        get("401 of the upstream", raw("HTTP/1.1 401 No\nwww-authenticate: Basic\ncontent-length: 2\n\nno")),
        get("403 of the upstream", respond(403, br#"{"errors":["permission denied"]}"#)),
        get("404", respond(404, br#"{"errors":[]}"#)),
        get("500", respond(500, b"broken")),
        get("503", respond(503, b"busy")),
        get("599", respond(599, b"?")),
        get(
            "headers of all kinds",
            raw(
                "HTTP/1.1 200 Fine Indeed\nSet-Cookie: a=b\nSet-Cookie: c=d\nX-Odd: \u{e4}, \"b\"\nx-actgate-id: x\n\
                 Server: vault\nContent-Length: 2\nX-Request-Id: own\n\n{}",
            ),
        ),
        get("trailers", raw("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\n{}\n0\nx-sum: 1\n\n")),
        get("nothing but a closed connection", Script::Close),
        get("nonsense", raw("nonsense\n\n")),
        put("an empty body", "content-length: 0\r\n", b""),
        put("a body", "content-length: 2\r\ncontent-type: application/json\r\n", b"{}"),
        put("a body in chunks", "transfer-encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
        put("a body that is no JSON", "content-length: 4\r\n", b"\0\xff\r\n"),
        put("a body in gzip", "content-length: 3\r\ncontent-encoding: gzip\r\n", b"\x1f\x8b\x08"),
        put("a body of 3 MiB", "content-length: 3145728\r\n", &large),
        put("a body that is announced", "content-length: 2\r\nexpect: 100-continue\r\n", b"{}"),
        Shape { method: "POST", ..put("POST", "content-length: 2\r\n", b"{}") },
        Shape { method: "DELETE", ..put("DELETE", "", b"") },
        Shape {
            lines: "accept: */*\r\nuser-agent: x/1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
                    cookie: a=b; c=d\r\nX-Mixed-Case: Kept As It Is\r\naccept-encoding: gzip, br\r\nif-none-match: \"x\"\r\n",
            ..get("many request headers", respond(200, b"{}"))
        },
    ]
}

impl Shape {
    fn request(&self, token: &str) -> Vec<u8> {
        let Self { method, lines, .. } = self;
        let head = format!(
            "{method} {DEV} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n{lines}\r\n"
        );
        [head.as_bytes(), &self.body].concat()
    }
}

/// What both sides saw of one exchange, without what is new every time.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    status: u16,
    interim: Vec<u16>,
    response_head: String,
    response_body: Vec<u8>,
    response_trailers: Vec<(String, String)>,
    requests: Vec<(String, Vec<u8>)>,
}

async fn trace(gateway: &Gateway, upstream: &Recorder, shape: &Shape, token: &str) -> Result<Trace, String> {
    upstream.forget();
    upstream.next(shape.answer.clone());
    match h1::send(gateway.address(), &shape.request(token)).await {
        Outcome::Reply(reply) => Ok(Trace {
            status: reply.status,
            interim: reply.interim,
            response_head: without(&reply.head, &["date"]),
            response_body: reply.body,
            response_trailers: reply.trailers,
            requests: requests(&upstream.seen()),
        }),
        outcome @ (Outcome::Closed | Outcome::Silence) => Err(format!("{outcome:?}")),
    }
}

/// Heads as they came, and bodies: how a body is cut into chunks is up to the network.
fn requests(seen: &Seen) -> Vec<(String, Vec<u8>)> {
    let bytes = seen.bytes.values().flatten().copied().collect::<Vec<u8>>();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    // Envoy says there where the client is; the gate lets no `x-envoy-*` through, whoever it is from.
    let head = without(&bytes[..end], &["x-request-id", "authorization", "x-envoy-external-address"]);
    seen.requests.iter().map(|request| (head.clone(), request.body.clone())).collect()
}

/// A head without some headers' lines.
fn without(head: &[u8], names: &[&str]) -> String {
    let head = String::from_utf8_lossy(head).into_owned();
    let kept = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !names.contains(&name.as_str())
    };
    head.split("\r\n").filter(kept).collect::<Vec<_>>().join("\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_see_the_bytes_that_they_see_without_the_gate() {
    let upstream = Recorder::start(Script::text(200, "unexpected")).await.expect("a recorder");
    let Some(pair) = Pair::start(upstream.address()).await else { return };
    let token = pair.issuer.good();
    let mut verdicts = Verdicts::default();
    let ledger = ledger::from_now(&pair.gated.ledger());
    let shapes = shapes();
    for shape in &shapes {
        let gated = trace(&pair.gated, &upstream, shape, &token).await;
        let seen = upstream.seen();
        let plain = trace(&pair.plain, &upstream, shape, &token).await;
        let credentials = (seen.contains(token.as_bytes()), seen.contains(INJECTED.as_bytes()));
        let verdict = match (gated, plain) {
            (Ok(gated), Ok(plain)) => differences(&gated, &plain)
                .and(holds(!gated.requests.is_empty(), "nothing arrived"))
                .and(equal("client's and gateway's credential upstream", credentials, (false, true))),
            (gated, plain) => Err(format!("with the gate {gated:?}, without {plain:?}")),
        };
        verdicts.row(shape.name, verdict);
    }
    let records = ledger::records(&ledger, shapes.len()).await;
    let allowed = records.iter().filter(|record| record.decision() == "allow").count();
    verdicts.row("all were permitted", equal("permits", allowed, shapes.len()));
    verdicts.conclude();
}

/// Where they differ; a 3 MiB body is not printed.
fn differences(gated: &Trace, plain: &Trace) -> Result<(), String> {
    equal("status", gated.status, plain.status)?;
    equal("interim responses", &gated.interim, &plain.interim)?;
    equal("response head", &gated.response_head, &plain.response_head)?;
    equal("response trailers", &gated.response_trailers, &plain.response_trailers)?;
    let heads = |trace: &Trace| trace.requests.iter().map(|(head, _)| head.clone()).collect::<Vec<_>>();
    equal("request heads", heads(gated), heads(plain))?;
    holds(gated.response_body == plain.response_body, "another response body")?;
    holds(gated.requests == plain.requests, "another request body")
}

/// What an HTTP/2 client sees.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

async fn over_http2(gateway: &Gateway, token: &str, method: &str, pieces: &[&[u8]]) -> Answer {
    let stream = TcpStream::connect(gateway.address()).await.expect("a connection");
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("http://gateway.demo{DEV}"))
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "*/*")
        .body(())
        .expect("a request");
    let mut client = client.ready().await.expect("a stream");
    let (response, mut body) = client.send_request(request, pieces.is_empty()).expect("a stream");
    for (index, piece) in pieces.iter().enumerate() {
        let last = pieces.len() == index.saturating_add(1);
        body.send_data(Bytes::copy_from_slice(piece), last).expect("a body");
    }
    let response = timeout(LIMIT, response).await.expect("in time").expect("a response");
    let (head, mut stream) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.expect("a body");
        stream.flow_control().release_capacity(piece.len()).expect("a window");
        bytes.extend_from_slice(&piece);
    }
    let trailers = stream.trailers().await.expect("an end").unwrap_or_default();
    connection.abort();
    Answer {
        status: head.status.as_u16(),
        headers: sorted(&head.headers),
        body: bytes,
        trailers: sorted(&trailers),
    }
}

fn sorted(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut headers: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    headers.sort();
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_client_sees_what_it_sees_without_the_gate() {
    let upstream = Recorder::start(Script::text(200, "unexpected")).await.expect("a recorder");
    let Some(pair) = Pair::start(upstream.address()).await else { return };
    let token = pair.issuer.good();
    let trailers =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: b\r\n\r\n2\r\n{}\r\n0\r\nx-sum: 1\r\n\r\n";
    let chunks = "8000\r\n".to_owned() + &"x".repeat(0x8000) + "\r\n";
    let long = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunks.repeat(10));
    let mut verdicts = Verdicts::default();
    for (name, method, pieces, answer) in [
        ("GET", "GET", &[][..], Script::text(200, "x".repeat(1024))),
        ("404", "GET", &[], Script::text(404, "nothing")),
        ("500", "GET", &[], Script::text(500, "broken")),
        ("204", "DELETE", &[], Script::Raw(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        ("320 KiB", "GET", &[], Script::Raw(long.into_bytes())),
        ("trailers", "GET", &[], Script::Raw(trailers.as_bytes().to_vec())),
        ("PUT", "PUT", &[&b"{}"[..]], Script::text(200, "stored")),
        ("PUT in pieces", "PUT", &[&b"{"[..], b"\"a\":", b"1}"], Script::text(200, "stored")),
        ("PUT with an empty piece at the end", "PUT", &[&b"{}"[..], b""], Script::text(200, "stored")),
    ] {
        let mut seen = Vec::new();
        for gateway in [&pair.gated, &pair.plain] {
            upstream.forget();
            upstream.next(answer.clone());
            let answer = timeout(LIMIT, over_http2(gateway, &token, method, pieces)).await;
            seen.push((answer.map_err(|_| "it hangs"), requests(&upstream.seen())));
        }
        let status = seen[0].0.as_ref().map(|answer| answer.status).unwrap_or_default();
        let scripted = match &answer {
            Script::Respond { status, .. } => *status,
            Script::Raw(bytes) if bytes.starts_with(b"HTTP/1.1 204") => 204,
            Script::Raw(_) | Script::Close | Script::Hang => 200,
        };
        let verdict = equal("what was seen with and without", &seen[0], &seen[1]);
        verdicts.row(name, verdict.and(equal("status", status, scripted)));
    }
    verdicts.conclude();
}

/// Every piece of a response is with the client before the upstream sends the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_response_arrives_piece_by_piece() {
    let upstream = Paced::start().await;
    let Some(pair) = Pair::start(upstream.address()).await else { return };
    let mut wire = Wire::connect(pair.gated.address()).await;
    let token = pair.issuer.good();
    let head = format!("GET {DEV} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\r\n");
    wire.write(head.as_bytes()).await;
    upstream
        .send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    wire.read_until(b"\r\n\r\n").await;
    for piece in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        upstream.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
        wire.read_until(piece.as_bytes()).await;
    }
    upstream.send(b"0\r\n\r\n");
    wire.read_until(b"0\r\n\r\n").await;
}

/// Every piece of a body that nobody has to read is with the upstream before the client sends the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_request_arrives_piece_by_piece() {
    let upstream = Recorder::start(Script::text(200, "stored")).await.expect("a recorder");
    let Some(pair) = Pair::start(upstream.address()).await else { return };
    let mut wire = Wire::connect(pair.gated.address()).await;
    let token = pair.issuer.good();
    let head = format!(
        "PUT {DEV} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    wire.write(head.as_bytes()).await;
    for piece in ["first-piece", "second-piece", "third-piece"] {
        wire.write(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await;
        let arrived = timeout(LIMIT, async {
            while !upstream.seen().contains(piece.as_bytes()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        arrived.await.unwrap_or_else(|_| panic!("`{piece}` does not arrive"));
    }
    wire.write(b"0\r\n\r\n").await;
    let outcome = wire.reply(LIMIT).await;
    assert!(matches!(&outcome, Outcome::Reply(reply) if reply.status == 200), "{outcome:?}");
    assert_eq!(upstream.seen().requests.len(), 1);
}
