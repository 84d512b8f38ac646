//! An exchange through the wasmtime host, move by move; what is to be seen after each of them paces Envoy.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{SystemTime, UNIX_EPOCH},
};

use actgate_harness::{
    case::Setup,
    host::{
        Callout, CalloutOutcome, Entropy, Event, Headers, LocalReply, LogLevel, Module, Plugin, Section,
        Shared, StreamId, Vm,
    },
};

use super::{
    plan::{Filter, Framing, Move, PartEnd, Piece, Pieces, Plan, Protocol},
    seen::{Message, Progress, Seen},
};
use crate::probes::simulated::{BUFFER_LIMIT, CLUSTERS};

/// What callouts of probes can go to, those that break off included.
pub const BREAKS: &str = "breaks";

/// Plays plans.
#[derive(Debug)]
pub struct Host {
    probe: Vm,
    actgate: Vec<Vm>,
}

/// What was played, and what there was to see after each move.
#[derive(Debug)]
pub struct Played {
    /// The moves that were made, in their order.
    pub moves: Vec<(Move, Progress)>,
    /// What was seen in the end, the client having gone away at last where it waited in vain.
    pub seen: Seen,
}

struct Game<'g> {
    vm: &'g mut Vm,
    stream: StreamId,
    plan: &'g Plan,
    setup: Option<&'g Setup>,
    seen: Seen,
    prefix: String,
}

// === impl Host ===

impl Host {
    /// VMs with the probe filter, and with the plugin for each setup.
    pub fn start(probe: &Module, actgate: &Module, setups: &[Setup]) -> Self {
        let clusters = CLUSTERS.iter().map(|name| ((*name).to_owned(), *name != "empty"));
        let plugin = Plugin {
            buffer_limit: BUFFER_LIMIT,
            clusters: clusters.chain([(BREAKS.to_owned(), true)]).collect::<BTreeMap<_, _>>(),
            log_level: LogLevel::Warn,
            ..Plugin::new("probe", "")
        };
        let load = |module, plugin| {
            Vm::load(module, plugin, Shared::new(), Entropy::seeded(1), now()).expect("a VM")
        };
        let bundle = |setup: &Setup| serde_json::to_string(setup.bundle()).expect("a bundle");
        Self {
            probe: load(probe, plugin),
            actgate: setups
                .iter()
                .map(|setup| load(actgate, Plugin::new("actgate", bundle(setup))))
                .collect(),
        }
    }

    /// Plays a plan.
    pub fn play(&mut self, plan: &Plan, setups: &[Setup]) -> Played {
        let (vm, setup) = match plan.filter {
            Filter::Probe => (&mut self.probe, None),
            Filter::Actgate(index) => (&mut self.actgate[index], Some(&setups[index])),
        };
        vm.set_time(now());
        vm.take_log();
        let stream = vm.open(std::iter::empty());
        let prefix = format!("PROBE #{} ", plan.seed);
        Game { vm, stream, plan, setup, seen: Seen::default(), prefix }.play()
    }
}

// === impl Game ===

