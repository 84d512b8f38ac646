//! Two thousand generated exchanges through the wasmtime host and through Envoy: what the client and the upstream see
//! is the same, or the exchange is one of those that `EXCEPTIONS` names.
//!
//! `DIFFERENTIAL_SEED` is the first seed, `DIFFERENTIAL_COUNT` how many there are. A failure says how to play one alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use std::{env, fmt::Write as _, path::Path, sync::Arc, time::Instant};

use actgate_demo::layout::Layout;
use actgate_tests::{
    cases::artifact::{is_ci, obstacle},
    differential::{
        captured::Captured,
        envoy::Envoy,
        host::{Host, Played},
        live::Register,
        plan::{Plan, Protocol},
        real, scripts,
        seen::Seen,
        upstream::Upstream,
    },
    probes::{module, simulated::Simulated},
};
use tokio::{sync::Semaphore, task::JoinSet};

/// How many exchanges are under way at once.
const AT_ONCE: u64 = 24;

/// One in so many is through the plugin, the others are through the probe filter.
const PLUGIN: u64 = 3;

/// Where Envoy is seen to do something else, and why that may be so.
type Exception = (&'static str, fn(&Plan, &mut Seen, &mut Seen));

const EXCEPTIONS: &[Exception] = &[
    (
        "HTTP/2: the client's library tells of the reset of a response, and not of the head before it",
        |plan, host, real| {
            let is_broken = host.client.as_ref().is_some_and(|client| !client.complete);
            if plan.protocol == Protocol::Http2 && is_broken && real.client.is_none() {
                host.client = None;
            }
        },
    ),
    (
        "HTTP/2: a filter that answers its own reply on its head is shown the body of the first one before the stream \
         is destroyed, which its codec does later than that of HTTP/1",
        |plan, host, real| {
            let replies = real.lines.iter().filter(|line| line.starts_with("  reply")).count();
            if plan.protocol == Protocol::Http2 && replies > 1 {
                host.lines.retain(|line| !line.starts_with("response_body"));
                real.lines.retain(|line| !line.starts_with("response_body"));
            }
        },
    ),
    (
        "a response that the filter itself makes larger than may be held: Envoy makes the last callbacks in the middle \
         of that hostcall, the host after it",
        |_, host, real| {
            let is_too_large = |seen: &Seen| {
                seen.client.as_ref().is_some_and(|client| client.body == b"Internal Server Error")
            };
            if is_too_large(host) && is_too_large(real) {
                host.lines.sort();
                real.lines.sort();
            }
        },
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_exchanges_are_seen_to_be_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a repository");
    if let Some(obstacle) = obstacle(root) {
        assert!(!is_ci(), "{obstacle:?}");
        eprintln!("SKIPPED: {obstacle:?}");
        return;
    }
    let number = |name: &str, otherwise: u64| {
        env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
    };
    let (seed, count) = (number("DIFFERENTIAL_SEED", 1), number("DIFFERENTIAL_COUNT", 2000));
    eprintln!("seeds {seed} to {}", seed + count - 1);

    let start = Instant::now();
    let layout = Layout::new(root);
    let captured = Captured::of(root);
    let (probe, actgate) = (module::build(root), layout.plugin().expect("the plugin"));
    let cache = root.join("target/wasm-cache");
    let (own, plugin) = (Simulated::compile(&probe, &cache), Simulated::compile(&actgate, &cache));
    eprintln!("{} s for cases and modules", start.elapsed().as_secs());
    let mut host = Host::start(&own, &plugin, captured.setups());
    let register = Register::default();
    let upstream = Upstream::start(register.clone()).await;
    let program = layout.envoy().expect("Envoy");
    let setups = captured.setups();
    let mut envoy =
        Envoy::start(&program, &probe, &actgate, setups, upstream.address(), register.clone()).await;
    eprintln!("{} s to start", start.elapsed().as_secs());

    let plans = (seed..seed + count)
        .map(|seed| if seed % PLUGIN == 0 { captured.plan(seed) } else { scripts::plan(seed) });
    let mut differences = String::new();
    let (mut failed, mut done) = (Vec::new(), 0);
    let at_once = number("DIFFERENTIAL_AT_ONCE", AT_ONCE);
    let (places, shared) =
        (Arc::new(Semaphore::new(usize::try_from(at_once).expect("a size"))), Arc::new(envoy));
    let mut tasks = JoinSet::new();
    for plan in plans {
        let place = Arc::clone(&places).acquire_owned().await.expect("a place");
        let played = host.play(&plan, setups);
        let (envoy, register) = (Arc::clone(&shared), register.clone());
        tasks.spawn(async move {
            let real = real::play(&envoy, &register, &plan, &played).await;
            drop(place);
            (plan, played, real)
        });
        while let Some(result) = tasks.try_join_next() {
            compare(result.expect("a task"), &mut differences, &mut failed);
            done += 1;
        }
    }
    while let Some(result) = tasks.join_next().await {
        compare(result.expect("a task"), &mut differences, &mut failed);
        done += 1;
    }
    eprintln!("{done} exchanges in {} s", start.elapsed().as_secs());
    envoy = Arc::into_inner(shared).expect("the only one");
    let dead = if envoy.is_dead() { envoy.last_words() } else { String::new() };
    assert!(failed.is_empty() && dead.is_empty(), "{} differ: {failed:?}\n{differences}{dead}", failed.len());
}

type Done = (Plan, Played, Option<Seen>);

fn compare((plan, played, real): Done, differences: &mut String, failed: &mut Vec<u64>) {
    // Envoy's end is a failure of its own.
    let Some(real) = real else { return };
    let (mut host, mut real) = (played.seen.without_ids(), real.without_ids());
    if host != real {
        EXCEPTIONS.iter().for_each(|(_, allow)| allow(&plan, &mut host, &mut real));
    }
    if host == real {
        return;
    }
    failed.push(plan.seed);
    if failed.len() > 10 {
        return;
    }
    let moves: Vec<String> = played.moves.iter().map(|(made, _)| made.to_string()).collect();
    writeln!(
        differences,
        "== seed {}: {}\n  {:?} {} {}\n  {}\n  host:\n{host}  Envoy:\n{real}  alone: DIFFERENTIAL_SEED={} \
         DIFFERENTIAL_COUNT=1 cargo test -p actgate-tests --test differential -- --nocapture",
        plan.seed,
        plan.about,
        plan.protocol,
        plan.method,
        plan.path,
        moves.join(" "),
        plan.seed,
    )
    .expect("a string");
}
