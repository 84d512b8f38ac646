//! The conformance suite of MCP against real servers: with the gate in the way, and policies that permit everything, every
//! scenario ends as it does without.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test panics, and says so"
)]

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, time::SystemTime};

use actgate_demo::{
    mcp::Mcp,
    server::{Launch, Server},
    tool::Tool,
};
use actgate_harness::case::{Origin, Setup as CaseSetup};
use actgate_tests::{
    cases::routes,
    e2e::{
        gateway::{Departure, Gateway, State},
        served::Served,
        setup::{Needs, Setup},
    },
};
use serde_json::json;

/// What the suite says of each scenario: its checks that passed and that failed.
type Verdicts = BTreeMap<String, String>;

struct Stage {
    setup: Setup,
    state: State,
    pack: PathBuf,
    cases: CaseSetup,
}

// === impl Stage ===

impl Stage {
    fn set() -> Option<Self> {
        let setup = Setup::find(Needs::McpSuite)?;
        let pack = setup.root().join("tests/packs/mcp-open");
        let cases =
            CaseSetup::of(&Origin::Pack(pack.clone())).unwrap_or_else(|findings| panic!("{findings:?}"));
        let state = State::new(&setup, &routes::template(setup.root(), cases.routes()));
        Some(Self { setup, state, pack, cases })
    }

    fn module(&self, path: &str) -> PathBuf {
        self.setup.layout().mcp_suite(&format!("node_modules/@modelcontextprotocol/{path}"))
    }

    /// The servers' own reference: tools, prompts and resources of every kind, in sessions.
    async fn everything(&self) -> (Server, SocketAddr) {
        let node = self.setup.layout().mcp_suite("node");
        let script = self.module("server-everything/dist/index.js");
        let preload = self.setup.root().join("tests/mcp-suite/loopback.cjs");
        let started = Server::on_free_port(self.state.layout(), "/", |address| {
            let arguments = vec![
                format!("PORT={}", address.port()).into(),
                node.clone().into(),
                "--require".into(),
                preload.clone().into(),
                script.clone().into(),
                "streamableHttp".into(),
            ];
            Ok(Launch { name: "everything", program: "/usr/bin/env".into(), arguments })
        });
        started.await.unwrap_or_else(|error| panic!("server-everything does not start: {error}"))
    }

    /// The token which the suite has not.
    fn token(&self) -> String {
        let plan = serde_json::from_value(json!({
            "issuer": "demo", "sub": "alice@demo", "act": "spiffe://demo/agent/coder", "ttl": "50m",
        }));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
        let now = i64::try_from(now).expect("a time");
        self.cases.mint(&plan.expect("a plan"), now, "suite").expect("a token")
    }

    async fn envoy(&self, upstream: SocketAddr) -> Gateway {
        let state = State::new(&self.setup, &routes::template(self.setup.root(), self.cases.routes()));
        let upstream = state.upstream(upstream);
        let bundle = serde_json::to_string(self.cases.bundle()).expect("a bundle");
        Gateway::start(state, Departure::configured(bundle), upstream).await
    }

    async fn suite(&self, address: SocketAddr, version: &str) -> Verdicts {
        let script = self.module("conformance/dist/index.js");
        let out = self.state.folder().join(format!("suite-{}-{version}", address.port()));
        let (script, out) = (script.display().to_string(), out.display().to_string());
        let url = format!("http://{address}/mcp");
        let arguments = [
            script.as_str(),
            "server",
            "--url",
            &url,
            "--spec-version",
            version,
            "--suite",
            "all",
            "-o",
            &out,
        ];
        let preload = self.setup.root().join("tests/mcp-suite/token.cjs").display().to_string();
        let arguments = ["--require", &preload].into_iter().chain(arguments);
        let tool = Tool::new(self.setup.layout().mcp_suite("node"), arguments.map(str::to_owned));
        let tool = tool.variable("ACTGATE_TOKEN", self.token());
        let finished = tool.finish().await.expect("the suite");
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        let summary = text.rsplit_once("=== SUMMARY ===").map(|(_, summary)| summary.to_owned());
        let summary = summary.unwrap_or_else(|| panic!("no summary: {text}\n{}", finished.stderr));
        summary
            .lines()
            .filter(|line| line.starts_with(['\u{2713}', '\u{2717}']))
            .filter_map(|line| line.split_once(": "))
            .map(|(name, verdict)| (name.to_owned(), verdict.to_owned()))
            .collect()
    }

    /// The verdicts on a server, with and without the gate; `least` scenarios pass without it, so that they say something.
    async fn compare(&self, server: SocketAddr, version: &str, least: usize) {
        let without = self.suite(server, version).await;
        let passed = without.keys().filter(|name| name.starts_with('\u{2713}')).count();
        assert!(passed >= least, "{version}: {passed} of {} scenarios pass without the gate", without.len());
        let envoy = self.envoy(server).await;
        let served = Served::start(&self.setup, &self.cases, std::slice::from_ref(&self.pack), server).await;
        for (name, gateway) in [("Envoy", envoy.address()), ("actgate serve", served.address())] {
            let with = self.suite(gateway, version).await;
            let differ: BTreeMap<&String, Option<&String>> = with
                .iter()
                .filter(|(name, verdict)| without.get(*name) != Some(*verdict))
                .map(|(name, _)| (name, with.get(name)))
                .collect();
            assert_eq!(with, without, "{version}: through {name} {differ:?}");
        }
        // A suite that went past the gate would pass as well.
        for ledger in [envoy.ledger(), served.ledger()] {
            let records = fs::read_to_string(&ledger).expect("a ledger").lines().count();
            assert!(records >= without.len(), "{version}: {records} records for {} scenarios", without.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_everything_is_judged_as_without_the_gate() {
    let Some(stage) = Stage::set() else { return };
    let (_server, address) = stage.everything().await;
    stage.compare(address, "2025-11-25", 11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_the_sdk_is_judged_as_without_the_gate_in_both_generations() {
    let Some(stage) = Stage::set() else { return };
    let server = Mcp::start(stage.state.layout()).await.expect("the demo's server");
    for (version, least) in [("2025-11-25", 4), ("2026-07-28", 4)] {
        stage.compare(server.address(), version, least).await;
    }
}
