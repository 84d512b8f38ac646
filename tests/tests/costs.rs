//! What the plugin asks of its host and how many instructions it executes, counted in the wasmtime host: no clock and no
//! other load has a part in it. The table is `tests/costs.json`; `BLESS=1` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a failing test panics, and says so"
)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use actgate_authz::{BundleDocument, TextDocument};
use actgate_control::ledger::record_digest;
use actgate_harness::{
    host::{
        Answer, Callout, CalloutOutcome, Entropy, Exchange, Forwarded, Headers, Module, ModuleOptions,
        Plugin, Request, Response, Shared, Upstream, Usage, Vm,
    },
    mint::TokenSpec,
};
use actgate_tests::e2e::{
    bundle,
    setup::{Needs, Setup},
    tokens::{Issuer, alice, now},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// How far a count may be from the table, in percent. Keys, times and ids differ from run to run, and with them the
/// length of a few numbers and the places of a few hashes.
const TOLERANCE: f64 = 3.0;

/// How much dearer than a permit a denial may be. The aim is 1: what is left is the refusal's document and its words.
const DENIAL: f64 = 1.1;

/// How far the same call may be dearer with many policies or entities than with few, in percent.
const FLATNESS: f64 = 10.0;

/// A laboratory: the module, compiled so that it counts.
struct Laboratory {
    setup: Setup,
    module: Module,
    issuer: Issuer,
}

struct Everybody;

impl Upstream for Everybody {
    fn answer(&mut self, _: &Forwarded) -> Answer {
        Answer::Response(Response::new(200, "ok"))
    }
}

impl Laboratory {
    fn open() -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let cache = Some(setup.root().join("target/wasm-cache"));
        let options = ModuleOptions { cache, fuel: true, ..ModuleOptions::default() };
        let module = Module::read(&setup.layout().plugin().unwrap(), &options).expect("the plugin");
        Some(Self { setup, module, issuer: Issuer::new() })
    }

    fn bundle(&self) -> BundleDocument {
        bundle::demo(self.setup.root(), self.issuer.key_set())
    }

    fn vm(&self, bundle: &BundleDocument) -> Vm {
        let mut plugin = Plugin::new("actgate", serde_json::to_string(bundle).unwrap());
        plugin.clusters.insert("control".to_owned(), true);
        let now = u64::try_from(now()).unwrap() * 1_000_000_000;
        Vm::load(&self.module, plugin, Shared::new(), Entropy::seeded(1), now).expect("a VM")
    }

    /// Counts a request that was made before, so that nothing is done for the first time.
    fn warm(&self, vm: &mut Vm, request: &Request, status: u16) -> Usage {
        let mut usage = Usage::default();
        for _ in 0..3 {
            usage = played(vm, request, status).usage;
        }
        usage
    }
}

fn played(vm: &mut Vm, request: &Request, status: u16) -> Exchange {
    let done = vm.exchange(request.clone(), &mut Everybody);
    let client = done.client.as_ref().expect("a response");
    assert_eq!(client.status(), status, "{}", String::from_utf8_lossy(&client.body()));
    done
}

/// A ledger's service that takes everything.
fn take(callout: &Callout) -> Value {
    let text = std::str::from_utf8(&callout.body).unwrap();
    if callout.headers.text(":path") == Some("/v1/attempts") {
        let record = text.split_once(",\"record\":").unwrap().1.strip_suffix('}').unwrap();
        let id: Value = serde_json::from_str::<Value>(record).unwrap()["id"].clone();
        let digest = URL_SAFE_NO_PAD.encode(record_digest(record));
        return json!({ "id": id, "digest": format!("sha-256:{digest}") });
    }
    let batch: Value = serde_json::from_str(text).unwrap();
    let events = batch["events"].as_array().unwrap();
    json!({ "stored": events.len(), "known": 0, "last": events.last().unwrap()["sequence"] })
}

/// Answers everything that the plugin has asked.
fn answer(vm: &mut Vm) -> usize {
    let callouts = vm.take_callouts();
    for callout in &callouts {
        let (headers, body) = (Headers::new([(":status", "200")]), take(callout).to_string().into_bytes());
        let trailers = Headers::default();
        vm.answer_callout(callout.token, CalloutOutcome::Response { headers, body, trailers });
    }
    callouts.len()
}

