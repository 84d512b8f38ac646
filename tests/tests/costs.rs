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
use actgate_harness::host::{Callout, CalloutOutcome, Headers, Request, Usage, Vm};
use actgate_tests::{
    costs::{Laboratory, Scenario, played, warm},
    e2e::bundle,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// How far a count may be from the table, in percent. Keys, times and ids differ from run to run, and with them the
/// length of a few numbers and the places of a few hashes.
const TOLERANCE: f64 = 3.0;

/// How many instructions more than a permit a denial may take: those of the refusal's document and its words. A share of the
/// permit would grow with what permits are made to cost. In Envoy a denial is no dearer: it makes one hostcall less.
const DENIAL: f64 = 12_000.0;

/// How far the same call may be dearer with many policies or entities than with few, in percent.
const FLATNESS: f64 = 10.0;

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
    let mut measured = BTreeMap::new();
    for (number, scenario) in Scenario::ALL.into_iter().enumerate() {
        let status = scenario.status();
        let usage = if scenario == Scenario::Cold {
            // The callbacks have run before; the token has not been there.
            played(&mut vm, &laboratory.request(scenario, number), status).usage
        } else {
            warm(&mut vm, &laboratory.request(scenario, 0), status)
        };
        measured.insert(scenario.name(), row(&usage));
    }

    // The same call where records are delivered: one by one, a batch of them, and stored before it goes on.
    let with = |ledger: Value| {
        let mut bundle = laboratory.bundle();
        bundle.config.value["ledger"] = ledger;
        laboratory.vm(&bundle)
    };
    let allow = laboratory.request(Scenario::Allow, 0);
    let mut vm = with(json!({ "delivery": "buffered", "cluster": "control" }));
    for _ in 0..97 {
        played(&mut vm, &allow, 200);
    }
    measured.insert("allow-buffered", row(&warm(&mut vm, &allow, 200)));
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

    let file: PathBuf = laboratory.setup().root().join("tests/costs.json");
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
        instructions("deny") <= instructions("allow") + DENIAL,
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
    let (allow, deny) = (laboratory.request(Scenario::Allow, 0), laboratory.request(Scenario::Deny, 0));
    let sizes = [(1, 10), (10, 10), (100, 1000), (1000, 1000), (10_000, 1000), (100, 10_000), (100, 100_000)];
    let mut least: Option<[u64; 2]> = None;
    eprintln!("policies entities    allow     deny  memory");
    for (policies, entities) in sizes {
        let mut vm = laboratory.vm(&grown(&base, policies, entities));
        let counts = [(&allow, 200), (&deny, 403)]
            .map(|(request, status)| warm(&mut vm, request, status).fuel.expect("it counts"));
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
