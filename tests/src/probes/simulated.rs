//! A probe in the wasmtime host.

use std::{collections::BTreeMap, path::Path, time::Duration};

use actgate_harness::host::{
    Answer as HostAnswer, Callout, CalloutOutcome, End, Entropy, Exchange, Forwarded, Headers, LogLevel,
    Module, ModuleOptions, Plugin, Request, Response, Section, Shared, Upstream, Vm,
};

use super::scenario::{Answer, Message, Observation, Scenario};

/// How much of a body may be held, here and in Envoy.
pub const BUFFER_LIMIT: usize = 16384;

/// The clusters that probes call: the names are what becomes of a call.
pub const CLUSTERS: [&str; 5] = ["answers", "refuses", "closes", "hangs", "empty"];

/// A VM with the probe filter in it.
#[derive(Debug)]
pub struct Simulated {
    vm: Vm,
    now: u64,
}

struct Behind<'s>(&'s Scenario);

// === impl Simulated ===

impl Simulated {
    /// Compiles a module.
    pub fn compile(path: &Path, cache: &Path) -> Module {
        let options = ModuleOptions {
            cache: Some(cache.to_owned()),
            deadline: Some(Duration::from_secs(30)),
            ..ModuleOptions::default()
        };
        Module::read(path, &options).expect("a module")
    }

    /// A VM with a script.
    pub fn start(module: &Module, script: &str, stops_on_headers: bool) -> Self {
        let clusters = CLUSTERS.iter().map(|name| ((*name).to_owned(), *name != "empty"));
        let plugin = Plugin {
            stops_on_headers,
            buffer_limit: BUFFER_LIMIT,
            clusters: clusters.collect::<BTreeMap<_, _>>(),
            log_level: LogLevel::Warn,
            ..Plugin::new("probe", script)
        };
        let now = 1_700_000_000_000_000_000;
        let vm = Vm::load(module, plugin, Shared::new(), Entropy::seeded(1), now).expect("a VM");
        Self { vm, now }
    }

    /// Plays a scenario.
    pub fn play(&mut self, scenario: &Scenario) -> Vec<Observation> {
        // Long enough for a back-off to be over.
        self.now += 1_000_000_000;
        self.vm.set_time(self.now);
        (0..=usize::from(scenario.again)).map(|_| self.play_once(scenario)).collect()
    }

    fn play_once(&mut self, scenario: &Scenario) -> Observation {
        let exchange = self.vm.exchange(request(scenario), &mut Behind(scenario));
        let Exchange { end, client, upstream, log, .. } = exchange;
        let lines = log.iter().filter_map(|line| line.message.strip_prefix("PROBE "));
        // A response that breaks off looks like a connection that does.
        let client = client.filter(|_| end == End::Complete);
        Observation {
            client: client.as_ref().map(|client| seen_response(client, scenario)).unwrap_or_default(),
            hangs: end == End::Hangs,
            upstream: upstream.map(|upstream| (seen_request(&upstream), upstream.complete)),
            trace: lines.map(str::to_owned).collect(),
        }
    }
}

fn request(scenario: &Scenario) -> Request {
    let mut headers = Headers::new([
        (":authority", "probe"),
        (":path", "/probe"),
        (":method", scenario.method),
        (":scheme", "http"),
        ("x-scenario", scenario.name),
    ]);
    for (name, value) in scenario.headers {
        headers.add(Section::Request, name.as_bytes(), value.as_bytes());
    }
    let mut chunks = Vec::new();
    if scenario.has_body() {
        headers.add(Section::Request, b"transfer-encoding", b"chunked");
        chunks.extend(scenario.parts().map(String::into_bytes));
        if chunks.is_empty() {
            chunks.push(Vec::new());
        }
    }
    let trailers = (!scenario.trailers.is_empty()).then(|| Headers::new(scenario.trailers.iter().copied()));
    Request { headers, chunks, trailers, ..Request::default() }
}

impl Upstream for Behind<'_> {
    fn answer(&mut self, _: &Forwarded) -> HostAnswer {
        match self.0.answer {
            Answer::Text(body) => HostAnswer::Response(Response::new(200, body)),
            Answer::Chunked(chunks, trailers) => HostAnswer::Response(Response {
                headers: Headers::new([(":status", "200")]),
                // They are sent at once, and come as one.
                chunks: vec![chunks.concat().into_bytes()],
                trailers: (!trailers.is_empty()).then(|| Headers::new(trailers.iter().copied())),
            }),
            Answer::Close => HostAnswer::Reset,
            Answer::Silence => HostAnswer::Silence,
        }
    }

    fn call(&mut self, callout: &Callout) -> CalloutOutcome {
        const BEFORE: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";
        match callout.cluster.as_str() {
            "answers" => CalloutOutcome::Response {
                headers: Headers::new([(":status", "200"), ("x-probe-answer", "yes")]),
                body: b"answered".to_vec(),
                trailers: Headers::default(),
            },
            "closes" => CalloutOutcome::response(503, format!("{BEFORE}connection termination")),
            "hangs" => CalloutOutcome::response(504, "upstream request timeout"),
            "breaks" => CalloutOutcome::Reset,
            _ => CalloutOutcome::response(503, format!("{BEFORE}remote connection failure")),
        }
    }
}

fn seen_request(request: &Forwarded) -> Message {
    let start = format!("{} {}", text(&request.headers, ":method"), text(&request.headers, ":path"));
    let mut message = Message::new(&start, fields(&request.headers), request.body.clone());
    message.trailers =
        request.trailers.iter().flat_map(fields).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    message
}

fn seen_response(response: &Response, scenario: &Scenario) -> Message {
    let body = if scenario.method == "HEAD" { Vec::new() } else { response.body() };
    let mut message = Message::new(text(&response.headers, ":status"), fields(&response.headers), body);
    message.trailers =
        response.trailers.iter().flat_map(fields).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    message
}

fn fields(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| {
        (std::str::from_utf8(name).expect("a name"), std::str::from_utf8(value).expect("a value"))
    })
}

fn text<'h>(headers: &'h Headers, name: &str) -> &'h str {
    headers.text(name).unwrap_or_default()
}
