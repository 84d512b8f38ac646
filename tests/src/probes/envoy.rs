//! A probe in a real Envoy.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use actgate_demo::recorder::{Recorder, Script};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::{
    client,
    scenario::{Answer, Message, Observation, Scenario},
    simulated::{BUFFER_LIMIT, CLUSTERS},
};

/// How long a client waits that is expected to wait in vain.
const HANGS: Duration = Duration::from_millis(900);

/// How long the last callbacks may take to be logged.
const LOGGED: Duration = Duration::from_secs(2);

/// Longer than the back-off of a reload, with what Envoy adds by chance.
const BACKOFF: Duration = Duration::from_millis(250);

/// An Envoy with the probe filter in it, its upstream, and what it calls.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    upstream: Recorder,
    _called: Vec<Recorder>,
    _folder: TempDir,
}

// === impl Envoy ===

impl Envoy {
    /// Starts it.
    pub async fn start(program: &Path, module: &Path, script: &str, stops_on_headers: bool) -> Self {
        let folder = TempDir::new().expect("a folder");
        let upstream = Recorder::start(Script::Hang).await.expect("an upstream");
        let answer = b"HTTP/1.1 200 OK\r\nx-probe-answer: yes\r\ncontent-length: 8\r\n\r\nanswered";
        let answers = Recorder::start(Script::Raw(answer.to_vec())).await.expect("an upstream");
        let closes = Recorder::start(Script::Close).await.expect("an upstream");
        let hangs = Recorder::start(Script::Hang).await.expect("an upstream");
        let refuses = actgate_demo::port::free().expect("a port");
        let ports = [answers.address().port(), refuses, closes.address().port(), hangs.address().port(), 0];
        let admin = folder.path().join("admin");
        let config = folder.path().join("envoy.json");
        let bootstrap = bootstrap(module, script, stops_on_headers, upstream.address().port(), ports);
        fs::write(&config, bootstrap.to_string()).expect("a file");
        let log = folder.path().join("log");
        let output = fs::File::create(&log).expect("a file");
        let child = Command::new(program)
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"])
            .args(["--drain-time-s", "1", "--config-path"])
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&admin)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .expect("Envoy");
        let placeholder = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut envoy = Self {
            child,
            address: placeholder,
            log,
            upstream,
            _called: vec![answers, closes, hangs],
            _folder: folder,
        };
        envoy.address = envoy.listening(&admin).await;
        envoy
    }

    /// Plays a scenario.
    ///
    /// # Errors
    /// Envoy itself did not survive it.
    pub async fn play(&mut self, scenario: &Scenario) -> Result<Vec<Observation>, String> {
        let observations = self.play_all(scenario).await;
        match self.child.try_wait() {
            Ok(None) => Ok(observations),
            Ok(Some(_)) | Err(_) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                Err(lines[lines.len().saturating_sub(40)..].join("\n"))
            }
        }
    }

    async fn play_all(&self, scenario: &Scenario) -> Vec<Observation> {
        let mut observations = Vec::new();
        for _ in 0..=usize::from(scenario.again) {
            observations.push(self.play_once(scenario).await);
        }
        let died = observations.iter().any(|one| one.trace.iter().all(|line| line != "delete"));
        if died {
            sleep(BACKOFF).await;
        }
        observations
    }

    async fn play_once(&self, scenario: &Scenario) -> Observation {
        self.upstream.forget();
        let mark = self.trace().len();
        self.upstream.next(answer(scenario.answer));
        let client = client::send(self.address, scenario, HANGS).await;
        let trace = self.trace_after(mark, scenario).await;
        let seen = self.upstream.seen();
        if seen.requests.is_empty() {
            // The answer that nobody came for is not for the next one.
            self.discard().await;
        }
        let bytes: Vec<u8> = seen.bytes.values().flatten().copied().collect();
        Observation {
            hangs: client.is_none(),
            client: client.unwrap_or_default(),
            upstream: match seen.requests.first() {
                Some(request) => {
                    let fields = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                    let start = format!("{} {}", request.method, request.target);
                    let mut message = Message::new(&start, fields, request.body.clone());
                    message.trailers = trailers(&bytes);
                    Some((message, true))
                }
                None if bytes.is_empty() => None,
                None => Some((Message::default(), false)),
            },
            trace,
        }
    }

    async fn discard(&self) {
        let scenario = Scenario { name: "discard", ..super::scenario::PROBE };
        client::send(self.upstream.address(), &scenario, Duration::from_millis(200)).await;
    }

    /// The filter's lines so far.
    fn trace(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter_map(|line| Some(line.split_once("PROBE ")?.1.to_owned())).collect()
    }

    async fn trace_after(&self, mark: usize, scenario: &Scenario) -> Vec<String> {
        let start = Instant::now();
        // A module that dies has no last callback.
        let dies = scenario.script.contains("trap") || scenario.script.contains("overflow");
        let limit = if dies { Duration::from_millis(150) } else { LOGGED };
        loop {
            let lines = self.trace().split_off(mark);
            let deleted = lines.iter().position(|line| line == "delete");
            if deleted.is_some() || start.elapsed() > limit {
                // What a script does while it is deleted comes after the line.
                sleep(Duration::from_millis(20)).await;
                return self.trace().split_off(mark);
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn listening(&mut self, admin: &Path) -> SocketAddr {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("Envoy ended with {status}: {}", fs::read_to_string(&self.log).unwrap_or_default());
            }
            assert!(start.elapsed() < Duration::from_secs(60), "Envoy does not start");
            sleep(Duration::from_millis(25)).await;
            let Ok(admin) = fs::read_to_string(admin).unwrap_or_default().trim().parse() else { continue };
            let ask = |path| actgate_demo::http::Exchange::new(admin, "GET", path).send();
            let Ok(ready) = ask("/ready").await else { continue };
            if ready.text().trim() != "LIVE" {
                continue;
            }
            let listeners = ask("/listeners?format=json").await.expect("listeners").json();
            let port = listeners.pointer("/listener_statuses/0/local_address/socket_address/port_value");
            let port =
                port.and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()).expect("a port");
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if let Err(_gone) = self.child.kill() {}
        if let Err(_reaped) = self.child.wait() {}
    }
}

