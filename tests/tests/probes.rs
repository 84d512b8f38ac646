//! One probe per corner of the ABI, played in the wasmtime host and in a real Envoy: what can be seen of it must be
//! the same. `cargo test --test probes` says by its first failing line where the host departs from Envoy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a failing test panics, and says so"
)]

mod probes_table;

use std::{env, fmt::Write as _, path::Path};

use actgate_demo::layout::Layout;
use actgate_tests::probes::{
    envoy::Envoy,
    module,
    scenario::{Observation, Scenario, script},
    simulated::Simulated,
};
use probes_table::SCENARIOS;

/// Everything that was seen in one place, as text.
fn shown(observations: &[Observation]) -> String {
    observations.iter().fold(String::new(), |mut text, one| {
        write!(text, "{one}").expect("a string");
        text
    })
}

fn chosen() -> Vec<Scenario> {
    let filter = env::var("PROBE").unwrap_or_default();
    SCENARIOS.iter().filter(|scenario| scenario.name.contains(&filter)).copied().collect()
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[tokio::test]
async fn the_host_and_envoy_are_seen_to_do_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a repository");
    let program = match Layout::new(root).envoy() {
        Ok(program) => program,
        Err(error) if env::var_os("CI").is_some_and(|value| !value.is_empty()) => panic!("{error}"),
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            return;
        }
    };
    let path = module::build(root);
    let module = Simulated::compile(&path, &root.join("target/wasm-cache"));
    let text = script(SCENARIOS);
    let mut differences = Vec::new();
    for stops_on_headers in [true, false] {
        let mut simulated = Simulated::start(&module, &text, stops_on_headers);
        let mut envoy = Envoy::start(&program, &path, &text, stops_on_headers).await;
        for scenario in chosen().iter().filter(|scenario| scenario.stops_on_headers == stops_on_headers) {
            let host = shown(&simulated.play(scenario));
            if let Some(why) = scenario.exception {
                eprintln!("{}: not in Envoy: {why}", scenario.name);
                assert!(!host.is_empty());
                continue;
            }
            let real = match envoy.play(scenario).await {
                Ok(observations) => shown(&observations),
                Err(log) => {
                    differences.push(format!("== {}\nEnvoy died of it:\n{log}", scenario.name));
                    envoy = Envoy::start(&program, &path, &text, stops_on_headers).await;
                    continue;
                }
            };
            if env::var_os("PROBE_SHOW").is_some() {
                eprintln!("== {}\n{real}", scenario.name);
            }
            if host != real {
                differences.push(format!("== {}\n-- Envoy:\n{real}-- host:\n{host}", scenario.name));
            }
        }
    }
    assert!(differences.is_empty(), "{} probes differ:\n{}", differences.len(), differences.join("\n"));
}