/// A request step by step, whose attempt is stored where it has to be.
fn stored_first(vm: &mut Vm, request: &Request) -> Usage {
    drop(vm.take_usage());
    let stream = vm.open([]);
    vm.request_headers(stream, request.headers.clone(), true);
    assert_eq!(answer(vm), 1, "its attempt is stored");
    vm.response_headers(stream, Headers::new([(":status", "200")]), true);
    assert!(vm.is_ended(stream), "it goes on");
    drop(vm.close(stream));
    vm.take_usage()
}

/// A token with an id of a fixed length.
fn token(issuer: &Issuer, number: usize) -> String {
    issuer.mint(&TokenSpec { token_id: format!("costs-{number:06}"), ..alice() })
}

fn get(path: &str, token: &str) -> Request {
    let headers = Headers::new([
        (":method", "GET"),
        (":path", path),
        (":authority", "gateway.demo"),
        (":scheme", "http"),
        ("user-agent", "costs/1"),
        ("accept", "*/*"),
        ("authorization", format!("Bearer {token}").as_str()),
    ]);
    Request { headers, ..Request::default() }
}

/// An MCP call of about 1 KiB.
fn mcp(token: &str) -> Request {
    let text = "x".repeat(820);
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "write_file", "arguments": { "path": "drafts/note.txt", "content": text } },
    });
    let body = body.to_string().into_bytes();
    let headers = Headers::new([
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "gateway.demo"),
        (":scheme", "http"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-06-18"),
        ("content-length", body.len().to_string().as_str()),
        ("authorization", format!("Bearer {token}").as_str()),
    ]);
    Request { headers, chunks: vec![body], ..Request::default() }
}

fn row(usage: &Usage) -> Value {
    json!({
        "hostcalls": usage.hostcall_count(),
        "callbacks": usage.callbacks.values().sum::<u64>(),
        "bytes_to_host": usage.bytes_out,
        "bytes_from_host": usage.bytes_in,
        "allocations_for_host": usage.callbacks.get("proxy_on_memory_allocate").copied().unwrap_or(0),
        "instructions": usage.fuel.expect("it counts"),
    })
}

