//! Bodies, methods, versions and framing that two readers understand differently.

use actgate_tests::e2e::tokens::alice;

use crate::case::{Case, DEV, Expect, Kit};

pub(crate) fn rows(kit: &Kit) -> Vec<Case> {
    let mut rows = bodies(kit);
    rows.extend(framing(kit));
    rows.extend(methods(kit));
    rows.extend(upgrades(kit));
    rows
}

const JSON: &str = r#"{"password":"overwritten"}"#;

fn bodies(kit: &Kit) -> Vec<Case> {
    let unexpected = Expect::Gate(400, "body_not_allowed");
    let denied = Expect::Gate(403, "policy_denied");
    let length = |length: usize| format!("content-length: {length}");
    let large = "x".repeat(2 << 20);
    let chunked_large: String = (0..32).map(|_| format!("10000\r\n{}\r\n", "x".repeat(65_536))).collect();
    vec![
        kit.with_rest("GET with a body", "GET", &[&length(JSON.len())], JSON, unexpected),
        kit.with_rest("GET with a byte", "GET", &["content-length: 1"], "x", unexpected),
        kit.with_rest(
            "GET with chunks",
            "GET",
            &["transfer-encoding: chunked"],
            "1\r\nx\r\n0\r\n\r\n",
            unexpected,
        ),
        kit.with_rest("GET with 2 MiB", "GET", &[&length(large.len())], &large, unexpected),
        kit.with_rest(
            "GET with 2 MiB in chunks",
            "GET",
            &["transfer-encoding: chunked"],
            &format!("{chunked_large}0\r\n\r\n"),
            unexpected,
        ),
        kit.with_rest(
            "GET that announces and waits",
            "GET",
            &["content-length: 5", "expect: 100-continue"],
            "",
            unexpected,
        ),
        kit.with_rest("DELETE with a body", "DELETE", &[&length(JSON.len())], JSON, unexpected),
        kit.with_rest("LIST with a body", "LIST", &[&length(JSON.len())], JSON, unexpected),
        kit.with_rest("PUT", "PUT", &[&length(JSON.len())], JSON, denied),
        kit.with_rest("PUT in chunks", "PUT", &["transfer-encoding: chunked"], "1\r\nx\r\n0\r\n\r\n", denied),
        kit.with_rest("PUT of 2 MiB", "PUT", &[&length(large.len())], &large, denied),
        kit.with_rest(
            "PUT that expects 100",
            "PUT",
            &["expect: 100-continue", &length(JSON.len())],
            JSON,
            denied,
        ),
        kit.with_rest("PUT whose body never comes", "PUT", &["content-length: 1000000"], "", denied),
        kit.with_rest(
            "POST with a method in a form",
            "POST",
            &["content-type: application/x-www-form-urlencoded", "content-length: 14"],
            "_method=DELETE\n",
            denied,
        ),
        kit.with_rest("PUT in gzip", "PUT", &["content-encoding: gzip", "content-length: 1"], "x", denied),
    ]
}

fn framing(kit: &Kit) -> Vec<Case> {
    let proxy = Expect::Proxy(400);
    let chunked = "transfer-encoding: chunked";
    let end = "0\r\n\r\n";
    let put =
        |name: &str, lines: &[&str], rest: &str, expect| kit.with_rest(name, "PUT", lines, rest, expect);
    vec![
        put("CL and TE", &["content-length: 5", chunked], end, proxy),
        put("TE and CL", &[chunked, "content-length: 5"], end, proxy),
        put("two lengths", &["content-length: 5", "content-length: 6"], "abcdef", proxy),
        put("the same length twice", &["content-length: 5", "content-length: 5"], "abcde", proxy),
        put("a list of lengths", &["content-length: 5, 5"], "abcde", proxy),
        put("a length with a sign", &["content-length: +5"], "abcde", proxy),
        put("a negative length", &["content-length: -5"], "abcde", proxy),
        put("a length in hexadecimal", &["content-length: 0x5"], "abcde", proxy),
        put("a length beyond all numbers", &["content-length: 99999999999999999999"], "abcde", proxy),
        put("an empty length", &["content-length:"], "abcde", proxy),
        put(
            "a length with a zero before it",
            &["content-length: 05"],
            "abcde",
            Expect::Gate(400, "request_malformed"),
        ),
        put("TE: gzip, chunked", &["transfer-encoding: gzip, chunked"], end, Expect::Proxy(501)),
        put("TE: identity", &["transfer-encoding: identity"], end, Expect::Proxy(501)),
        put("TE: xchunked", &["transfer-encoding: xchunked"], end, Expect::Proxy(501)),
        put("TE: chunked, chunked", &["transfer-encoding: chunked, chunked"], end, Expect::Proxy(501)),
        put("TE twice", &[chunked, chunked], end, Expect::Proxy(501)),
        put("TE with a tab", &["transfer-encoding:\tchunked\t,"], end, Expect::Proxy(501)),
        put("TE with a quote", &["transfer-encoding: \"chunked\""], end, Expect::Proxy(501)),
        put("TE with a vertical tab", &["transfer-encoding: \u{b}chunked"], end, proxy),
        put("TE folded", &["transfer-encoding:\r\n chunked"], end, Expect::Gate(403, "policy_denied")),
        put("TE with a space before the colon", &["transfer-encoding : chunked"], end, proxy),
    ]
}

