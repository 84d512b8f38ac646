//! A whole exchange at once: a request, an upstream, and what became of it.

use std::collections::VecDeque;

use super::{
    headers::Headers,
    state::{Callout, CalloutOutcome, LogLine},
    stream::{Event, LocalReply, StreamId, StreamInfo},
    usage::Usage,
    vm::Vm,
};

/// What a client sends.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The header fields, pseudo-headers included.
    pub headers: Headers,
    /// The body in the parts in which it comes; there is no body where there is no part, not even an empty one.
    pub chunks: Vec<Vec<u8>>,
    /// The trailers.
    pub trailers: Option<Headers>,
    /// Properties that only a proxy knows.
    pub attributes: Vec<(&'static [&'static str], Vec<u8>)>,
    /// Whether the last part says that it is the last, as HTTP/2 can. In HTTP/1, the end comes by itself.
    pub ends_with_data: bool,
}

/// A response, of the upstream or as the client got it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The header fields, `:status` included.
    pub headers: Headers,
    /// The body in its parts.
    pub chunks: Vec<Vec<u8>>,
    /// The trailers.
    pub trailers: Option<Headers>,
}

/// What got to the upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Option<Headers>,
    /// Whether the request came to its end there.
    pub complete: bool,
}

/// What an upstream makes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It responds.
    Response(Response),
    /// The proxy responds for it.
    Local(LocalReply),
    /// It closes the connection, which makes the proxy respond for it.
    Reset,
    /// It never says anything.
    Silence,
}

/// What is behind the filter.
pub trait Upstream {
    /// A head is on its way: a filter behind, or the router, may answer itself.
    fn admit(&mut self, head: &Headers, info: &StreamInfo) -> Option<LocalReply> {
        let (_, _) = (head, info);
        None
    }

    /// A request arrived in full.
    fn answer(&mut self, request: &Forwarded) -> Answer;

    /// The plugin calls.
    fn call(&mut self, callout: &Callout) -> CalloutOutcome {
        let _ = callout;
        CalloutOutcome::response(503, "no healthy upstream")
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client got a whole response.
    Complete,
    /// It was broken off.
    Reset,
    /// Nothing more would ever have happened, and the client left.
    Hangs,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// How it ended.
    pub end: End,
    /// What the client got.
    pub client: Option<Response>,
    /// What the upstream got.
    pub upstream: Option<Forwarded>,
    /// What the proxy knows in the end, filter state included.
    pub info: StreamInfo,
    /// What the module logged.
    pub log: Vec<LogLine>,
    /// What the module asked for.
    pub usage: Usage,
    /// The trap, where the module died of it.
    pub failure: Option<String>,
}

/// What comes next.
enum Input {
    RequestHeaders(Headers, bool),
    RequestData(Vec<u8>, bool),
    RequestTrailers(Headers),
    ResponseHeaders(Headers, bool),
    ResponseData(Vec<u8>, bool),
    ResponseTrailers(Headers),
}

struct Run<'u> {
    upstream: &'u mut dyn Upstream,
    inputs: VecDeque<Input>,
    forwarded: Option<Forwarded>,
    /// Whether something behind the filter has answered.
    refused: bool,
    client: Option<Response>,
    end: End,
}

// === impl Vm ===

impl Vm {
    /// Plays a request to its end.
    pub fn exchange(&mut self, request: Request, upstream: &mut dyn Upstream) -> Exchange {
        self.take_usage();
        self.take_log();
        let Request { headers, chunks, trailers, attributes, ends_with_data } = request;
        let stream = self.open(attributes);
        let mut run = Run {
            upstream,
            inputs: VecDeque::new(),
            forwarded: None,
            refused: false,
            client: None,
            end: End::Hangs,
        };
        let message = Response { headers, chunks, trailers };
        run.inputs.extend(message.pieces(
            ends_with_data,
            Input::RequestHeaders,
            Input::RequestData,
            Input::RequestTrailers,
        ));
        while let Some(input) = run.inputs.pop_front() {
            self.feed(stream, input);
            run.pump(self, stream);
        }
        let hangs = !self.is_ended(stream);
        let info = self.close(stream);
        run.pump(self, stream);
        Exchange {
            end: if hangs { End::Hangs } else { run.end },
            client: run.client,
            upstream: run.forwarded,
            info,
            log: self.take_log(),
            usage: self.take_usage(),
            failure: self.failure().map(str::to_owned),
        }
    }

    fn feed(&mut self, stream: StreamId, input: Input) {
        if self.is_ended(stream) {
            return;
        }
        match input {
            Input::RequestHeaders(headers, end) => self.request_headers(stream, headers, end),
            Input::RequestData(data, end) => self.request_data(stream, data, end),
            Input::RequestTrailers(trailers) => self.request_trailers(stream, trailers),
            Input::ResponseHeaders(headers, end) => self.response_headers(stream, headers, end),
            Input::ResponseData(data, end) => self.response_data(stream, data, end),
            Input::ResponseTrailers(trailers) => self.response_trailers(stream, trailers),
        }
    }
}

