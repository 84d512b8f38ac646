//! What a request costs, counted and not timed: instructions of the module, hostcalls and bytes across the boundary,
//! by the wasmtime host. The table is `tests/costs.txt`; `BLESS=1 cargo test --package actgate-tests --test costs`
//! writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use actgate_harness::{
    case::{Origin, Setup, TokenPlan},
    host::{
        Answer, Entropy, Forwarded, Headers, Module, ModuleOptions, Plugin, Request, Response, Shared,
        Upstream, Usage, Vm,
    },
};
use actgate_tests::cases::artifact::{Obstacle, is_ci, obstacle};
use serde_json::json;

const NOW: i64 = 1_800_000_000;

/// Keys are made anew for each run, so that hashing and big numbers take a little more or less: in percent.
const TOLERANCE: u64 = 2;

/// How often a warm request is made before it counts: nothing is left to be set up then.
const WARM_UP: usize = 3;

/// One kind of request.
struct Scenario {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
    /// Whether the token was seen before.
    warm: bool,
    status: u16,
}

/// What is counted.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    instructions: u64,
    hostcalls: u64,
    bytes_in: u64,
    bytes_out: u64,
}

struct Behind;

impl Upstream for Behind {
    fn answer(&mut self, _: &Forwarded) -> Answer {
        Answer::Response(Response { headers: Headers::new([(":status", "200")]), ..Response::default() })
    }
}

fn scenarios() -> Vec<Scenario> {
    let get = |name, path, warm, status| Scenario {
        name,
        method: "GET",
        path,
        headers: &[],
        body: Vec::new(),
        warm,
        status,
    };
    let line = format!(
        "{} {} refs/heads/agent/x\0 report-status-v2 side-band-64k object-format=sha1 agent=git/2",
        "1".repeat(40),
        "2".repeat(40)
    );
    let push = format!("{:04x}{line}0000PACK", line.len() + 4);
    let manifest = format!("{{\"layers\":\"{}\"}}", "x".repeat(1024 - 13));
    vec![
        get("allow, token known", "/secrets/v1/kv/dev/db", true, 200),
        get("allow, token new", "/secrets/v1/kv/dev/db", false, 200),
        get("deny", "/secrets/v1/kv/other/db", true, 403),
        get("hold", "/secrets/v1/kv/prod/db", true, 403),
        get("no route", "/secrets/v1/sys/health", true, 403),
        Scenario {
            name: "deploy, 1 KiB body",
            method: "PUT",
            path: "/v2/payments/manifests/staging",
            headers: &[("content-type", "application/vnd.oci.image.manifest.v1+json")],
            body: manifest.into_bytes(),
            warm: true,
            status: 200,
        },
        Scenario {
            name: "git push",
            method: "POST",
            path: "/git/payments.git/git-receive-pack",
            headers: &[("content-type", "application/x-git-receive-pack-request")],
            body: push.into_bytes(),
            warm: true,
            status: 200,
        },
    ]
}

fn token(setup: &Setup, id: &str) -> String {
    let plan = json!({ "issuer": "demo", "sub": "alice@demo", "act": "spiffe://demo/agent/coder" });
    let plan: TokenPlan = serde_json::from_value(plan).unwrap();
    setup.mint(&plan, NOW, id).unwrap()
}

