//! What stands behind the plugin: where it is missing, misconfigured or broken, nothing passes.
#![allow(
    clippy::or_fun_call,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a failing test panics, and says so"
)]

use std::{fs, time::Duration};

use actgate_authz::BundleDocument;
use actgate_demo::{
    envoy::Sentinel,
    error::DemoError,
    recorder::{Recorder, Script},
};
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome},
    h2::{self, Frames},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
    verdict::{Verdicts, equal, holds, is_refusal, text},
};
use serde_json::json;

const DEV: &str = "/secrets/v1/kv/dev/db";

/// What a client might take for the plugin's word.
const FAKES: [&str; 9] = [
    "",
    "actgate: permit:secrets\r\n",
    "wasm.actgate: permit:secrets\r\n",
    "x-actgate: permit:secrets\r\n",
    "x-actgate-decision: permit:secrets\r\n",
    "x-envoy-filter-state: wasm.actgate=permit:secrets\r\n",
    "x-envoy-dynamic-metadata: wasm.actgate=permit:secrets\r\n",
    "x-filter-state: wasm.actgate=permit:secrets\r\n",
    "cookie: wasm.actgate=permit:secrets\r\n",
];

/// A gateway before a recorder.
struct Stage {
    gateway: Gateway,
    upstream: Recorder,
    issuer: Issuer,
}

impl Stage {
    async fn set(
        change: impl FnOnce(&mut Template),
        depart: impl FnOnce(&Setup, &Issuer, &State) -> Departure,
    ) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let issuer = Issuer::new();
        let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
        let mut template = Template::read(setup.root());
        change(&mut template);
        let state = State::new(&setup, &template);
        let departure = depart(&setup, &issuer, &state);
        let token = state.upstream(upstream.address());
        let gateway = Gateway::start(state, departure, token).await;
        Some(Self { gateway, upstream, issuer })
    }

    fn request(&self, method: &str, lines: &str, body: &str) -> Vec<u8> {
        self.request_to(DEV, method, lines, body)
    }

    fn request_to(&self, path: &str, method: &str, lines: &str, body: &str) -> Vec<u8> {
        let token = self.issuer.good();
        let lines = format!("host: gateway.demo\r\nauthorization: Bearer {token}\r\n{lines}");
        format!("{method} {path} HTTP/1.1\r\n{lines}\r\n{body}").into_bytes()
    }

    async fn send(&self, method: &str, lines: &str, body: &str) -> Outcome {
        h1::send(self.gateway.address(), &self.request(method, lines, body)).await
    }

    fn saw_nothing(&self) -> Result<(), String> {
        let seen = self.upstream.seen();
        holds(seen.connections == 0 && seen.is_nothing(), format!("the upstream saw {seen:?}"))
    }

    /// A good request and all that pretend to be decided already: the sentinel refuses every one.
    async fn refuses_everything(&self, stage: &str, decision: &str) {
        let mut verdicts = Verdicts::default();
        for fake in FAKES {
            let ledger = ledger::from_now(&self.gateway.ledger());
            let outcome = self.send("GET", fake, "").await;
            let records = ledger::records(&ledger, 1).await;
            let verdict = match (&outcome, records.as_slice()) {
                (Outcome::Reply(reply), [record]) => equal("status", reply.status, 403)
                    .and(equal("stage", record.stage(), stage))
                    .and(equal("decision", record.decision(), decision))
                    .and(holds(!record.was_forwarded(), "recorded as forwarded"))
                    .and(holds(
                        text(record.value(), "/executed/details").starts_with("rbac_access_denied"),
                        "not by the sentinel",
                    )),
                (outcome, records) => Err(format!("{outcome:?} and {} records", records.len())),
            };
            verdicts.row(fake.trim_end(), self.saw_nothing().and(verdict));
        }
        verdicts.conclude();
    }
}

fn untouched(_: &mut Template) {}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_plugin_nothing_passes() {
    let stage = Stage::set(untouched, |_, _, _| Departure::without_plugin()).await;
    let Some(stage) = stage else { return };
    stage.refuses_everything("rejected_by_proxy", "").await;
}