fn methods(kit: &Kit) -> Vec<Case> {
    let line = |name: &str, line: String, expect| kit.with_line(name, &line, expect);
    let unknown = Expect::Gate(403, "route_unknown");
    let malformed = Expect::Gate(400, "request_malformed");
    let mut rows = vec![
        line("LIST", "LIST /secrets/v1/kv/dev HTTP/1.1".to_owned(), Expect::Gate(403, "policy_denied")),
        line("HTTP/1.0", format!("GET {DEV} HTTP/1.0"), Expect::Proxy(426)),
        line("HTTP/0.9", format!("GET {DEV}"), Expect::Proxy(426)),
        line("HTTP/1.2", format!("GET {DEV} HTTP/1.2"), Expect::Proxy(426)),
        line("HTTP/2.0 in words", format!("GET {DEV} HTTP/2.0"), Expect::Proxy(426)),
        line("http/1.1", format!("GET {DEV} http/1.1"), Expect::Proxy(400)),
        line("a method with a colon", format!("GE:T {DEV} HTTP/1.1"), Expect::Proxy(400)),
        line("no method", format!(" {DEV} HTTP/1.1"), Expect::Proxy(400)),
        line("a long method", format!("{} {DEV} HTTP/1.1", "G".repeat(64)), malformed),
    ];
    for method in ["OPTIONS", "TRACE", "PATCH", "PROPFIND", "PURGE", "M-SEARCH", "READ", "GETX", "MERGE"] {
        rows.push(line(method, format!("{method} {DEV} HTTP/1.1"), unknown));
    }
    for method in ["get", "Get", "list", "dElEtE"] {
        rows.push(line(method, format!("{method} {DEV} HTTP/1.1"), malformed));
    }
    rows
}

fn upgrades(kit: &Kit) -> Vec<Case> {
    let upgrade = |name: &str, lines: &[&str], expect| kit.with_headers(name, lines, expect);
    let connect =
        |name: &str, target: &str, expect| kit.with_line(name, &format!("CONNECT {target} HTTP/1.1"), expect);
    let token = kit.issuer().mint(&alice());
    let tunnel = Expect::Gate(400, "upgrade_refused");
    vec![
        upgrade(
            "websocket",
            &[
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ],
            Expect::Proxy(403),
        ),
        upgrade("websocket in capitals", &["Connection: upgrade", "Upgrade: WebSocket"], Expect::Proxy(403)),
        upgrade("an unknown protocol", &["Connection: Upgrade", "Upgrade: spdy/3"], Expect::Proxy(403)),
        upgrade(
            "HTTP2-Settings alone",
            &["HTTP2-Settings: AAMAAABkAAQAAP__"],
            Expect::Gate(400, "upgrade_refused"),
        ),
        connect("CONNECT to a host", "127.0.0.1:8200", tunnel),
        connect("CONNECT to a path", DEV, Expect::Proxy(400)),
        Case::h1(
            "CONNECT with another host",
            format!(
                "CONNECT 127.0.0.1:8200 HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\r\nGET /v1/kv/prod/db HTTP/1.1\r\n\r\n"
            ),
            tunnel,
        ),
    ]
}
