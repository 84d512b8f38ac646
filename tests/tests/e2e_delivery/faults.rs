//! Everything that can fail fails, again and again, while calls go on: what runs was permitted, what is durable was stored
//! before it ran, and what is missing anywhere shows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actgate_authz::TextDocument;
use actgate_demo::{
    control::{Control, ControlConfig, ControlOptions, ControlUpstream},
    recorder::{Recorder, Script},
};
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, State},
    relay::Relay,
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
    verdict::text,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    postgres::Cluster,
    stage::{CAROL, buffered, request},
};

/// `ACTGATE_FAULT_CALLS` says another number, and `ACTGATE_FAULT_SEED` where the accidents come from.
const CALLS: usize = 1_500;
const CLIENTS: usize = 8;
const PAUSE_MILLIS: u64 = 70;

/// What a module that has a fault on demand, and delivers, says of itself.
const IN_TRAP: [&str; 2] = ["this module has a fault on demand", "records go to the ledger as"];

/// A call, as its target names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Permitted, and only reads.
    Read,
    /// Permitted, and stored before it goes on.
    Write,
    Denied,
    /// Nobody's.
    Anonymous,
    /// Permitted, and the plugin traps on it.
    Trap,
}

/// What a client was told of a call: nothing where the connection broke.
#[derive(Debug, Clone)]
struct Told {
    target: String,
    kind: Kind,
    status: Option<u16>,
}

/// Chance that can be played again (xorshift64, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn pause(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next(to - from))
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The plugin with a fault on demand, where there is one of this version.
fn with_trap(setup: &Setup) -> Option<PathBuf> {
    let module = setup.root().join("target/actgate-trap.wasm");
    let bytes = fs::read(&module).unwrap_or_default();
    let has = |needle: &&str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    if IN_TRAP.iter().all(has) {
        return Some(module);
    }
    assert!(env::var_os("CI").is_none(), "CI runs everything: `make wasm-trap`");
    eprintln!("SKIPPED: workers are not made to trap: `make wasm-trap`");
    None
}

/// One call on a connection of its own; nothing where it could not even be begun.
async fn call(address: SocketAddr, bytes: &[u8]) -> Option<Option<u16>> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    if stream.write_all(bytes).await.is_err() {
        return Some(None);
    }
    let mut head = Vec::new();
    let read = async {
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read_buf(&mut head).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    if timeout(Duration::from_secs(15), read).await.is_err() {
        return Some(None);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    Some(head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()))
}

/// A client that goes on until enough calls have been made.
async fn client(
    number: usize,
    seed: u64,
    left: Arc<AtomicUsize>,
    gateway: watch::Receiver<Option<SocketAddr>>,
    over: watch::Receiver<bool>,
    token: String,
    traps: bool,
) -> Vec<Told> {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut told = Vec::new();
    let mut count = 0;
    while left.load(Ordering::SeqCst) > 0 || !*over.borrow() {
        let Some(address) = *gateway.borrow() else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let name = format!("c{number}x{count}");
        count += 1;
        let kind = match chance.next(200) {
            0 if traps => Kind::Trap,
            1..=79 => Kind::Write,
            80..=109 => Kind::Denied,
            110..=124 => Kind::Anonymous,
            _ => Kind::Read,
        };
        let (method, folder, body) = match kind {
            Kind::Write => ("PUT", "dev", Some("{\"value\": 1}")),
            Kind::Denied => ("PUT", "prod", Some("{\"value\": 1}")),
            Kind::Read | Kind::Anonymous | Kind::Trap => ("GET", "dev", None),
        };
        let target = format!("/secrets/v1/kv/{folder}/{name}");
        let holder = if kind == Kind::Anonymous { "nobody" } else { token.as_str() };
        let mut bytes = request(method, &target, holder, body);
        if kind == Kind::Trap {
            let moment = if chance.next(2) == 0 { "before" } else { "after" };
            let text = String::from_utf8(bytes).unwrap();
            bytes = text.replacen("host:", &format!("x-test-trap: {moment}\r\nhost:"), 1).into_bytes();
        }
        match call(address, &bytes).await {
            Some(status) => {
                told.push(Told { target, kind, status });
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok();
            }
            None => sleep(Duration::from_millis(20)).await,
        }
        // So that the accidents fall among the calls, and not behind them.
        sleep(chance.pause(0, PAUSE_MILLIS)).await;
    }
    told
}

/// What is broken, and mended.
struct World {
    setup: Setup,
    database: Cluster,
    options: ControlOptions,
    control: Option<Control>,
    wire: Arc<Relay>,
    upstream: Recorder,
    departure: Departure,
    gateway: Option<Gateway>,
    address: watch::Sender<Option<SocketAddr>>,
    accidents: BTreeMap<&'static str, usize>,
}