fn request(scenario: &Scenario, token: &str) -> Request {
    let authorization = format!("Bearer {token}");
    let own = [
        (":authority", "gateway.example"),
        (":path", scenario.path),
        (":method", scenario.method),
        (":scheme", "http"),
        ("user-agent", "agent/1.0"),
        ("accept", "*/*"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("authorization", authorization.as_str()),
        ("x-request-id", "0c3e2e4f-1f0a-4e0e-9a3a-3d2d4c1b2a10"),
    ];
    let chunks = if scenario.body.is_empty() { Vec::new() } else { vec![scenario.body.clone()] };
    let headers = Headers::new(own.into_iter().chain(scenario.headers.iter().copied()));
    Request { headers, chunks, ..Request::default() }
}

fn measure(vm: &mut Vm, setup: &Setup, scenario: &Scenario) -> Cost {
    let mut usage = Usage::default();
    let known = token(setup, "known");
    for round in 0..=WARM_UP {
        let fresh = token(setup, &format!("{}-{round}", scenario.name.len()));
        let token = if scenario.warm { &known } else { &fresh };
        let done = vm.exchange(request(scenario, token), &mut Behind);
        assert_eq!(done.failure, None, "{}", scenario.name);
        let status = done.client.map(|client| client.status());
        assert_eq!(status, Some(scenario.status), "{}", scenario.name);
        usage = done.usage;
    }
    Cost {
        instructions: usage.fuel.unwrap(),
        hostcalls: usage.hostcall_count(),
        bytes_in: usage.bytes_in,
        bytes_out: usage.bytes_out,
    }
}

fn table(costs: &[(&str, Cost)]) -> String {
    let mut text = format!(
        "{:<22}{:>14}{:>11}{:>10}{:>11}\n",
        "request", "instructions", "hostcalls", "bytes in", "bytes out"
    );
    for (name, Cost { instructions, hostcalls, bytes_in, bytes_out }) in costs {
        writeln!(text, "{name:<22}{instructions:>14}{hostcalls:>11}{bytes_in:>10}{bytes_out:>11}").unwrap();
    }
    text
}

fn read(text: &str) -> BTreeMap<String, Cost> {
    let row = |line: &str| {
        let mut words = line.split_whitespace().rev();
        let mut number = || words.next().unwrap().parse().unwrap();
        let (bytes_out, bytes_in, hostcalls, instructions) = (number(), number(), number(), number());
        let mut name: Vec<&str> = words.collect();
        name.reverse();
        (name.join(" "), Cost { instructions, hostcalls, bytes_in, bytes_out })
    };
    text.lines().skip(1).map(row).collect()
}

fn near(one: u64, other: u64) -> bool {
    one.abs_diff(other) * 100 <= one.max(other) * TOLERANCE
}

#[test]
fn requests_cost_what_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    match obstacle(root) {
        None => {}
        Some(Obstacle::Missing(what)) if !is_ci() => {
            eprintln!("SKIPPED: {what}");
            return;
        }
        Some(Obstacle::Missing(what) | Obstacle::Stale(what)) => panic!("{what}"),
    }
    let options =
        ModuleOptions { cache: Some(root.join("target/wasm-cache")), fuel: true, ..ModuleOptions::default() };
    let module = Module::read(&root.join("target/actgate.wasm"), &options).unwrap();
    let setup = Setup::of(&Origin::Config(root.join("demo/actgate.yaml"))).unwrap();
    let bundle = serde_json::to_string(setup.bundle()).unwrap();
    let now = u64::try_from(NOW).unwrap() * 1_000_000_000;
    let mut vm =
        Vm::load(&module, Plugin::new("actgate", bundle), Shared::new(), Entropy::seeded(0), now).unwrap();
    let start = vm.take_usage();
    let mut costs: Vec<(&str, Cost)> =
        scenarios().iter().map(|scenario| (scenario.name, measure(&mut vm, &setup, scenario))).collect();
    costs.insert(
        0,
        (
            "start",
            Cost {
                instructions: start.fuel.unwrap(),
                hostcalls: start.hostcall_count(),
                bytes_in: start.bytes_in,
                bytes_out: start.bytes_out,
            },
        ),
    );
    eprintln!("linear memory: {} KiB", vm.memory_size() / 1024);
    let found = table(&costs);
    let file = root.join("tests/costs.txt");
    if env::var_os("BLESS").is_some_and(|value| !value.is_empty()) {
        fs::write(&file, &found).unwrap();
        return;
    }
    let wanted = read(&fs::read_to_string(&file).unwrap_or_default());
    let differs = |(name, cost): &&(&str, Cost)| {
        wanted.get(*name).is_none_or(|wanted| {
            cost.hostcalls != wanted.hostcalls
                || !near(cost.instructions, wanted.instructions)
                || !near(cost.bytes_in, wanted.bytes_in)
                || !near(cost.bytes_out, wanted.bytes_out)
        })
    };
    let changed: Vec<&str> = costs.iter().filter(differs).map(|(name, _)| *name).collect();
    assert!(
        changed.is_empty() && wanted.len() == costs.len(),
        "the cost of {changed:?} is not what tests/costs.txt says by {TOLERANCE} %; found:\n{found}\n\
         `BLESS=1 cargo test --package actgate-tests --test costs` takes it over"
    );
}
