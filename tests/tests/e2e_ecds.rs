//! Bundles that are swapped while Envoy runs: a hundred times under load with two workers, no request fails and none is
//! decided by a mixture. A bundle that does not load changes nothing, and Envoy counts it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a failing test panics, and says so"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actgate_authz::{BundleDocument, BundleId, TextDocument};
use actgate_demo::recorder::{Recorder, Script};
use actgate_harness::ecds;
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, State},
    h1::{Outcome, Wire},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

const SWAPS: usize = 100;
const CLIENTS: usize = 8;
/// How often each client asks: 200 requests a second of all together.
const PERIOD: Duration = Duration::from_millis(40);
const LIMIT: Duration = Duration::from_secs(10);

/// A bundle in which every policy says of which version it is: even ones permit `a`, odd ones `b`.
fn version(base: &BundleDocument, number: usize) -> BundleDocument {
    let mut bundle = base.clone();
    let pack = bundle::secrets(&mut bundle);
    let permitted = if number.is_multiple_of(2) { "a" } else { "b" };
    pack.policies = vec![TextDocument {
        file: "test.cedar".to_owned(),
        text: format!(
            r#"
            @id("permit.{number}")
            permit (principal, action == Action::"secrets.read", resource == Secrets::Secret::"kv/dev/{permitted}");
            @id("forbid.{number}")
            forbid (principal, action == Action::"secrets.read", resource)
            unless {{ resource == Secrets::Secret::"kv/dev/{permitted}" }};
            "#
        ),
    }];
    bundle
}

/// The file that Envoy watches.
struct Discovered {
    file: PathBuf,
    module: String,
}

impl Discovered {
    /// Puts another bundle in place, at once.
    fn put(&self, bundle: &BundleDocument) {
        self.put_response(&ecds::response(bundle, &self.module).expect("a response"));
    }

    fn put_response(&self, response: &Value) {
        let beside = self.file.with_extension("new");
        fs::write(&beside, response.to_string()).expect("a file");
        fs::rename(&beside, &self.file).expect("a move");
    }
}

fn discover(template: &mut Template, file: &Path) {
    // Who discovers says who it is.
    template.at("")["node"] = json!({ "id": "gateway", "cluster": "gateways" });
    let filters = template.manager()["http_filters"].as_array_mut().expect("filters");
    let actgate = filters.iter_mut().find(|filter| filter["name"] == "actgate").expect("the filter");
    *actgate = json!({
        "name": "actgate",
        "config_discovery": {
            "config_source": { "path_config_source": { "path": file.display().to_string() } },
            "type_urls": [ecds::TYPE_URL],
        },
    });
}

async fn counters(gateway: &Gateway) -> BTreeMap<String, u64> {
    let stats = gateway.admin("GET", "/stats?filter=extension_config_discovery").await;
    let counter = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.rsplit('.').next()?.to_owned(), value.parse().ok()?))
    };
    stats.lines().filter_map(counter).collect()
}

