//! Exchanges through the probe filter, made of numbers.

use super::{
    plan::{Answer, Filter, Framing, Pieces, Plan, Protocol},
    random::Random,
};

/// What an exchange is called in its request, so that everybody knows which one it is.
pub const TAG: &str = "x-tag";

const LENGTH: &str = "content-length";

/// An exchange of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut random = Random::new(seed);
    let random = &mut random;
    let protocol = if random.once_in(3) { Protocol::Http2 } else { Protocol::Http1 };
    let method = *random.pick(&["GET", "POST", "POST", "PUT", "DELETE", "HEAD"]);
    let has_body = matches!(method, "POST" | "PUT") || random.once_in(10);
    let mut request = Pieces {
        headers: vec![("x-probe-a".to_owned(), "1".to_owned())],
        parts: has_body.then(|| body(random, protocol, b'a')),
        framing: match (protocol, random.below(3)) {
            (_, 0) => Framing::Length,
            (Protocol::Http2, 1) => Framing::Flag,
            (_, _) => Framing::Chunks,
        },
        trailers: Vec::new(),
    };
    settle(random, &mut request, "x-probe-trailer");
    if protocol == Protocol::Http2 && request.framing == Framing::Length {
        request.framing = Framing::Flag;
    }
    let mut script = Vec::new();
    on_request(random, &mut script, &mut request);
    let mut answer = Pieces {
        headers: vec![("x-probe-back".to_owned(), "1".to_owned())],
        parts: Some(body(random, protocol, b'z')),
        framing: if random.once_in(2) { Framing::Length } else { Framing::Chunks },
        trailers: Vec::new(),
    };
    settle(random, &mut answer, "x-probe-tail");
    on_response(random, &mut script, &mut answer);
    let status = *random.pick(&[200, 200, 200, 201, 204, 304, 404, 500]);
    if status == 204 {
        // RFC 9110 section 8.6: it must not have one, and Envoy's codec refuses it.
        without_length(&mut answer);
    }
    if random.once_in(4) {
        script
            .push("log: property response/code; property response/code_details; get 0 x-probe-a".to_owned());
    }
    let script = script.join("|");
    if script.contains("return 2") || script.contains("return 4") {
        // Envoy reads no more than that while a filter pushes back, not even that the client has gone.
        shorten(&mut request);
    }
    request.headers.push(("x-script".to_owned(), script.clone()));
    request.headers.push((TAG.to_owned(), seed.to_string()));
    Plan {
        seed,
        about: script,
        filter: Filter::Probe,
        protocol,
        method: method.to_owned(),
        path: random.pick(&["/", "/a?b=c", "/%41/x"]).to_string(),
        authority: "probe.example".to_owned(),
        leaves_after: random.once_in(8).then(|| 1 + random.below(4)),
        request,
        answer: Answer {
            early: random.once_in(8),
            status,
            closes_after: random.once_in(8).then(|| random.below(4)),
            silent: random.once_in(20),
            pieces: answer,
        },
    }
}

/// A body that is small, and seldom one that is more than a filter may hold.
///
/// Not in HTTP/2: Envoy holds as much there as the window of a stream, whatever the limit of the listener.
fn body(random: &mut Random, protocol: Protocol, first: u8) -> Vec<Vec<u8>> {
    let length =
        if protocol == Protocol::Http1 && random.once_in(12) { 17_000 } else { 1 + random.below(60) };
    let letters = (0..length).map(|_| first ^ random.pick(&[0, 1, 2, 3, 4, 5, 6, 7])).collect::<Vec<u8>>();
    // Envoy reads 16 KiB at a time: a longer part is two parts there.
    let mut parts: Vec<Vec<u8>> = letters.chunks(8500).flat_map(|part| random.split(part, 3)).collect();
    parts.truncate(4);
    parts
}

/// Sees to it that framing, length and trailers fit each other.
fn settle(random: &mut Random, pieces: &mut Pieces, trailer: &str) {
    let length = pieces.length();
    match pieces.framing {
        Framing::Length if pieces.parts.is_some() => {
            pieces.headers.push((LENGTH.to_owned(), length.to_string()));
        }
        Framing::Chunks if pieces.parts.is_some() && random.once_in(3) => {
            pieces.trailers.push((trailer.to_owned(), "1".to_owned()));
        }
        Framing::Length | Framing::Chunks | Framing::Flag => {}
    }
}

/// A body whose length the filter will change has none beforehand.
fn without_length(pieces: &mut Pieces) {
    if pieces.framing == Framing::Length {
        pieces.framing = Framing::Chunks;
    }
    pieces.headers.retain(|(name, _)| name != LENGTH);
}

fn shorten(pieces: &mut Pieces) {
    if pieces.length() > 10_000 {
        pieces.parts.iter_mut().for_each(|parts| parts.truncate(1));
        let length = pieces.length().to_string();
        for (_, value) in pieces.headers.iter_mut().filter(|(name, _)| name == LENGTH) {
            value.clone_from(&length);
        }
    }
}

const CALLS: [&str; 6] = ["answers", "refuses", "closes", "breaks", "empty", "nowhere"];

fn call(random: &mut Random) -> String {
    // One that hangs takes its time.
    let cluster = if random.once_in(12) { "hangs" } else { *random.pick(&CALLS) };
    let reached = !matches!(cluster, "empty" | "nowhere");
    let hold = if reached { "return 1" } else { "return 0" };
    format!("call {cluster} /q 150; {hold}")
}

/// What is done when the answer to a callout comes.
fn answered(random: &mut Random, kind: usize) -> String {
    let done = match random.below(4) {
        0 => format!("reply {} refused", random.pick(&[401, 403, 503])),
        1 => format!("add {} x-probe-late 1; continue {kind}", kind * 2),
        _ => format!("continue {kind}"),
    };
    format!("call_response: get 6 :status; body 4 0 100; {done}")
}

