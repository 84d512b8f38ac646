//! Nothing secret is written down: canaries go through the gate in every place where secrets travel, and are looked
//! for in every file and answer that it leaves.
#![allow(
    clippy::or_fun_call,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a failing test panics, and says so"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use actgate_demo::http::Exchange;
use actgate_harness::mint::{Tamper, TokenSpec, random_token_id};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome, Wire},
    h2::{self, Frames},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::{CODER, Issuer, alice, now, through},
    verdict::{Verdicts, equal, holds},
};
use serde_json::json;

const DEV: &str = "/secrets/v1/kv/dev/db";

/// Random texts by the place where each travels, none of which may be written down.
#[derive(Default)]
struct Canaries(BTreeMap<String, String>);

impl Canaries {
    /// A fresh one.
    fn plant(&mut self, place: &str) -> String {
        // Base64url: letters that survive headers, queries and cookies as they are.
        let canary = format!("canary{}", random_token_id().replace(['-', '_'], "x"));
        self.0.insert(place.to_owned(), canary.clone());
        canary
    }

    /// A token: neither it nor a part of it may be written down.
    fn token(&mut self, place: &str, token: String) -> String {
        for (index, part) in token.split('.').enumerate().skip(1).filter(|(_, part)| !part.is_empty()) {
            self.0.insert(format!("{place}, part {index}"), part.to_owned());
        }
        token
    }

    /// A token with a canary among its claims.
    fn claiming(&mut self, place: &str, issuer: &Issuer, mut spec: TokenSpec) -> String {
        let canary = self.plant(&format!("{place}, a claim"));
        spec.claims.insert("note".to_owned(), json!({ "deep": [canary] }));
        let token = issuer.mint(&spec);
        self.token(place, token)
    }

    /// The places whose canary is in these bytes.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let text = String::from_utf8_lossy(bytes);
        self.0
            .iter()
            .filter(|(_, canary)| text.contains(canary.as_str()))
            .map(|(place, _)| place.as_str())
            .collect()
    }
}

/// What is sent, and with which status it is answered.
struct Probe {
    name: &'static str,
    bytes: Vec<u8>,
    status: u16,
}