/// Waits until a counter is there.
async fn reaches(gateway: &Gateway, name: &str, count: u64) {
    let start = Instant::now();
    loop {
        let counters = counters(gateway).await;
        if counters.get(name).is_some_and(|value| *value >= count) {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{name} does not reach {count}: {counters:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_swaps_under_load_drop_nothing_and_mix_nothing() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let issuer = Issuer::new();
    let base = bundle::demo(setup.root(), issuer.key_set());
    let folder = tempfile::tempdir().expect("a folder");
    let module = setup.layout().plugin().unwrap().display().to_string();
    let discovered = Discovered { file: folder.path().join("actgate.ecds.json"), module };
    let bundles: Vec<BundleDocument> = (0..=SWAPS).map(|number| version(&base, number)).collect();
    discovered.put(&bundles[0]);

    let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
    let mut template = Template::read(setup.root());
    discover(&mut template, &discovered.file);
    let state = State::new(&setup, &template);
    let behind = state.upstream(upstream.address());
    let departure = Departure { workers: 2, discovers: true, ..Departure::configured("") };
    let gateway = Arc::new(Gateway::start(state, departure, behind).await);
    let lines = ledger::from_now(&gateway.ledger());

    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
        let (address, token) = (gateway.address(), issuer.good());
        clients.spawn(async move {
            // Connections spread over the workers. Whoever was answered late makes up for it at once, so that the rate is what
            // it is said to be and not what the answers leave of it.
            let mut wire = Wire::connect(address).await;
            let mut sent = 0usize;
            let mut clock = tokio::time::interval(PERIOD);
            clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while !stop.load(Ordering::Relaxed) {
                clock.tick().await;
                let secret = if (sent + client).is_multiple_of(2) { "a" } else { "b" };
                let request = format!(
                    "GET /secrets/v1/kv/dev/{secret} HTTP/1.1\r\nhost: gateway.demo\r\n\
                     authorization: Bearer {token}\r\n\r\n"
                );
                wire.write(request.as_bytes()).await;
                match wire.reply(LIMIT).await {
                    Outcome::Reply(reply) => assert!(matches!(reply.status, 200 | 403), "{reply:?}"),
                    other @ (Outcome::Closed | Outcome::Silence) => {
                        panic!("request {sent} of client {client}: {other:?}")
                    }
                }
                sent += 1;
                asked.fetch_add(1, Ordering::Relaxed);
            }
            sent
        });
    }
    let start = Instant::now();
    let before = asked.load(Ordering::Relaxed);
    for (number, bundle) in bundles.iter().enumerate().skip(1) {
        discovered.put(bundle);
        reaches(&gateway, "config_reload", u64::try_from(number + 1).unwrap()).await;
    }
    let took = start.elapsed();
    let rate = (asked.load(Ordering::Relaxed) - before) as f64 / took.as_secs_f64();
    // A bundle that does not load is refused by the proxy, and the last one goes on deciding.
    let mut bad = bundles[SWAPS].clone();
    bad.config.value["version"] = 2.into();
    discovered.put(&bad);
    reaches(&gateway, "config_fail", 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let sent: usize = clients.join_all().await.into_iter().sum();
    eprintln!("{SWAPS} swaps in {took:?} under {sent} requests, {rate:.0} a second");
    // A client that waits for an answer longer than its period asks no faster after that than the answers come.
    let meant = CLIENTS as f64 / PERIOD.as_secs_f64();
    assert!(rate >= meant * 0.9, "{rate:.0} requests a second instead of {meant:.0}");

    let ids: BTreeMap<String, usize> = bundles
        .iter()
        .enumerate()
        .map(|(number, bundle)| (BundleId::of(bundle).unwrap().as_str().to_owned(), number))
        .collect();
    assert_eq!(ids.len(), SWAPS + 1, "every bundle has an id of its own");
    let records = ledger::records(&lines, sent).await;
    assert_eq!(records.len(), sent);
    let mut used = BTreeMap::<usize, usize>::new();
    for record in &records {
        let record = record.value();
        let number =
            *ids.get(record["bundle"].as_str().unwrap_or_default()).expect("a bundle that there was");
        *used.entry(number).or_default() += 1;
        let secret =
            record["attempted"]["path"].as_str().unwrap_or_default().rsplit('/').next().unwrap().to_owned();
        let permitted = (secret == "a") == number.is_multiple_of(2);
        let policy = format!("{}.{number}", if permitted { "permit" } else { "forbid" });
        let decided = &record["decided"];
        assert_eq!(decided["policies"], json!([policy]), "a mixture: {record}");
        assert_eq!(record["executed"]["status"], if permitted { 200 } else { 403 }, "{record}");
    }
    assert!(used.len() > SWAPS / 2, "most bundles decided something: {used:?}");
    assert!(used.contains_key(&SWAPS), "the last good one stayed in force");
    assert_eq!(counters(&gateway).await["config_fail"], 1, "the bad one, and no other");
}