impl Game<'_> {
    fn play(mut self) -> Played {
        let (client, upstream) = self.plan.sides();
        let (mut client, mut upstream) = (VecDeque::from(client), VecDeque::from(upstream));
        let mut moves = Vec::new();
        while !self.vm.is_ended(self.stream) {
            let answers =
                self.seen.upstream.as_ref().is_some_and(|request| request.complete || self.plan.answer.early);
            let next = if answers { upstream.pop_front() } else { None };
            // Who waits in vain goes away at last.
            let made = next.or_else(|| client.pop_front()).unwrap_or(Move::Leave);
            self.make(&made);
            moves.push((made, self.seen.progress()));
        }
        self.vm.close(self.stream);
        self.observe();
        assert_eq!(self.vm.failure(), None, "seed {}", self.plan.seed);
        if let Some((_, progress)) = moves.last_mut() {
            *progress = self.seen.progress();
        }
        Played { moves, seen: self.seen }
    }

    fn make(&mut self, made: &Move) {
        let (vm, stream) = (&mut *self.vm, self.stream);
        match made {
            Move::Request(Piece::Head(end)) => vm.request_headers(stream, request_head(self.plan), *end),
            Move::Request(Piece::Part(data, end)) => {
                vm.request_data(stream, data.clone(), *end == PartEnd::With);
                if *end == PartEnd::After {
                    self.observe();
                    self.vm.request_data(stream, Vec::new(), true);
                }
            }
            Move::Request(Piece::End) => vm.request_data(stream, Vec::new(), true),
            Move::Request(Piece::Trailers) => {
                let trailers = self.plan.request.trailers.iter().cloned();
                vm.request_trailers(stream, Headers::received(Section::RequestTrailers, trailers));
            }
            Move::Leave => vm.abort(
                stream,
                match self.plan.protocol {
                    Protocol::Http1 => "downstream_remote_disconnect",
                    Protocol::Http2 => "http2.remote_reset",
                },
            ),
            Move::Response(Piece::Head(end)) => {
                vm.response_headers(stream, response_head(self.plan), *end);
            }
            Move::Response(Piece::Part(data, end)) => {
                vm.response_data(stream, data.clone(), *end == PartEnd::With);
                if *end == PartEnd::After {
                    self.observe();
                    self.vm.response_data(stream, Vec::new(), true);
                }
            }
            Move::Response(Piece::End) => vm.response_data(stream, Vec::new(), true),
            Move::Response(Piece::Trailers) => {
                let trailers = self.plan.answer.pieces.trailers.iter().cloned();
                vm.response_trailers(stream, Headers::received(Section::ResponseTrailers, trailers));
            }
            Move::Close => vm.upstream_closed(stream),
        }
        self.observe();
    }

    /// Carries on what went on.
    fn observe(&mut self) {
        loop {
            let events = self.vm.take_events(self.stream);
            let callouts = self.vm.take_callouts();
            if events.is_empty() && callouts.is_empty() {
                if self.vm.tick_period() == 0 {
                    break;
                }
                // The time that passes before the next move.
                self.vm.tick();
            }
            for event in events {
                self.carry(event);
            }
            for callout in callouts {
                let outcome = outcome(&callout);
                self.vm.answer_callout(callout.token, outcome);
            }
        }
        let lines = self
            .vm
            .take_log()
            .into_iter()
            .filter_map(|line| line.message.strip_prefix(&self.prefix).map(str::to_owned));
        self.seen.lines.extend(lines);
    }

    fn carry(&mut self, event: Event) {
        match event {
            Event::RequestHeaders { headers, end } => {
                if let Some(reply) = self.refused(&headers) {
                    self.vm.reply(self.stream, &reply);
                    return;
                }
                let text = |name: &str| headers.text(name).unwrap_or_default().to_owned();
                let path = text(":path");
                let route = self.setup.and_then(|setup| setup.route(&text(":authority"), &path));
                let path = route.map_or_else(|| path.clone(), |route| route.upstream_path(&path));
                let start = format!("{} {path} {}", text(":method"), text(":authority"));
                let mut message = Message::new(start, fields(&headers));
                message.complete = end;
                self.seen.upstream = Some(message);
            }
            Event::RequestData { data, end } => extend(&mut self.seen.upstream, Protocol::Http1, &data, end),
            Event::RequestTrailers(trailers) => finish(&mut self.seen.upstream, &trailers),
            Event::ResponseHeaders { headers, end } => {
                let status = headers.text(":status").unwrap_or_default().to_owned();
                let mut message = Message::new(status, fields(&headers));
                message.complete = end;
                self.seen.client = Some(message);
            }
            Event::ResponseData { data, end } => {
                extend(&mut self.seen.client, self.plan.protocol, &data, end);
            }
            Event::ResponseTrailers(trailers) => finish(&mut self.seen.client, &trailers),
            Event::Reset => {}
        }
    }

    /// What the sentinel behind the plugin, or the router, says of a request.
    fn refused(&self, head: &Headers) -> Option<LocalReply> {
        let setup = self.setup?;
        let text = |name: &str| head.text(name).unwrap_or_default();
        let Some(route) = setup.route(text(":authority"), text(":path")) else {
            return Some(LocalReply::new(404, "route_not_found", ""));
        };
        let info = self.vm.info(self.stream)?;
        let marker = info.filter_state.get(&b"wasm.actgate"[..]).map(Vec::as_slice).unwrap_or_default();
        let permitted = marker == format!("permit:{}", route.service).as_bytes();
        let observed = route.observed && marker == format!("observe:{}", route.service).as_bytes();
        let refusal = LocalReply::new(403, "rbac_access_denied_matched_policy[none]", "RBAC: access denied");
        (!permitted && !observed).then_some(refusal)
    }
}