#[test]
fn the_costs_are_those_of_the_table_and_a_denial_is_hardly_dearer_than_a_permit() {
    let Some(laboratory) = Laboratory::open() else { return };
    let mut vm = laboratory.vm(&laboratory.bundle());
    let known = token(&laboratory.issuer, 0);
    let mut measured = BTreeMap::new();
    let allow = get("/secrets/v1/kv/dev/db", &known);
    measured.insert("allow", row(&laboratory.warm(&mut vm, &allow, 200)));
    let deny = get("/secrets/v1/kv/none/db", &known);
    measured.insert("deny", row(&laboratory.warm(&mut vm, &deny, 403)));
    let hold = get("/secrets/v1/kv/prod/db", &known);
    measured.insert("hold", row(&laboratory.warm(&mut vm, &hold, 403)));
    let mut anonymous = get("/secrets/v1/kv/dev/db", "");
    anonymous.headers = Headers::new(
        anonymous
            .headers
            .iter()
            .filter(|(name, _)| *name != b"authorization")
            .map(|(n, v)| (n.to_vec(), v.to_vec())),
    );
    measured.insert("no-token", row(&laboratory.warm(&mut vm, &anonymous, 401)));
    let cold = get("/secrets/v1/kv/dev/db", &token(&laboratory.issuer, 1));
    measured.insert("cold-es256", row(&played(&mut vm, &cold, 200).usage));
    measured.insert("mcp-1kib", row(&laboratory.warm(&mut vm, &mcp(&known), 200)));

    // The same call where records are delivered: one by one, a batch of them, and stored before it goes on.
    let with = |ledger: Value| {
        let mut bundle = laboratory.bundle();
        bundle.config.value["ledger"] = ledger;
        laboratory.vm(&bundle)
    };
    let mut vm = with(json!({ "delivery": "buffered", "cluster": "control" }));
    for _ in 0..97 {
        played(&mut vm, &allow, 200);
    }
    measured.insert("allow-buffered", row(&laboratory.warm(&mut vm, &allow, 200)));
    drop(vm.take_usage());
    vm.tick();
    assert_eq!(answer(&mut vm), 1);
    measured.insert("batch-of-100", row(&vm.take_usage()));
    let mut vm = with(json!({ "delivery": "durable", "cluster": "control" }));
    let mut usage = Usage::default();
    for _ in 0..3 {
        usage = stored_first(&mut vm, &allow);
    }
    measured.insert("allow-durable", row(&usage));

    let file: PathBuf = laboratory.setup.root().join("tests/costs.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, format!("{:#}\n", json!(measured))).unwrap();
    }
    eprintln!("{:#}", json!(measured));
    let table: BTreeMap<String, BTreeMap<String, f64>> =
        serde_json::from_str(&fs::read_to_string(&file).expect("the table")).expect("the table");
    let mut wrong = Vec::new();
    for (scenario, counts) in &measured {
        for (what, count) in counts.as_object().unwrap() {
            let (is, was) = (count.as_f64().unwrap(), table[*scenario][what]);
            // A few hostcalls and bytes are exact numbers, of which a percentage says nothing.
            let allowed = (was * TOLERANCE / 100.0).max(if what.starts_with("bytes") { 16.0 } else { 0.0 });
            if (is - was).abs() > allowed {
                wrong.push(format!("{scenario}: {what} {is}, in the table {was}"));
            }
        }
    }
    assert!(wrong.is_empty(), "look why, and write the table anew with BLESS=1:\n{}", wrong.join("\n"));
    let instructions = |scenario: &str| measured[scenario]["instructions"].as_f64().unwrap();
    assert!(
        instructions("deny") <= instructions("allow") * DENIAL,
        "a denial executes {} instructions, a permit {}",
        instructions("deny"),
        instructions("allow")
    );
}

/// So many policies more, of other secrets, and so many entities more.
fn grown(base: &BundleDocument, policies: usize, entities: usize) -> BundleDocument {
    let mut bundle = base.clone();
    let pack = bundle::secrets(&mut bundle);
    let mut text = String::new();
    for number in 0..policies {
        text.push_str(&format!(
            "@id(\"grown.{number}\") permit (principal == Agent::\"demo/grown-{number}\", action == \
             Action::\"secrets.read\", resource == Secrets::Secret::\"kv/grown/{number}\");\n"
        ));
    }
    pack.policies.push(TextDocument { file: "grown.cedar".to_owned(), text });
    let document = pack.entities.as_mut().expect("the secrets pack has entities");
    let list = document.value.as_array_mut().expect("a list");
    let groups = entities / 100 + 1;
    list.extend((0..entities).map(|number| {
        let id = |name: &str, number: usize| json!({ "type": name, "id": format!("demo/grown-{number}") });
        let parents = [id("Group", number % groups)];
        json!({ "uid": id("User", number), "attrs": {}, "parents": parents })
    }));
    list.extend((0..groups).map(|number| {
        json!({ "uid": { "type": "Group", "id": format!("demo/grown-{number}") }, "attrs": {}, "parents": [] })
    }));
    bundle
}

#[test]
fn a_decision_costs_the_same_with_many_policies_and_many_entities() {
    let Some(laboratory) = Laboratory::open() else { return };
    let base = laboratory.bundle();
    let known = token(&laboratory.issuer, 0);
    let allow = get("/secrets/v1/kv/dev/db", &known);
    let deny = get("/secrets/v1/kv/none/db", &known);
    let sizes = [(1, 10), (10, 10), (100, 1000), (1000, 1000), (10_000, 1000), (100, 10_000), (100, 100_000)];
    let mut least: Option<[u64; 2]> = None;
    eprintln!("policies entities    allow     deny  memory");
    for (policies, entities) in sizes {
        let mut vm = laboratory.vm(&grown(&base, policies, entities));
        let counts = [(&allow, 200), (&deny, 403)]
            .map(|(request, status)| laboratory.warm(&mut vm, request, status).fuel.expect("it counts"));
        let mebibytes = vm.memory_size() >> 20;
        eprintln!("{policies:8} {entities:8} {:8} {:8} {mebibytes:3} MiB", counts[0], counts[1]);
        if policies == 100 && entities == 1000 {
            assert!(mebibytes <= 32, "{mebibytes} MiB for a worker");
        }
        let least = *least.get_or_insert(counts);
        for (count, least) in counts.iter().zip(least) {
            let more = (*count as f64 / least as f64 - 1.0) * 100.0;
            assert!(more.abs() <= FLATNESS, "{policies} policies, {entities} entities: {more:.1} % more");
        }
    }
}