impl World {
    async fn begin(setup: Setup, issuer: &Issuer, module: Option<PathBuf>) -> Option<Self> {
        let database = Cluster::start().await?;
        let url = database.database("ledger").await;
        let state = State::new(&setup, &Template::read(setup.root()));
        let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
        let overdue = |text: String| text.replace("ledger:\n", "ledger:\n  unknown_after: 3s\n");
        let config = ControlConfig::apart(state.layout(), overdue).expect("a configuration");
        config.key_set(state.layout()).await.unwrap_or_else(|error| panic!("{error}"));
        let mut bundle = bundle::demo(setup.root(), issuer.key_set());
        bundle::permit_writing(&mut bundle);
        bundle::secrets(&mut bundle).policies.push(TextDocument {
            file: "production.cedar".to_owned(),
            text: "@id(\"test.production\") forbid (principal, action in Action::\"write\", \
                   resource in Secrets::Folder::\"kv/prod\");"
                .to_owned(),
        });
        bundle.config.value["ledger"] = buffered();
        bundle.config.value["ledger"]["writes"] = "durable".into();
        let options = ControlOptions { name: "control", config, port: 0, database: Some(url) };
        let control =
            Control::start(state.layout(), &options).await.unwrap_or_else(|error| panic!("{error}"));
        let options = ControlOptions { port: control.address().port(), ..options };
        let wire = Arc::new(Relay::to(control.address()).await);
        let token_file = control.upstream().token_file.clone();
        let departure = Departure {
            control: Some(ControlUpstream { address: wire.address(), token_file }),
            workers: 2,
            module,
            ..Departure::configured(serde_json::to_string(&bundle).expect("a bundle"))
        };
        let behind = state.upstream(upstream.address());
        let gateway = Gateway::start(state, departure.clone(), behind).await;
        let address = watch::Sender::new(Some(gateway.address()));
        Some(Self {
            setup,
            database,
            options,
            control: Some(control),
            wire,
            upstream,
            departure,
            gateway: Some(gateway),
            address,
            accidents: BTreeMap::new(),
        })
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("a gateway")
    }

    /// One accident, and its end.
    async fn accident(&mut self, kind: u64, chance: &mut Chance) {
        let name = match kind {
            0 => {
                self.wire.cut();
                sleep(chance.pause(200, 1_500)).await;
                self.wire.mend();
                "the network path"
            }
            1 => {
                drop(self.control.take());
                sleep(chance.pause(100, 1_000)).await;
                self.start_control().await;
                "the service"
            }
            2 => {
                self.database.kill();
                sleep(chance.pause(100, 1_000)).await;
                self.database.restart().await;
                "the database"
            }
            _ => {
                self.address.send_replace(None);
                let state = self.gateway.take().expect("a gateway").kill();
                let behind = state.upstream(self.upstream.address());
                let gateway = Gateway::start(state, self.departure.clone(), behind).await;
                self.address.send_replace(Some(gateway.address()));
                self.gateway = Some(gateway);
                "Envoy"
            }
        };
        *self.accidents.entry(name).or_default() += 1;
    }

    async fn start_control(&mut self) {
        let control = Control::start(self.gateway().state().layout(), &self.options).await;
        self.control = Some(control.unwrap_or_else(|error| panic!("{error}")));
    }

    /// Everything that one path of the API gives, page by page.
    async fn look(&self, path: &str) -> Value {
        let control = self.control.as_ref().expect("a service");
        control.look(CAROL, path).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Every chain, by its emitter.
    async fn chains(&self) -> BTreeMap<String, Vec<(i64, Value)>> {
        let mut chains = BTreeMap::new();
        for emitter in self.look("/v1/emitters").await["emitters"].as_array().expect("emitters") {
            let (gateway, emitter) = (text(emitter, "/gateway"), text(emitter, "/emitter"));
            let (mut chain, mut after) = (Vec::new(), 0);
            loop {
                let path = format!("/v1/events?gateway={gateway}&emitter={emitter}&after={after}&limit=500");
                let page = self.look(&path).await;
                for event in page["events"].as_array().expect("events") {
                    after = event["sequence"].as_i64().expect("a number");
                    chain.push((after, event["record"].clone()));
                }
                if page["next"].is_null() {
                    break;
                }
            }
            chains.insert(emitter.to_owned(), chain);
        }
        chains
    }

    /// What readers see of every request.
    async fn seen(&self) -> Vec<Value> {
        let (mut seen, mut before) = (Vec::new(), String::new());
        loop {
            let page = self.look(&format!("/v1/events?limit=500{before}")).await;
            let events = page["events"].as_array().expect("events");
            seen.extend(events.iter().map(|event| event["record"].clone()));
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return seen,
            }
        }
    }
}