fn probes(canaries: &mut Canaries, issuer: &Issuer) -> Vec<Probe> {
    let good = canaries.claiming("a good token", issuer, alice());
    let bearer = format!("authorization: Bearer {good}\r\n");
    let mut probes = Vec::new();
    let mut add = |name, status, line: &str, lines: &str, body: &str| {
        let bytes = format!("{line} HTTP/1.1\r\nhost: gateway.demo\r\n{lines}\r\n{body}").into_bytes();
        probes.push(Probe { name, bytes, status });
    };
    let get = format!("GET {DEV}");
    let with = |line: String| format!("{bearer}{line}\r\n");
    let length = |body: &str| with(format!("content-length: {}", body.len()));

    // Allowed: everything that travels with it.
    let headers = format!(
        "x-api-key: {}\r\ncookie: session={}\r\nproxy-authorization: Basic {}\r\nreferer: http://x/?{}\r\nuser-agent: {}\r\n\
         tracestate: a={}\r\nbaggage: a={}\r\nx-forwarded-for: {}\r\nx-request-id: {}",
        canaries.plant("a header"),
        canaries.plant("a cookie"),
        canaries.plant("Proxy-Authorization"),
        canaries.plant("Referer"),
        canaries.plant("User-Agent"),
        canaries.plant("tracestate"),
        canaries.plant("baggage"),
        canaries.plant("X-Forwarded-For"),
        canaries.plant("X-Request-Id"),
    );
    add("allowed", 200, "GET /secrets/v1/kv/dev/canary", &with(headers), "");
    add(
        "not there",
        404,
        "GET /secrets/v1/kv/dev/none",
        &with(format!("x-a: {}", canaries.plant("a header, 404"))),
        "",
    );

    // Refused by policy.
    let body = format!(r#"{{"password":"{}"}}"#, canaries.plant("the body of a PUT"));
    add("denied", 403, &format!("PUT {DEV}"), &length(&body), &body);
    add(
        "held",
        403,
        "GET /secrets/v1/kv/prod/db",
        &with(format!("x-a: {}", canaries.plant("a header, held"))),
        "",
    );
    add(
        "no route",
        403,
        "GET /secrets/v1/sys/mounts",
        &with(format!("x-a: {}", canaries.plant("a header, no route"))),
        "",
    );
    let mallory = canaries.claiming("mallory's token", issuer, through(CODER, "mallory@demo"));
    add("mallory", 403, &get, &format!("authorization: Bearer {mallory}\r\n"), "");

    // Refused for their form.
    let body = canaries.plant("a body where there is none");
    add("a body", 400, &get, &length(&body), &body);
    for (name, query) in [
        ("a query", format!("token={}", canaries.plant("a query"))),
        ("a declared-looking query", format!("list=true&password={}", canaries.plant("a second parameter"))),
        ("a bare query", canaries.plant("the name of a parameter")),
        ("a malformed query", format!("a={}%zz", canaries.plant("a malformed query"))),
        ("a query twice", format!("a={0}&a={0}", canaries.plant("a doubled parameter"))),
    ] {
        add(name, 400, &format!("{get}?{query}"), &bearer, "");
    }
    add(
        "a query without token",
        401,
        &format!("{get}?access_token={}", canaries.plant("a query, no token")),
        "",
        "",
    );
    for (name, line) in [
        ("the store's token", format!("x-vault-token: {}", canaries.plant("X-Vault-Token"))),
        ("the store's cookie", format!("cookie: token={}", canaries.plant("the store's cookie"))),
        ("an override", format!("x-original-url: /?{}", canaries.plant("X-Original-URL"))),
        ("two ranges", format!("range: {0}\r\nrange: {0}", canaries.plant("a doubled header"))),
        ("an expectation", format!("expect: {}", canaries.plant("Expect"))),
        ("an upgrade", format!("http2-settings: {}", canaries.plant("HTTP2-Settings"))),
    ] {
        add(name, 400, &get, &with(line), "");
    }

    // Refused for their credential.
    let expired =
        canaries.claiming("an expired token", issuer, TokenSpec { issued_at: now() - 3600, ..alice() });
    let foreign = canaries.claiming("a foreign token", &Issuer::new(), alice());
    let unsigned = canaries.claiming(
        "an unsigned token",
        issuer,
        TokenSpec { tamper: vec![Tamper::AlgorithmNone], ..alice() },
    );
    let bound = TokenSpec {
        claims: [("cnf".to_owned(), json!({ "jkt": canaries.plant("cnf") }))].into_iter().collect(),
        ..alice()
    };
    let bound = canaries.claiming("a bound token", issuer, bound);
    let nobody = canaries.claiming("a token without actor", issuer, TokenSpec { actor: None, ..alice() });
    for token in [expired, foreign, unsigned, bound, nobody] {
        add("a bad token", 401, &get, &format!("authorization: Bearer {token}\r\n"), "");
    }
    for (name, status, value) in [
        ("an opaque token", 401, format!("Bearer {}", canaries.plant("an opaque token"))),
        (
            "an opaque token with dots",
            401,
            format!("Bearer {0}.{0}.{0}", canaries.plant("an opaque token with dots")),
        ),
        ("a password", 400, format!("Basic {}", canaries.plant("a password"))),
        ("an API key", 400, canaries.plant("an API key")),
        ("two tokens", 400, format!("Bearer {good}, Bearer {}", canaries.plant("a second token"))),
    ] {
        add(name, status, &get, &format!("authorization: {value}\r\n"), "");
    }

    // Refused by the proxy before the gate.
    for (name, status, lines, body) in [
        (
            "an underscore",
            400,
            with(format!("x_vault_token: {}", canaries.plant("a header with an underscore"))),
            "",
        ),
        (
            "two framings",
            400,
            with(format!(
                "x-a: {}\r\ncontent-length: 5\r\ntransfer-encoding: chunked",
                canaries.plant("a header, CL and TE")
            )),
            "0\r\n\r\n",
        ),
        ("a bad length", 400, with(format!("content-length: {}", canaries.plant("Content-Length"))), ""),
        (
            "a bad framing",
            501,
            with(format!("transfer-encoding: {}", canaries.plant("Transfer-Encoding"))),
            "",
        ),
        ("no colon", 400, with(canaries.plant("a line that is no header")), ""),
    ] {
        add(name, status, &get, &lines, body);
    }
    // Envoy's own record of what it refused has the path with its fragment, so there is no canary in that.
    add("a fragment", 400, &format!("{get}#x"), &bearer, "");
    add(
        "a query and a fragment",
        400,
        &format!("{get}?a={}#x", canaries.plant("a query before a fragment")),
        &bearer,
        "",
    );
    add(
        "an old version's query",
        400,
        &format!("{get}?a={} HTTP/3.7 x", canaries.plant("a query in a bad line")),
        &bearer,
        "",
    );
    let user = format!("GET http://gateway:{}@gateway.demo{DEV}", canaries.plant("a password in the target"));
    add("a password in the target", 200, &user, &bearer, "");
    let user = canaries.plant("a password in Host");
    probes.push(Probe {
        name: "a password in Host",
        bytes: format!("GET {DEV} HTTP/1.1\r\nhost: gateway:{user}@gateway.demo\r\n{bearer}\r\n")
            .into_bytes(),
        status: 400,
    });
    probes
}

/// Requests that only HTTP/2 has.
fn frames(canaries: &mut Canaries, issuer: &Issuer) -> Vec<(&'static str, Frames)> {
    let token = format!("Bearer {}", canaries.claiming("a token in HTTP/2", issuer, alice()));
    let with = |method, path: &str, authority: &str, more: &[(&str, &str)], last| {
        let fields = [
            (":method", method),
            (":scheme", "http"),
            (":authority", authority),
            (":path", path),
            ("authorization", &token),
        ];
        Frames::default().headers(&[&fields, more].concat(), last)
    };
    let host = "gateway.demo";
    let trailer = canaries.plant("a trailer");
    let trailers = [("x-secret", trailer.as_str())];
    let header = canaries.plant("a header in HTTP/2");
    let data = canaries.plant("a body in HTTP/2");
    let query = format!("{DEV}?token={}", canaries.plant("a query in HTTP/2"));
    let cut = format!("{DEV}?token={} x", canaries.plant("a query that ends the stream"));
    let user = format!("a:{}@gateway.demo", canaries.plant("a password in :authority"));
    let bad = canaries.plant("a header that ends the stream");
    vec![
        ("trailers", with("GET", DEV, host, &[], false).headers(&trailers, true)),
        (
            "a body and trailers",
            with("GET", DEV, host, &[("x-a", &header)], false)
                .data(data.as_bytes(), false)
                .headers(&trailers, true),
        ),
        ("a query", with("GET", &query, host, &[], true)),
        ("a bad path", with("GET", &cut, host, &[], true)),
        ("a password in :authority", with("GET", DEV, &user, &[], true)),
        ("an upper-case name", with("GET", DEV, host, &[("X-Secret", &bad)], true)),
    ]
}

/// The files of the stack that something is logged to: all but the programs' own inputs and the store's data.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // The store's own folder holds the secrets, that is what it is for.
            if name != "vault" {
                found.extend(logs(&path));
            }
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_is_found_anywhere() {
    let Some(setup) = Setup::find(Needs::Vault) else { return };
    let issuer = Issuer::new();
    let mut canaries = Canaries::default();
    let state = State::new(&setup, &Template::read(setup.root()));
    let vault = state.vault().await;
    let value = canaries.plant("a value of the store");
    seed(&vault, &value).await;
    canaries.0.insert("the operator's token".to_owned(), vault.root_token().to_owned());
    let gateway_token = fs::read_to_string(&vault.upstream().token_file).expect("a token");
    canaries.0.insert("the gateway's token".to_owned(), gateway_token.trim().to_owned());
    let gateway = Gateway::start(state, Departure::none(&setup, &issuer), vault.upstream().clone()).await;

    let mut verdicts = Verdicts::default();
    let ledger = ledger::from_now(&gateway.ledger());
    let mut count = 0;
    // The second time with all that the plugin and Envoy's wasm host say.
    for (level, stage) in [("level=info", "info"), ("wasm=trace", "debug")] {
        gateway.admin("POST", &format!("/logging?{level}")).await;
        let probes = probes(&mut canaries, &issuer);
        count += probes.len();
        for probe in &probes {
            let outcome = h1::send(gateway.address(), &probe.bytes).await;
            let verdict = match &outcome {
                Outcome::Reply(reply) => {
                    let answer = [reply.head.as_slice(), &reply.body].concat();
                    // The store's own value is what an allowed client asked for.
                    let found: Vec<&str> = canaries
                        .found_in(&answer)
                        .into_iter()
                        .filter(|place| !(reply.status == 200 && *place == "a value of the store"))
                        .collect();
                    equal("status", reply.status, probe.status).and(equal(
                        "told to the client",
                        found,
                        [""; 0],
                    ))
                }
                outcome @ (Outcome::Closed | Outcome::Silence) => Err(format!("{outcome:?}")),
            };
            verdicts.row(&format!("{stage}: {}", probe.name), verdict);
        }
        let frames = frames(&mut canaries, &issuer);
        count += frames.len();
        for (name, frames) in &frames {
            let answer = h2::send(gateway.address(), frames).await;
            let found = canaries.found_in(&answer.body);
            let found: Vec<&str> = found.into_iter().filter(|_| answer.status != Some(200)).collect();
            verdicts.row(&format!("{stage}: HTTP/2 {name}"), equal("told to the client", found, [""; 0]));
        }
    }
    // One that leaves while its body is awaited.
    let token = canaries.claiming("the token of one that leaves", &issuer, alice());
    let mut wire = Wire::connect(gateway.address()).await;
    let body = canaries.plant("the body of one that leaves");
    let head = format!(
        "GET {DEV} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\nx-a: {body}\r\n\r\n"
    );
    wire.write(head.as_bytes()).await;
    wire.reply(Duration::from_millis(300)).await;
    drop(wire);
    count += 1;

    let records = ledger::records(&ledger, count).await;
    verdicts.row("one record for each", equal("records", records.len(), count));
    let stats = gateway.admin("GET", "/stats?format=json").await;
    verdicts.row("statistics", equal("canaries", canaries.found_in(stats.as_bytes()), [""; 0]));
    let state = gateway.stop().await;
    let logs = logs(state.path());
    let mut looked_at = Vec::new();
    for path in &logs {
        let bytes = fs::read(path).expect("a file");
        let name = path.strip_prefix(state.path()).unwrap_or(path).display().to_string();
        verdicts.row(&name, equal("canaries", canaries.found_in(&bytes), [""; 0]));
        looked_at.push((name, bytes.len()));
    }
    for must in ["ledger.jsonl", "logs/envoy.log"] {
        let full = looked_at.iter().any(|(name, size)| name == must && *size > 0);
        verdicts.row(must, holds(full, format!("is empty or was not looked at: {looked_at:?}")));
    }
    // The search finds what is there.
    verdicts.row(
        "the search works",
        holds(canaries.found_in(value.as_bytes()) == ["a value of the store"], "it does not"),
    );
    verdicts.conclude();
}

async fn seed(vault: &actgate_demo::vault::Vault, value: &str) {
    let headers = [("x-vault-token", vault.root_token()), ("content-type", "application/json")];
    let body = json!({ "password": value }).to_string();
    let address = vault.upstream().address;
    let exchange = Exchange {
        headers: &headers,
        body: body.as_bytes(),
        ..Exchange::new(address, "POST", "/v1/kv/dev/canary")
    };
    exchange.succeed().await.expect("a secret");
}
