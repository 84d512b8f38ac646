//! Headers that ask for another call, another credential or another hop.

use actgate_tests::e2e::gateway::INJECTED;

use crate::case::{Case, DEV, Expect, Kit};

pub(crate) fn rows(kit: &Kit) -> Vec<Case> {
    let mut rows = Vec::new();
    let refused = Expect::Gate(400, "header_refused");
    for header in [
        // Another method or path than the request line's.
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X-Method: DELETE",
        "X-Original-Method: DELETE",
        "X-Forwarded-Method: DELETE",
        "X-Original-URL: /v1/kv/prod/db",
        "X-Original-URI: /v1/kv/prod/db",
        "X-Rewrite-URL: /v1/kv/prod/db",
        "X-Forwarded-Uri: /v1/kv/prod/db",
        "X-Forwarded-Path: /v1/kv/prod/db",
        "X.HTTP.Method.Override: DELETE",
        // The store's own credential and what changes the meaning of a call to it.
        "X-Vault-Token: root",
        "x-vault-token: root",
        "X-Vault-Token:",
        "X.Vault.Token: root",
        "X-Vault-Namespace: other",
        "X-Vault-Wrap-TTL: 60",
        "X-Vault-Policy-Override: true",
        "X-Vault-MFA: x",
        "Cookie: token=root",
        "Cookie: a=b; token=root",
        "Cookie: a=b;token=root",
        "Cookie: a=b, token=root",
        "Cookie: Token=root",
        "Cookie: \"token\"=root",
        "Cookie: token =root",
        "Cookie: %74oken=root",
        "Cookie: token[0]=root",
        // What the next hop is to drop, expect or switch to.
        "Expect: 200-maybe",
    ] {
        rows.push(kit.with_headers(header, &[header], refused));
    }
    // `_` is `-` to many a backend; the proxy refuses it whatever the name.
    for header in [
        "X_HTTP_Method_Override: DELETE",
        "X_HTTP-Method_Override: DELETE",
        "X_Original_URL: /v1/kv/prod/db",
        "X_Vault_Token: root",
        "x-vault_token: root",
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
        "x_actgate_subject: admin",
    ] {
        rows.push(kit.with_headers(header, &[header], Expect::Proxy(400)));
    }
    for (first, second) in [
        ("Content-Type: text/plain", "Content-Type: application/json"),
        ("Cookie: a=b", "Cookie: c=d"),
        ("Range: bytes=0-1", "Range: bytes=0-9"),
        ("Git-Protocol: version=2", "Git-Protocol: version=0"),
        ("Mcp-Method: tools/list", "Mcp-Method: tools/call"),
    ] {
        let name = format!("{first} and {second}");
        rows.push(kit.with_headers(&name, &[first, second], Expect::Gate(400, "header_duplicate")));
    }
    // Envoy joins these two.
    let twice = ["Expect: 100-continue", "Expect: 100-continue"];
    rows.push(kit.with_headers("Expect twice", &twice, refused));
    rows.extend(malformed(kit));
    rows.extend(hosts(kit));
    rows
}

fn malformed(kit: &Kit) -> Vec<Case> {
    let token = kit.token();
    let many: Vec<String> = (0..200).map(|number| format!("x-{number}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let large = format!("x-large: {}", "x".repeat(70 * 1024));
    let start = format!("GET {DEV} HTTP/1.1\r\nhost: gateway.demo\r\n");
    let proxy = Expect::Proxy(400);
    let raw = |name: &str, rest: String, expect| Case::h1(name, format!("{start}{rest}\r\n\r\n"), expect);
    vec![
        // Envoy takes away what `Connection` names, before anybody looks.
        raw(
            "a credential that is taken away",
            format!("connection: authorization\r\nauthorization: Bearer {token}"),
            Expect::Gate(401, "token_missing"),
        ),
        raw("a space before the colon", format!("authorization : Bearer {token}"), proxy),
        raw("a tab before the colon", format!("authorization\t: Bearer {token}"), proxy),
        raw("a leading space", format!(" authorization: Bearer {token}"), proxy),
        raw("no colon", format!("authorization: Bearer {token}\r\nnonsense"), proxy),
        raw("no name", format!("authorization: Bearer {token}\r\n: x"), proxy),
        raw("a NUL", format!("authorization: Bearer {token}\r\nx-a: b\0c"), proxy),
        raw("a control character", format!("authorization: Bearer {token}\r\nx-a: b\u{1}c"), proxy),
        raw("a name with a slash", format!("authorization: Bearer {token}\r\nx/a: b"), proxy),
        raw("a name with bytes over 0x7E", format!("authorization: Bearer {token}\r\nx-\u{e4}: b"), proxy),
        raw("a pseudo-header", format!("authorization: Bearer {token}\r\n:path: /v1/kv/prod/db"), proxy),
        raw("another pseudo-header", format!("authorization: Bearer {token}\r\n:method: DELETE"), proxy),
        kit.with_headers("200 headers", &many, Expect::Proxy(431)),
        kit.with_headers("70 KiB of header", &[&large], Expect::Proxy(431)),
        kit.with_headers(
            "the gateway's credential",
            &[&format!("x-vault-token: {INJECTED}")],
            Expect::Gate(400, "header_refused"),
        ),
    ]
}

fn hosts(kit: &Kit) -> Vec<Case> {
    let token = kit.token();
    let hosted = |name: &str, lines: &str, expect| {
        Case::h1(name, format!("GET {DEV} HTTP/1.1\r\n{lines}authorization: Bearer {token}\r\n\r\n"), expect)
    };
    let malformed = Expect::Gate(400, "request_malformed");
    let proxy = Expect::Proxy(400);
    vec![
        hosted("no host", "", proxy),
        hosted("an empty host", "host:\r\n", malformed),
        hosted("two hosts", "host: gateway.demo\r\nhost: evil.demo\r\n", malformed),
        hosted("the same host twice", "host: gateway.demo\r\nhost: gateway.demo\r\n", malformed),
        hosted("two hosts in one", "host: gateway.demo,evil.demo\r\n", malformed),
        hosted("a user in the host", "host: a:b@gateway.demo\r\n", malformed),
        hosted("a path in the host", "host: gateway.demo/v1/kv/prod/db?\r\n", proxy),
        hosted("a dot behind the host", "host: gateway.demo.\r\n", malformed),
        hosted("port 0", "host: gateway.demo:0\r\n", malformed),
        hosted("port 99999", "host: gateway.demo:99999\r\n", malformed),
        hosted("a port that is a word", "host: gateway.demo:http\r\n", malformed),
        hosted("an escape in the host", "host: gateway%2Edemo\r\n", malformed),
    ]
}
