//! One Envoy for all exchanges: a listener with the probe filter, and one with the plugin for each bundle.

use std::{
    collections::VecDeque,
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actgate_demo::recorder::{Recorder, Script};
use actgate_harness::{case::Setup, route::Route};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::sleep,
};

use super::{host::BREAKS, live::Register};
use crate::probes::simulated::{BUFFER_LIMIT, CLUSTERS};

/// It ends when it is dropped.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    /// Where the filters listen, the probe's first.
    addresses: Vec<SocketAddr>,
    log: Arc<Mutex<VecDeque<String>>>,
    _called: Vec<Recorder>,
    _tasks: JoinSet<()>,
    _folder: TempDir,
}

/// How many lines of its log are kept.
const KEPT: usize = 60;

// === impl Envoy ===

impl Envoy {
    /// Starts it.
    pub async fn start(
        program: &Path,
        probe: &Path,
        actgate: &Path,
        setups: &[Setup],
        upstream: SocketAddr,
        register: Register,
    ) -> Self {
        let folder = TempDir::new().expect("a folder");
        let raw = |text: &str| Script::Raw(text.as_bytes().to_vec());
        let answers = raw("HTTP/1.1 200 OK\r\nx-probe-answer: yes\r\ncontent-length: 8\r\n\r\nanswered");
        let mut called = Vec::new();
        for script in [answers, Script::Close, Script::Hang] {
            called.push(Recorder::start(script).await.expect("an upstream"));
        }
        let broken = broken().await;
        let port =
            |index: usize| called.get(index).map_or(0, |recorder: &Recorder| recorder.address().port());
        let refuses = actgate_demo::port::free().expect("a port");
        let mut clusters = vec![cluster("upstream", upstream.port())];
        let ports = [port(0), refuses, port(1), port(2), 0];
        clusters.extend(CLUSTERS.iter().zip(ports).map(|(name, port)| cluster(name, port)));
        clusters.push(cluster(BREAKS, broken.0.port()));
        let mut listeners = vec![listener("probe", &probe_manager(probe), BUFFER_LIMIT)];
        for (index, setup) in setups.iter().enumerate() {
            let name = format!("actgate-{index}");
            listeners.push(listener(&name, &actgate_manager(&name, actgate, setup), 1024 * 1024));
        }
        let bootstrap = json!({
            "admin": { "address": loopback(0) },
            "static_resources": { "listeners": listeners, "clusters": clusters },
        });
        let (config, admin) = (folder.path().join("envoy.json"), folder.path().join("admin"));
        fs::write(&config, bootstrap.to_string()).expect("a file");
        let mut child = Command::new(program)
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"])
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&admin)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Envoy");
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let mut lines = BufReader::new(child.stderr.take().expect("a log")).lines();
        let (kept, mut tasks) = (Arc::clone(&log), broken.1);
        tasks.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                deliver(&line, &register, &kept);
            }
        });
        let placeholder = Vec::new();
        let mut envoy =
            Self { child, addresses: placeholder, log, _called: called, _tasks: tasks, _folder: folder };
        envoy.addresses = envoy.listening(&admin, setups.len() + 1).await;
        envoy
    }

    /// Where the probe filter listens, or the plugin with a bundle.
    pub fn address(&self, bundle: Option<usize>) -> SocketAddr {
        self.addresses[bundle.map_or(0, |index| index + 1)]
    }

    /// What it said last.
    pub fn last_words(&self) -> String {
        let lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Whether it has ended.
    pub fn is_dead(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    async fn listening(&mut self, admin: &Path, count: usize) -> Vec<SocketAddr> {
        let start = Instant::now();
        loop {
            assert!(!self.is_dead(), "Envoy ended: {}", self.last_words());
            assert!(start.elapsed() < Duration::from_secs(120), "Envoy does not start");
            sleep(Duration::from_millis(25)).await;
            let Ok(admin) = fs::read_to_string(admin).unwrap_or_default().trim().parse() else { continue };
            let ask = |path| actgate_demo::http::Exchange::new(admin, "GET", path).send();
            let Ok(ready) = ask("/ready").await else { continue };
            if ready.text().trim() != "LIVE" {
                continue;
            }
            let listeners = ask("/listeners?format=json").await.expect("listeners").json();
            let statuses = listeners["listener_statuses"].as_array().expect("listeners").clone();
            let address = |name: &str| {
                let status = statuses.iter().find(|status| status["name"] == name).expect("a listener");
                let port = status.pointer("/local_address/socket_address/port_value");
                let port = port.and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
                SocketAddr::from(([127, 0, 0, 1], port.expect("a port")))
            };
            let names = (1..count).map(|index| format!("actgate-{}", index - 1));
            return std::iter::once("probe".to_owned()).chain(names).map(|name| address(&name)).collect();
        }
    }
}

/// Gives a line of the log to the exchange that it is about.
fn deliver(line: &str, register: &Register, kept: &Mutex<VecDeque<String>>) {
    let probe = line.split_once("PROBE #").and_then(|(_, rest)| rest.split_once(' '));
    if let Some((tag, line)) = probe {
        if let Some(live) = register.find(tag) {
            live.note(|seen| seen.lines.push(line.to_owned()));
        }
    } else if !line.contains("PROBE ") {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(line.to_owned());
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

/// A server whose responses break off.
async fn broken() -> (SocketAddr, JoinSet<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"question") && matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {}
                let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
                if let Err(_gone) = stream.write_all(half).await {}
            });
        }
    });
    (address, tasks)
}

fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

fn cluster(name: &str, port: u16) -> Value {
    let endpoint = json!({ "endpoint": { "address": loopback(port) } });
    let endpoints = if port == 0 { json!([]) } else { json!([{ "lb_endpoints": [endpoint] }]) };
    json!({
        "name": name, "type": "STATIC", "connect_timeout": "2s",
        "load_assignment": { "cluster_name": name, "endpoints": endpoints },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                // What is seen on a connection is about one exchange.
                "common_http_protocol_options": { "max_requests_per_connection": 1 },
                "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
            },
        },
    })
}

fn listener(name: &str, manager: &Value, limit: usize) -> Value {
    json!({
        "name": name,
        "address": loopback(0),
        "per_connection_buffer_limit_bytes": limit,
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
        }] }],
    })
}

fn manager(name: &str, filters: Vec<Value>, routes: &[Value]) -> Value {
    let mut filters = filters;
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    }));
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        "delayed_close_timeout": "0s",
        "http_protocol_options": { "enable_trailers": true, "allow_custom_methods": true },
        "normalize_path": false,
        "merge_slashes": false,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "http_filters": filters,
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
    })
}

fn wasm(name: &str, module: &Path, configuration: &str) -> Value {
    json!({
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "vm_id": name,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration,
                },
            },
        },
    })
}

fn probe_manager(module: &Path) -> Value {
    let route = json!({ "match": { "prefix": "/" }, "route": { "cluster": "upstream", "timeout": "0s" } });
    manager("probe", vec![wasm("probe", module, "")], &[route])
}

const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";

fn actgate_manager(name: &str, module: &Path, setup: &Setup) -> Value {
    let bundle = serde_json::to_string(setup.bundle()).expect("a bundle");
    let mut routes: Vec<&Route> = setup.routes().iter().collect();
    // Envoy takes the first route that fits; the gate takes the most particular one.
    routes.sort_by_key(|route| std::cmp::Reverse((route.host.is_some(), route.prefix.len())));
    let routes: Vec<Value> = routes.into_iter().map(route).collect();
    let sentinel = json!({
        "name": "sentinel",
        "typed_config": { "@type": RBAC, "rules": { "action": "ALLOW", "policies": {} } },
    });
    manager(name, vec![wasm(name, module, &bundle), sentinel], &routes)
}

fn route(route: &Route) -> Value {
    // The endpoint of MCP is the prefix itself, without its slash.
    let mut fits = match route.prefix.strip_suffix('/') {
        Some(endpoint) if route.speaks_mcp => json!({ "path_separated_prefix": endpoint }),
        Some(_) | None => json!({ "prefix": route.prefix }),
    };
    if let Some(host) = &route.host {
        fits["headers"] =
            json!([{ "name": ":authority", "string_match": { "exact": host, "ignore_case": true } }]);
    }
    let mut action = json!({ "cluster": "upstream", "timeout": "0s" });
    if route.strip_prefix {
        action["prefix_rewrite"] = "/".into();
    }
    let markers = [Some("permit"), route.observed.then_some("observe")];
    let policies: serde_json::Map<String, Value> = markers
        .into_iter()
        .flatten()
        .map(|right| {
            let marker = format!("{right}:{}", route.service);
            let principal =
                json!({ "filter_state": { "key": "wasm.actgate", "string_match": { "exact": marker } } });
            (marker, json!({ "permissions": [{ "any": true }], "principals": [principal] }))
        })
        .collect();
    json!({
        "match": fits,
        "route": action,
        "typed_per_filter_config": { "sentinel": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
            "rbac": { "rules": { "action": "ALLOW", "policies": policies } },
        } },
    })
}
