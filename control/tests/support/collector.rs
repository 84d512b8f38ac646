//! A real OpenTelemetry collector, which passes on what it understood, and where that ends.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::IntoResponse as _,
};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value},
};
use prost::Message as _;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// How long anything may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// A span, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub name: String,
    pub action_id: String,
    pub emitter: String,
}

/// A log record, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub id: String,
    pub name: String,
    pub body: String,
}

/// An answer out of the order.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Status(u16),
    /// Taken, and the answer never sent.
    Silence,
}

#[derive(Debug, Default)]
struct Arrived {
    spans: Vec<Span>,
    logs: Vec<Log>,
    headers: Vec<HeaderMap>,
    faults: Vec<(&'static str, Fault)>,
    requests: usize,
    /// A number whose records are refused for good.
    poison: Option<String>,
    /// How long an answer takes.
    pace: Duration,
}

/// Where everything ends.
#[derive(Debug, Clone)]
pub struct Sink {
    pub address: SocketAddr,
    arrived: Arc<Mutex<Arrived>>,
}

/// The collector between.
pub struct Collector {
    pub sink: Sink,
    pub endpoint: String,
    port: u16,
    child: Child,
    folder: TempDir,
}

impl Sink {
    pub async fn start() -> Self {
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(take).with_state(Arc::clone(&arrived));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, arrived }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.arrived.lock().unwrap().spans.clone()
    }

    pub fn logs(&self) -> Vec<Log> {
        self.arrived.lock().unwrap().logs.clone()
    }

    pub fn requests(&self) -> usize {
        self.arrived.lock().unwrap().requests
    }

    pub fn header(&self, name: &str) -> Vec<String> {
        let arrived = self.arrived.lock().unwrap();
        let texts = arrived.headers.iter().filter_map(|headers| headers.get(name));
        texts.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    /// The next answers of a path.
    pub fn fail(&self, path: &'static str, faults: &[Fault]) {
        self.arrived.lock().unwrap().faults.extend(faults.iter().map(|fault| (path, *fault)));
    }

    pub fn poison(&self, text: &str) {
        self.arrived.lock().unwrap().poison = Some(text.to_owned());
    }

    /// Answers from now on after some time.
    pub fn slow_down(&self, pace: Duration) {
        self.arrived.lock().unwrap().pace = pace;
    }

    pub async fn wait_for(&self, done: impl Fn(&Self) -> bool) -> &Self {
        let begun = Instant::now();
        while !done(self) {
            let (spans, logs) = (self.spans().len(), self.logs().len());
            assert!(begun.elapsed() < ARRIVAL, "{spans} spans and {logs} logs have arrived");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self
    }
}

async fn take(
    State(arrived): State<Arc<Mutex<Arrived>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    let (fault, pace) = {
        let mut arrived = arrived.lock().unwrap();
        arrived.requests += 1;
        let first = arrived.faults.iter().position(|(path, _)| uri.path() == *path);
        let fault = first.map(|at| arrived.faults.remove(at).1);
        let is_poison = arrived
            .poison
            .as_ref()
            .is_some_and(|text| body.windows(text.len()).any(|window| window == text.as_bytes()));
        if is_poison {
            return StatusCode::BAD_REQUEST.into_response();
        }
        if let Some(Fault::Status(status)) = fault {
            let retry = [(header::RETRY_AFTER, "1")];
            return (StatusCode::from_u16(status).unwrap(), retry).into_response();
        }
        let body = plain(&headers, body);
        arrived.headers.push(headers);
        match uri.path() {
            "/v1/traces" => arrived.spans.extend(spans(&body)),
            "/v1/logs" => arrived.logs.extend(logs(&body)),
            other => panic!("{other}"),
        }
        (fault, arrived.pace)
    };
    tokio::time::sleep(pace).await;
    if fault.is_some() {
        std::future::pending::<()>().await;
    }
    StatusCode::OK.into_response()
}

/// The collector compresses what it sends, whatever it is told.
fn plain(headers: &HeaderMap, body: Bytes) -> Bytes {
    use std::io::Read as _;
    if headers.get("content-encoding").is_none_or(|coding| coding != "gzip") {
        return body;
    }
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(body.as_ref()).read_to_end(&mut out).unwrap();
    out.into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut all = Vec::new();
    for resource in request.resource_spans {
        let emitter = text(&resource.resource.as_ref().unwrap().attributes, "service.instance.id");
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            all.push(Span {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                action_id: text(&span.attributes, "actgate.action_id"),
                name: span.name,
                emitter: emitter.clone(),
            });
        }
    }
    all
}

fn logs(body: &[u8]) -> Vec<Log> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let records = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    records
        .flat_map(|scope| scope.log_records)
        .map(|log| Log {
            id: text(&log.attributes, "actgate.event_id"),
            name: log.event_name,
            body: format!("{:?}", log.body),
        })
        .collect()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Collector {
    /// Starts one, or says why there is none. `make setup` brings it.
    pub async fn start() -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.run/formats/rotel");
        if !program.exists() {
            assert!(
                std::env::var_os("CI").is_none(),
                "the OpenTelemetry collector is missing: run `make setup`"
            );
            eprintln!(
                "SKIPPED: the OpenTelemetry collector is missing (`make setup` brings it where it can)"
            );
            return None;
        }
        let sink = Sink::start().await;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = run(&program, folder.path(), port, &sink);
        let mut collector = Self { endpoint: format!("http://127.0.0.1:{port}"), sink, port, child, folder };
        collector.ready().await;
        Some(collector)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, at the same address.
    pub async fn restart(&mut self) {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.run/formats/rotel");
        self.child = run(&program, self.folder.path(), self.port, &self.sink);
        self.ready().await;
    }

    async fn ready(&mut self) {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(begun.elapsed() < ARRIVAL && self.child.try_wait().unwrap().is_none(), "no collector");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Gives it a line of a file.
    pub async fn post_json(&self, path: &str, line: &str) -> u16 {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = hyper::Request::post(format!("{}{path}", self.endpoint))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(line.to_owned())))
            .unwrap();
        client.request(request).await.unwrap().status().as_u16()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn run(program: &Path, folder: &Path, port: u16, sink: &Sink) -> Child {
    Command::new(program)
        .arg("start")
        .args(["--otlp-http-endpoint", &format!("127.0.0.1:{port}")])
        .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{}", free_port())])
        .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
        .args(["--otlp-exporter-endpoint", &sink.endpoint()])
        .args(["--batch-timeout", "50ms"])
        .arg("--pid-file")
        .arg(folder.join("pid"))
        .arg("--log-file")
        .arg(folder.join("log"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