fn answer(answer: Answer) -> Script {
    match answer {
        Answer::Text(body) => {
            Script::Respond { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
        }
        Answer::Chunked(chunks, trailers) => {
            let mut text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
            for chunk in chunks {
                text.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
            }
            text.push_str("0\r\n");
            for (name, value) in trailers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str("\r\n");
            Script::Raw(text.into_bytes())
        }
        Answer::Close => Script::Close,
        Answer::Silence => Script::Hang,
    }
}

/// The trailers in the bytes of a chunked request.
fn trailers(bytes: &[u8]) -> Vec<(String, String)> {
    let Some((_, end)) = client::split(bytes, b"\r\n0\r\n") else { return Vec::new() };
    let text = String::from_utf8_lossy(end).into_owned();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(n, v)| (n.to_owned(), v.trim().to_owned()))
        .collect()
}

fn bootstrap(module: &Path, script: &str, stops_on_headers: bool, upstream: u16, called: [u16; 5]) -> Value {
    let cluster = |name: &str, port: u16| {
        let endpoint = json!({ "endpoint": { "address": { "socket_address": {
            "address": "127.0.0.1", "port_value": port } } } });
        let endpoints = if port == 0 { json!([]) } else { json!([{ "lb_endpoints": [endpoint] }]) };
        json!({
            "name": name, "type": "STATIC", "connect_timeout": "2s",
            "load_assignment": { "cluster_name": name, "endpoints": endpoints },
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
                },
            },
        })
    };
    let mut clusters = vec![cluster("upstream", upstream)];
    clusters.extend(CLUSTERS.iter().zip(called).map(|(name, port)| cluster(name, port)));
    let wasm = json!({
        "name": "probe",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "probe",
                "failure_policy": "FAIL_RELOAD",
                "reload_config": { "backoff": { "base_interval": "0.1s" } },
                "allow_on_headers_stop_iteration": stops_on_headers,
                "vm_config": {
                    "vm_id": "probe",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue", "value": script,
                },
            },
        },
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "probe",
        // A connection that is broken off is closed at once.
        "delayed_close_timeout": "0s",
        "http_protocol_options": { "enable_trailers": true },
        "http_filters": [wasm, {
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
            { "match": { "prefix": "/" }, "route": { "cluster": "upstream", "timeout": "0s" } },
        ] }] },
    });
    json!({
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } },
        "static_resources": {
            "listeners": [{
                "name": "probe",
                "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
                "per_connection_buffer_limit_bytes": BUFFER_LIMIT,
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
                }] }],
            }],
            "clusters": clusters,
        },
    })
}