/// What a route may demand that is not the permit for this service.
const OTHERS: [(&str, &str); 6] = [
    ("another", "permit:deploy"),
    ("a-shorter", "permit:secret"),
    ("a-longer", "permit:secrets2"),
    ("capitals", "permit:SECRETS"),
    ("no-service", "permit:"),
    ("observe", "observe:secrets"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_for_one_service_does_not_open_another() {
    let routes = |template: &mut Template| {
        for (name, marker) in OTHERS {
            template.add_route(&format!("/secrets/v1/kv/dev/{name}"), marker);
        }
    };
    let stage = Stage::set(routes, |setup, issuer, _| Departure::none(setup, issuer)).await;
    let Some(stage) = stage else { return };
    let mut verdicts = Verdicts::default();
    for (name, _) in OTHERS {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let path = format!("/secrets/v1/kv/dev/{name}");
        let outcome = h1::send(stage.gateway.address(), &stage.request_to(&path, "GET", "", "")).await;
        let records = ledger::records(&ledger, 1).await;
        let verdict = match (&outcome, records.as_slice()) {
            // The gate did permit it, and the ledger says that it was not carried out.
            (Outcome::Reply(reply), [record]) => equal("status", reply.status, 403)
                .and(equal("decision", record.decision(), "allow"))
                .and(equal("recorded status", record.value()["executed"]["status"].as_u64(), Some(403)))
                .and(holds(!record.was_forwarded(), "recorded as forwarded")),
            (outcome, records) => Err(format!("{outcome:?} and {} records", records.len())),
        };
        verdicts.row(name, stage.saw_nothing().and(verdict));
    }
    let outcome = stage.send("GET", "", "").await;
    let passed = matches!(&outcome, Outcome::Reply(reply) if reply.status == 200);
    verdicts.row("the service's own route", holds(passed, format!("{outcome:?}")));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_without_a_sentinel_of_its_own_is_closed() {
    let depart = |setup: &Setup, issuer: &Issuer, _: &State| Departure {
        sentinel: Sentinel::Default,
        ..Departure::none(setup, issuer)
    };
    let Some(stage) = Stage::set(untouched, depart).await else { return };
    stage.refuses_everything("decided", "allow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fake_marker_helps_nobody_whom_the_gate_refuses() {
    let stage = Stage::set(untouched, |setup, issuer, _| Departure::none(setup, issuer)).await;
    let Some(stage) = stage else { return };
    let mut verdicts = Verdicts::default();
    for fake in FAKES {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let outcome = stage.send("DELETE", fake, "").await;
        let records = ledger::records(&ledger, 1).await;
        let verdict = match (&outcome, records.as_slice()) {
            (Outcome::Reply(reply), [record]) => is_refusal(reply, 403, "policy_denied", record),
            (outcome, records) => Err(format!("{outcome:?} and {} records", records.len())),
        };
        verdicts.row(fake.trim_end(), stage.saw_nothing().and(verdict));
    }
    verdicts.conclude();
}

/// The demo's bundle with writing permitted, and decided on the whole body.
fn body_decides(setup: &Setup, issuer: &Issuer) -> Departure {
    let mut bundle = bundle::demo(setup.root(), issuer.key_set());
    bundle::permit_writing(&mut bundle);
    for route in bundle::secrets(&mut bundle).catalog.value["routes"].as_array_mut().expect("routes") {
        if route["body"] == "ignore" {
            route["body"] = json!("whole");
            route["max_body"] = json!(1024);
        }
    }
    Departure::configured(serde_json::to_string(&bundle).expect("a bundle"))
}

/// Requests whose body decides, over both protocols and in every framing.
async fn send_bodies(stage: &Stage) -> Vec<(&'static str, Option<u16>)> {
    let large = "x".repeat(1025);
    let length = format!("content-length: {}\r\n", large.len());
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let chunked = "transfer-encoding: chunked\r\n";
    let mut outcomes = Vec::new();
    for (name, lines, body) in [
        ("a body", "content-length: 2\r\n", "{}"),
        ("a body in chunks", chunked, "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
        ("a body with trailers", chunked, "2\r\n{}\r\n0\r\nx-http-method-override: GET\r\n\r\n"),
        ("a large body", length.as_str(), large.as_str()),
        ("a large body in chunks", chunked, chunk.as_str()),
    ] {
        outcomes.push((
            name,
            match stage.send("PUT", lines, body).await {
                Outcome::Reply(reply) => Some(reply.status),
                Outcome::Closed | Outcome::Silence => None,
            },
        ));
    }
    let token = format!("Bearer {}", stage.issuer.good());
    let head = Frames::default().headers(
        &[
            (":method", "PUT"),
            (":scheme", "http"),
            (":authority", "gateway.demo"),
            (":path", DEV),
            ("authorization", &token),
        ],
        false,
    );
    for (name, frames) in [
        ("HTTP/2: a body", head.clone().data(b"{}", true)),
        ("HTTP/2: a body in pieces", head.clone().data(b"{", false).data(b"}", true)),
        ("HTTP/2: a body with trailers", head.clone().data(b"{}", false).headers(&[("x-sum", "1")], true)),
        ("HTTP/2: nothing but trailers", head.clone().headers(&[("x-sum", "1")], true)),
        (
            "HTTP/2: a large body with trailers",
            head.data(large.as_bytes(), false).headers(&[("x-sum", "1")], true),
        ),
    ] {
        outcomes.push((name, h2::send(stage.gateway.address(), &frames).await.status));
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_decides_is_decided_before_anything_is_forwarded() {
    let stage = Stage::set(untouched, |setup, issuer, _| body_decides(setup, issuer)).await;
    let Some(stage) = stage else { return };
    let mut verdicts = Verdicts::default();
    for (name, status) in send_bodies(&stage).await {
        let should = if name.contains("large") { 413 } else { 200 };
        verdicts.row(name, equal("status", status, Some(should)));
    }
    let seen = stage.upstream.seen();
    verdicts.row("what was small arrived", equal("requests", seen.requests.len(), 7));
    verdicts.row(
        "none with trailers",
        holds(!seen.contains(b"x-sum") && !seen.contains(b"override"), "trailers"),
    );
    let whole = seen.requests.iter().all(|request| request.body == b"{}" || request.body.is_empty());
    verdicts.row("whole", holds(whole, "another body"));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_knob_a_body_that_decides_hangs_and_never_passes() {
    let brief = |template: &mut Template| template.manager()["stream_idle_timeout"] = json!("1s");
    let depart = |setup: &Setup, issuer: &Issuer, _: &State| Departure {
        stops_on_headers: false,
        ..body_decides(setup, issuer)
    };
    let Some(stage) = Stage::set(brief, depart).await else { return };
    let mut verdicts = Verdicts::default();
    let ledger = ledger::from_now(&stage.gateway.ledger());
    let outcomes = send_bodies(&stage).await;
    let unseen = stage.saw_nothing();
    verdicts.row("not a byte", unseen);
    let records = ledger::records(&ledger, outcomes.len()).await;
    verdicts.row("one record for each", equal("records", records.len(), outcomes.len()));
    for (name, status) in &outcomes {
        let passed = status.is_some_and(|status| status < 400);
        verdicts.row(name, holds(!passed, format!("{status:?}")));
    }
    for record in &records {
        let forwarded = record.was_forwarded() || record.decision() == "allow";
        verdicts.row("in the ledger", holds(!forwarded, record.value().to_string()));
    }
    // Where there is no body, the head decides, and that is not affected.
    for method in ["GET", "PUT"] {
        let outcome = stage.send(method, "", "").await;
        let passed = matches!(&outcome, Outcome::Reply(reply) if reply.status == 200);
        verdicts.row("a request without a body passes", holds(passed, format!("{outcome:?}")));
    }
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_does_not_start_with_a_bad_bundle() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let issuer = Issuer::new();
    let good = || bundle::demo(setup.root(), issuer.key_set());
    let written = |bundle: &BundleDocument| serde_json::to_string(bundle).expect("a bundle");
    let bent = |change: &dyn Fn(&mut BundleDocument)| {
        let mut bundle = good();
        change(&mut bundle);
        written(&bundle)
    };
    let policy = |text: &'static str| bent(&|bundle| bundle::secrets(bundle).policies[0].text.push_str(text));
    let template = Template::read(setup.root());
    let mut verdicts = Verdicts::default();
    for (name, bundle) in [
        ("nothing", String::new()),
        ("a misspelt key", bent(&|bundle| bundle.config.value["isuers"] = json!([]))),
        ("no keys", bent(&|bundle| bundle.config.value["issuers"][0]["jwks"] = json!({ "keys": [] }))),
        ("a policy that is none", policy("permit (")),
        (
            "an approval that is denied",
            policy(
                r#"@id("x") forbid (principal, action, resource) unless { !context.approvals.contains("security") };"#,
            ),
        ),
    ] {
        let upstream = Recorder::start(Script::text(200, "")).await.expect("a recorder");
        let state = State::new(&setup, &template);
        let log = state.layout().log("envoy");
        let token = state.upstream(upstream.address());
        let verdict = match Gateway::try_start(state, Departure::configured(bundle), token).await {
            Err(DemoError::ServerExited { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(gateway) => {
                Err(format!("it started, see {}: {}", log.display(), gateway.admin("GET", "/ready").await))
            }
        };
        verdicts.row(name, verdict);
    }
    verdicts.conclude();
}

/// Lets itself be configured and traps at the first request's headers, as a plugin does that has a bug.
const TRAPS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable))"#;

/// Lets every request through and decides nothing.
const NODS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_breaks_or_decides_nothing_lets_nothing_pass() {
    let mut verdicts = Verdicts::default();
    for (name, text, status) in [("one that traps", TRAPS, 503), ("one that nods", NODS, 403)] {
        let depart = |_: &Setup, _: &Issuer, state: &State| {
            let module = state.folder().join("module.wasm");
            fs::write(&module, wat::parse_str(text).expect("a module")).expect("a file");
            Departure { module: Some(module), ..Departure::configured("x") }
        };
        let Some(stage) = Stage::set(untouched, depart).await else { return };
        for fake in FAKES {
            let ledger = ledger::from_now(&stage.gateway.ledger());
            let outcome = stage.send("GET", fake, "").await;
            let records = ledger::records(&ledger, 1).await;
            let verdict = match (&outcome, records.as_slice()) {
                (Outcome::Reply(reply), [record]) => equal("status", reply.status, status)
                    .and(equal("stage", record.stage(), "rejected_by_proxy"))
                    .and(holds(!record.was_forwarded(), "recorded as forwarded")),
                (outcome, records) => Err(format!("{outcome:?} and {} records", records.len())),
            };
            verdicts.row(&format!("{name}, {}", fake.trim_end()), stage.saw_nothing().and(verdict));
        }
    }
    verdicts.conclude();
}

/// A client that leaves while its body is awaited leaves a record too.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_recorded() {
    let stage = Stage::set(untouched, |setup, issuer, _| body_decides(setup, issuer)).await;
    let Some(stage) = stage else { return };
    let ledger = ledger::from_now(&stage.gateway.ledger());
    let request = stage.request("PUT", "content-length: 10\r\n", "half");
    let outcome = h1::send_within(stage.gateway.address(), &request, Duration::from_millis(500)).await;
    assert_eq!(outcome, Outcome::Silence);
    let records = ledger::records(&ledger, 1).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].stage(), "aborted");
    assert_eq!(text(records[0].value(), "/attempted/subject"), "demo/alice@demo");
    assert!(!records[0].was_forwarded());
    stage.saw_nothing().expect("nothing arrived");
}