fn extend(message: &mut Option<Message>, protocol: Protocol, data: &[u8], end: bool) {
    let message = message.as_mut().expect("a head comes first");
    message.body.extend(data);
    // Who reads a body by its length, as in HTTP/1, sees its end before the filter has let the end go.
    let length = message.headers.iter().find(|(name, _)| name == "content-length");
    let is_whole = length.is_some_and(|(_, length)| *length == message.body.len().to_string());
    message.complete = end || (is_whole && protocol == Protocol::Http1);
}

fn finish(message: &mut Option<Message>, trailers: &Headers) {
    let message = message.as_mut().expect("a head comes first");
    message.trailers = fields(trailers).collect();
    message.trailers.sort();
    message.complete = true;
}

fn fields(headers: &Headers) -> impl Iterator<Item = (String, String)> {
    headers.iter().filter(|(name, _)| !name.starts_with(b":")).map(|(name, value)| {
        (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned())
    })
}

/// A head as a codec gives it to the filters.
fn request_head(plan: &Plan) -> Headers {
    let pseudo = [
        (":method", plan.method.as_str()),
        (":path", &plan.path),
        (":authority", &plan.authority),
        (":scheme", "http"),
    ];
    let mut headers = Headers::received(Section::Request, pseudo);
    for (name, value) in &plan.request.headers {
        headers.add(Section::Request, name.as_bytes(), value.as_bytes());
    }
    if plan.protocol == Protocol::Http1 && is_chunked(&plan.request) {
        headers.add(Section::Request, b"transfer-encoding", b"chunked");
    }
    headers
}

fn response_head(plan: &Plan) -> Headers {
    let status = plan.answer.status.to_string();
    let mut headers = Headers::received(Section::Response, [(":status", status.as_str())]);
    for (name, value) in &plan.answer.pieces.headers {
        headers.add(Section::Response, name.as_bytes(), value.as_bytes());
    }
    if is_chunked(&plan.answer_pieces()) {
        headers.add(Section::Response, b"transfer-encoding", b"chunked");
    }
    headers
}

fn is_chunked(pieces: &Pieces) -> bool {
    pieces.parts.is_some() && pieces.framing == Framing::Chunks
}

/// What becomes of a callout, by the name of its cluster.
fn outcome(callout: &Callout) -> CalloutOutcome {
    const BEFORE: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";
    match callout.cluster.as_str() {
        "answers" => CalloutOutcome::Response {
            headers: Headers::new([(":status", "200"), ("x-probe-answer", "yes")]),
            body: b"answered".to_vec(),
            trailers: Headers::default(),
        },
        "closes" => CalloutOutcome::response(503, format!("{BEFORE}connection termination")),
        "hangs" => CalloutOutcome::response(504, "upstream request timeout"),
        BREAKS => CalloutOutcome::Reset,
        _ => CalloutOutcome::response(503, format!("{BEFORE}remote connection failure")),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_nanos()).expect("a time before 2554")
}