fn edit(random: &mut Random, map: usize) -> String {
    let there = if map == 0 { TAG } else { ":status" };
    let edits = [
        format!("add {map} x-probe-new 1; add {map} x-probe-new 2"),
        format!("replace {map} x-probe-a 2"),
        format!("remove {map} x-probe-a"),
        format!("pairs {map}; get {map} x-probe-a; get {map} x-none"),
        // Only with something that is there: it holds until the next block is asked for.
        format!("no-memory; get {map} {there}; get {map} {there}"),
        "set-property mine 1; property mine; property request/path; property request/method".to_owned(),
    ];
    random.pick(&edits).clone()
}

fn put(random: &mut Random, kind: usize) -> String {
    let puts = [
        format!("put {kind} 0 100000 changed"),
        format!("put {kind} 0 0 before-"),
        format!("put {kind} 100000 0 -after"),
        format!("put {kind} 0 3 xyz"),
        format!("put {kind} 0 2"),
        format!("put {kind} 0 100000"),
        format!("put {kind} 1 1 x"),
        format!("fill {kind} {}", 1000 * (1 + random.below(3))),
    ];
    random.pick(&puts).clone()
}

fn reply(random: &mut Random) -> String {
    match random.below(4) {
        0 => "reply 204".to_owned(),
        1 => "reply 403 no content-type application/json".to_owned(),
        2 => format!("reply {}", random.pick(&[401, 403, 429, 503])),
        _ => format!("reply {} no", random.pick(&[400, 401, 403, 429, 503])),
    }
}

fn on_request(random: &mut Random, script: &mut Vec<String>, request: &mut Pieces) {
    let mut line = |text: String| script.push(text);
    match random.below(15) {
        0 => line(format!("request_headers: {}", edit(random, 0))),
        1 => {
            // Waits for a timer.
            line("request_headers: tick 10; return 1".to_owned());
            line("request_body: return 1".to_owned());
            let done = if random.once_in(3) { "reply 503 late" } else { "add 0 x-probe-late 1; continue 0" };
            line(format!("tick: get 0 x-probe-a; {done}"));
        }
        14 => line("request_headers: data x-none; set-data k 1 0; effective 1; log-level; done".to_owned()),
        2 => line(format!("request_headers: {}; return 1", reply(random))),
        3 | 4 => {
            line(format!("request_headers: {}", call(random)));
            line(answered(random, 0));
            if random.once_in(2) {
                line("request_body: return 1".to_owned());
            }
        }
        5 => line(format!("request_headers: {}; close 0", edit(random, 0))),
        6..=9 => {
            // Holds everything to the end, as a filter does that decides on a body.
            let way = *random.pick(&["1", "2"]);
            line("request_headers: return 1".to_owned());
            line(format!("request_body: return {way}"));
            let end = match random.below(5) {
                0 => format!("body 0 0 200; {}; return 1", reply(random)),
                1 => {
                    line(answered(random, 0));
                    format!("call {} /q 150; return 1", random.pick(&["answers", "closes", "breaks"]))
                }
                2 | 3 => {
                    without_length(request);
                    format!("body 0 0 200; {}; body 0 0 200; return 0", put(random, 0))
                }
                _ => "body 0 0 200; return 0".to_owned(),
            };
            line(format!("request_body end: {end}"));
            line(format!("request_trailers: {end}"));
        }
        10 => {
            // Holds the first part, and lets the rest stream.
            line("request_headers: return 1".to_owned());
            line("request_body 1: return 1".to_owned());
        }
        11 => {
            without_length(request);
            line(format!("request_body: {}", put(random, 0)));
        }
        12 => line(format!("request_body {}: {}; return 1", 1 + random.below(3), reply(random))),
        _ => {
            line("request_headers: return 4".to_owned());
        }
    }
    match random.below(8) {
        0 => script.push("request_trailers: get 1 x-probe-trailer; add 1 x-probe-more 1".to_owned()),
        1 => {
            script.push(
                "request_trailers: remove 1 x-probe-trailer; add 1 x-probe-other 1; pairs 1".to_owned(),
            );
        }
        _ => {}
    }
}

fn on_response(random: &mut Random, script: &mut Vec<String>, answer: &mut Pieces) {
    match random.below(14) {
        0 | 1 => script.push(format!("response_headers: {}", edit(random, 2))),
        2 => script.push(format!("response_headers: {}; return 1", reply(random))),
        3 if script.iter().all(|line| !line.starts_with("call_response")) => {
            script.push("response_headers: call answers /q 150; return 1".to_owned());
            script.push("response_body: return 1".to_owned());
            script.push(answered(random, 1));
        }
        4 => script.push("response_headers: close 1".to_owned()),
        5 | 6 => {
            // A local reply has a length too.
            script.push("response_headers: remove 2 content-length; return 1".to_owned());
            script.push("response_body: return 1".to_owned());
            without_length(answer);
            let change = put(random, 1);
            script.push(format!("response_body end: body 1 0 200; {change}; return 0"));
            script.push(format!("response_trailers: {change}; return 0"));
        }
        7 => {
            without_length(answer);
            script.push("response_headers: remove 2 content-length".to_owned());
            script.push(format!("response_body: {}", put(random, 1)));
        }
        8 => script.push(format!("response_body {}: {}; return 1", 1 + random.below(3), reply(random))),
        9 => script.push("response_trailers: get 3 x-probe-tail; add 3 x-probe-more 1".to_owned()),
        _ => {}
    }
}