// === impl Run ===

impl Run<'_> {
    /// Carries on what the filter let go, until it lets nothing go any more.
    fn pump(&mut self, vm: &mut Vm, stream: StreamId) {
        loop {
            let events = vm.take_events(stream);
            // A response comes as a whole, before anybody has answered a question about its head.
            let callouts = if self.is_responding() { VecDeque::new() } else { vm.take_callouts() };
            if events.is_empty() && callouts.is_empty() {
                return;
            }
            for event in events {
                self.carry(vm, stream, event);
            }
            for callout in callouts {
                let outcome = self.upstream.call(&callout);
                vm.answer_callout(callout.token, outcome);
            }
        }
    }

    fn carry(&mut self, vm: &mut Vm, stream: StreamId, event: Event) {
        match event {
            Event::RequestHeaders { headers, end } => {
                let info = vm.info(stream).cloned().unwrap_or_default();
                if let Some(reply) = self.upstream.admit(&headers, &info) {
                    self.refused = true;
                    vm.reply(stream, &reply);
                    return;
                }
                self.forwarded = Some(Forwarded { headers, ..Forwarded::default() });
                self.forwarded(vm, stream, end);
            }
            Event::RequestData { data, end } => {
                if let Some(forwarded) = &mut self.forwarded {
                    forwarded.body.extend(data);
                }
                self.forwarded(vm, stream, end);
            }
            Event::RequestTrailers(trailers) => {
                if let Some(forwarded) = &mut self.forwarded {
                    forwarded.trailers = Some(trailers);
                }
                self.forwarded(vm, stream, true);
            }
            Event::ResponseHeaders { headers, end } => {
                self.client = Some(Response { headers, ..Response::default() });
                self.answered(end);
            }
            Event::ResponseData { data, end } => {
                if let Some(client) = &mut self.client
                    && !data.is_empty()
                {
                    client.chunks.push(data);
                }
                self.answered(end);
            }
            Event::ResponseTrailers(trailers) => {
                if let Some(client) = &mut self.client {
                    client.trailers = Some(trailers);
                }
                self.answered(true);
            }
            Event::Reset => self.end = End::Reset,
        }
    }

    fn is_responding(&self) -> bool {
        match self.inputs.front() {
            Some(Input::ResponseHeaders(..) | Input::ResponseData(..) | Input::ResponseTrailers(_)) => true,
            Some(Input::RequestHeaders(..) | Input::RequestData(..) | Input::RequestTrailers(_)) | None => {
                false
            }
        }
    }

    fn answered(&mut self, end: bool) {
        if end {
            self.end = End::Complete;
        }
    }

    fn forwarded(&mut self, vm: &mut Vm, stream: StreamId, end: bool) {
        let Some(forwarded) = self.forwarded.as_mut().filter(|_| end && !self.refused) else { return };
        forwarded.complete = true;
        match self.upstream.answer(forwarded) {
            Answer::Response(response) => self.inputs.extend(response.answering(&forwarded.headers).pieces(
                false,
                Input::ResponseHeaders,
                Input::ResponseData,
                Input::ResponseTrailers,
            )),
            Answer::Local(reply) => vm.reply(stream, &reply),
            Answer::Reset => vm.upstream_closed(stream),
            Answer::Silence => {}
        }
    }
}

// === impl Response ===

impl Response {
    /// A response with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers =
            Headers::new([(":status", status.to_string()), ("content-length", body.len().to_string())]);
        let chunks = if body.is_empty() { Vec::new() } else { vec![body] };
        Self { headers, chunks, trailers: None }
    }

    /// Its status.
    pub fn status(&self) -> u16 {
        self.headers.text(":status").and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The whole body.
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// Without a body where there is none (RFC 9110 section 6.4.1).
    fn answering(mut self, request: &Headers) -> Self {
        if request.first(b":method") == Some(b"HEAD") || matches!(self.status(), 204 | 304) {
            self.chunks.clear();
            self.trailers = None;
        }
        self
    }

    /// The pieces in which a codec hands a message to its filters.
    fn pieces(
        self,
        ends_with_data: bool,
        headers: impl Fn(Headers, bool) -> Input,
        data: impl Fn(Vec<u8>, bool) -> Input,
        trailers: impl Fn(Headers) -> Input,
    ) -> Vec<Input> {
        let bare = self.chunks.is_empty() && self.trailers.is_none();
        let mut pieces = vec![headers(self.headers, bare)];
        let last = self.chunks.len().saturating_sub(1);
        for (index, chunk) in self.chunks.into_iter().enumerate() {
            let end = ends_with_data && index == last && self.trailers.is_none();
            if end || !chunk.is_empty() {
                pieces.push(data(chunk, end));
            }
        }
        match self.trailers {
            Some(fields) => pieces.push(trailers(fields)),
            None if bare || ends_with_data => {}
            None => pieces.push(data(Vec::new(), true)),
        }
        pieces
    }
}