fn id(record: &Value) -> String {
    text(record, "/id").to_owned()
}

fn path(record: &Value) -> &str {
    text(record, "/attempted/path")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_what_runs_was_permitted_and_what_is_missing_shows() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let (calls, seed) = (setting("ACTGATE_FAULT_CALLS", 0), setting("ACTGATE_FAULT_SEED", 20_261_124));
    let calls = usize::try_from(calls).ok().filter(|calls| *calls > 0).unwrap_or(CALLS);
    let issuer = Issuer::new();
    let module = with_trap(&setup);
    let traps = module.is_some();
    let Some(mut world) = World::begin(setup, &issuer, module).await else { return };
    let begun = Instant::now();

    let left = Arc::new(AtomicUsize::new(calls));
    let token = issuer.mint(&actgate_tests::e2e::tokens::alice());
    let over = watch::Sender::new(false);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let seed = seed.wrapping_add(u64::try_from(number).unwrap());
        let (left, address) = (Arc::clone(&left), world.address.subscribe());
        clients.spawn(client(number, seed, left, address, over.subscribe(), token.clone(), traps));
    }
    // Each kind of accident at least once, in an order of chance, and then as they come; Envoy is slow to come back.
    let mut chance = Chance(seed | 1);
    let mut first: Vec<u64> = vec![0, 1, 2, 3, 0, 1];
    while left.load(Ordering::SeqCst) > 0 || !first.is_empty() {
        sleep(chance.pause(200, 900)).await;
        let kind = if first.is_empty() {
            [0, 0, 0, 1, 1, 1, 2, 2, 2, 3][usize::try_from(chance.next(10)).unwrap()]
        } else {
            first.swap_remove(usize::try_from(chance.next(u64::try_from(first.len()).unwrap())).unwrap())
        };
        // The path may be cut in the middle of anything.
        let also = kind != 0 && chance.next(3) == 0;
        if also {
            world.wire.cut();
        }
        world.accident(kind, &mut chance).await;
        if also {
            world.wire.mend();
        }
    }
    over.send_replace(true);
    let told: Vec<Told> = clients.join_all().await.into_iter().flatten().collect();
    let lasted = begun.elapsed();

    // All is well again: what waits is sent, and what has no outcome is written off (3 s, and upkeep every 5 s).
    let quiet = Instant::now();
    let mut before = usize::MAX;
    loop {
        sleep(Duration::from_millis(1_500)).await;
        let stored = world.chains().await.values().map(Vec::len).sum();
        if stored == before && quiet.elapsed() > Duration::from_secs(9) {
            break;
        }
        before = stored;
        assert!(quiet.elapsed() < Duration::from_secs(60), "it does not come to rest");
    }

    let chains = world.chains().await;
    let mut attempts: HashMap<String, Value> = HashMap::new();
    let mut finals: HashMap<String, Value> = HashMap::new();
    let mut lost_by_word: u64 = 0;
    for (emitter, chain) in &chains {
        let mut spoken: BTreeSet<i64> = BTreeSet::new();
        for (_, record) in chain {
            match text(record, "/stage") {
                "attempted" => {
                    assert!(
                        attempts.insert(id(record), record.clone()).is_none(),
                        "an attempt twice: {record}"
                    );
                }
                "lost" => {
                    lost_by_word += record["lost"]["count"].as_u64().unwrap();
                    let (first, last) = (&record["lost"]["first"], &record["lost"]["last"]);
                    spoken.extend(first.as_i64().unwrap()..=last.as_i64().unwrap());
                }
                _ => {
                    assert!(finals.insert(id(record), record.clone()).is_none(), "an outcome twice: {record}")
                }
            }
        }
        let mut expected = 1;
        for (number, _) in chain {
            assert!(
                (expected..*number).all(|gap| spoken.contains(&gap)),
                "{emitter}: a silent gap before {number}"
            );
            expected = number + 1;
        }
    }
    let log_text = fs::read_to_string(world.gateway().ledger()).expect("a log");
    let log: Vec<Value> = log_text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();

    // No execution without a permit; none twice.
    let kinds: HashMap<&str, Kind> = told.iter().map(|told| (told.target.as_str(), told.kind)).collect();
    let upstream = world.upstream.seen();
    let mut executed: BTreeSet<String> = BTreeSet::new();
    for request in &upstream.requests {
        // Behind the gate the prefix of the service is gone.
        let target = format!("/secrets{}", request.target);
        if let Some(kind) = kinds.get(target.as_str()) {
            assert!(matches!(kind, Kind::Read | Kind::Write | Kind::Trap), "{kind:?} ran: {target}");
        }
        assert!(executed.insert(target.clone()), "{target} ran twice");
    }
    for record in log.iter().chain(finals.values()) {
        let reached = !matches!(text(record, "/executed/upstream"), "" | "-");
        assert!(!reached || text(record, "/decided/decision") == "allow", "without a permit: {record}");
    }
    // Nothing durable without a stored attempt, whatever became of the client, the gateway and the record.
    let stored: BTreeSet<&str> = attempts.values().map(path).collect();
    let written: Vec<&String> =
        executed.iter().filter(|target| upstream_method(&upstream, target) == "PUT").collect();
    for target in &written {
        assert!(stored.contains(target.as_str()), "{target} ran without a stored attempt");
    }
    for told in &told {
        if told.status == Some(200) {
            assert!(executed.contains(&told.target), "{told:?} was answered by nobody");
        }
    }
    // Every attempt has one outcome, or is said to be unknown: by readers' view, where each request is once.
    let mut seen: HashMap<String, Value> = HashMap::new();
    for record in world.seen().await {
        if text(&record, "/stage") == "lost" {
            continue;
        }
        assert!(seen.insert(id(&record), record.clone()).is_none(), "readers see it twice: {record}");
    }
    let mut unknown = 0;
    for id in attempts.keys() {
        let shown = &seen[id];
        if finals.contains_key(id) {
            assert_eq!(shown, &finals[id]);
        } else {
            assert_eq!(text(shown, "/executed/outcome"), "unknown", "{shown}");
            unknown += 1;
        }
    }
    // What is in the logs and not at the service shows, and nothing else does.
    let missing: BTreeSet<String> =
        log.iter().map(id).filter(|id| !id.is_empty() && !finals.contains_key(id)).collect();
    let differing =
        log.iter().filter(|line| finals.get(&id(line)).is_some_and(|stored| stored != *line)).count();
    let alone = {
        let logged: BTreeSet<String> = log.iter().map(id).collect();
        finals.keys().filter(|id| !logged.contains(*id)).count()
    };
    let verified = world.verify();
    let says = |what: &str| {
        let line = verified.lines().find(|line| line.starts_with(what));
        line.and_then(|line| line.rsplit_once(": ")?.1.parse::<usize>().ok()).unwrap_or_default()
    };
    assert_eq!(says("in the log and not in the service's store"), missing.len(), "{verified}");
    assert_eq!(says("attempts whose outcome is unknown"), unknown, "{verified}");
    assert_eq!(says("not the same in the log"), differing, "{verified}");
    for never in [
        "requests that reached an upstream without a permit",
        "ids that",
        "attempts that are stored twice",
        "records that are not what was chained",
        "chains that end",
        "checkpoints that",
    ] {
        assert_eq!(says(never), 0, "{verified}");
    }
    assert_eq!(differing, 0, "{verified}");

    let count = |kind: Kind| told.iter().filter(|told| told.kind == kind).count();
    let statuses = |status: Option<u16>| told.iter().filter(|told| told.status == status).count();
    eprintln!(
        "{} calls in {lasted:.1?} (reads {}, writes {}, denied {}, anonymous {}, traps {}); accidents {:?}; \
         answered 200: {}, 401: {}, 403: {}, 503: {}, nothing: {}",
        told.len(),
        count(Kind::Read),
        count(Kind::Write),
        count(Kind::Denied),
        count(Kind::Anonymous),
        count(Kind::Trap),
        world.accidents,
        statuses(Some(200)),
        statuses(Some(401)),
        statuses(Some(403)),
        statuses(Some(503)),
        statuses(None),
    );
    eprintln!(
        "executed {} ({} of them durable), attempts stored {}, of which {unknown} have an unknown outcome; log {} lines, \
         service {} records of {} emitters; lost on the way {} (by gateways' own word {lost_by_word}), only at the \
         service {alone}",
        executed.len(),
        written.len(),
        attempts.len(),
        log.len(),
        finals.len(),
        chains.len(),
        missing.len(),
    );
    assert!(told.len() >= calls, "too few calls");
}

fn upstream_method<'a>(seen: &'a actgate_demo::recorder::Seen, target: &str) -> &'a str {
    let request =
        seen.requests.iter().find(|request| target.strip_prefix("/secrets") == Some(&request.target));
    request.map_or("", |request| request.method.as_str())
}

impl World {
    /// What `actgate ledger verify` says.
    fn verify(&self) -> String {
        let control = self.control.as_ref().expect("a service");
        let output = Command::new(self.setup.layout().actgate().expect("a program"))
            .args(["ledger", "verify", "--as", CAROL, "--control", &format!("http://{}", control.address())])
            .args(["--log".as_ref(), self.gateway().ledger().as_os_str()])
            .output()
            .expect("a verdict");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}
