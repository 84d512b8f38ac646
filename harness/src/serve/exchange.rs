//! One request on its way through the plugin, piece by piece in both directions.
//!
//! Nothing is read from one side before the other has taken what came last, unless the plugin holds it, which it may up
//! to [`crate::host::Plugin::buffer_limit`]. What goes to the upstream is what the plugin let go, and nothing else.

use std::{
    future::pending,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use actgate_authz::Executed;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    Response, StatusCode,
    body::{Frame, Incoming},
    header::HeaderValue,
};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{
    codec::{Head, Refusal},
    instance::{Instance, Presence, now},
    manager,
    pipe::{Flow, Sink, pipe},
    record,
    recorder::Recorder,
    upstream::{Failure, Pool},
    worker::Phase,
};
use crate::{
    host::{Event, Headers, LocalReply, Section, StreamId},
    route,
};

/// What a request needs of its worker.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) instance: Rc<Instance>,
    pub(super) pool: Pool,
    /// What the worker waits for before it ends.
    pub(super) tasks: TaskTracker,
    pub(super) recorder: Recorder,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) peer: SocketAddr,
}

/// A request on its way.
struct Exchange {
    context: Context,
    stream: StreamId,
    presence: Rc<Presence>,
    head: Head,
    /// Whether trailers are read: Envoy's codec of HTTP/1.1 drops them.
    has_trailers: bool,
    executed: Executed,
    /// The body that still comes from the client.
    request: Option<Incoming>,
    to_upstream: Option<Sink>,
    sending: Option<Sending>,
    /// The body that still comes from the upstream.
    response: Option<Incoming>,
    /// Whether the upstream has begun to answer.
    answered: bool,
    reply: Option<oneshot::Sender<Response<Flow>>>,
    to_client: Option<Sink>,
}

type Sending = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Failure>>>>;

/// What comes next.
enum Next {
    Request(Option<Result<Frame<Bytes>, hyper::Error>>),
    Answer(Result<Response<Incoming>, Failure>),
    Response(Option<Result<Frame<Bytes>, hyper::Error>>),
    ClientGone,
    /// The plugin has gone on with it.
    Woken,
    /// The proxy ends.
    Over,
}

/// Envoy's own `stream_idle_timeout`.
const IDLE: Duration = Duration::from_secs(300);

/// For how long, and up to where, what a refused client still sends is read: one that is cut off while it writes does not
/// read its answer. Envoy's `delayed_close_timeout`.
const LINGER: Duration = Duration::from_secs(1);
const MAX_LINGER: usize = 16 << 20;

/// Plays a request to its end. The response goes to `reply`, or nothing does where the exchange is broken off.
pub(super) async fn play(
    context: Context,
    head: Result<Head, Refusal>,
    body: Incoming,
    has_trailers: bool,
    reply: oneshot::Sender<Response<Flow>>,
) {
    let started = now();
    let managed = head.and_then(|head| {
        let headers = manager::manage(&head, context.peer.ip(), &request_id())?;
        Ok((head, headers))
    });
    let recorder = context.recorder.clone();
    let (info, head, executed, rest) = match managed {
        Ok((head, headers)) => {
            let mut exchange = Exchange::open(context, head, body, has_trailers, reply);
            exchange.run(headers).await;
            exchange.close()
        }
        Err(refusal) => {
            let local = LocalReply::new(refusal.status, refusal.details, reason(refusal.status));
            let mut exchange = Exchange::open(context, *refusal.head, body, has_trailers, reply);
            exchange.refuse(&local);
            exchange.close()
        }
    };
    recorder.write(record::line(&info, &head, &executed, started));
    if let Some(body) = rest {
        linger(body).await;
    }
}

/// Randomness for correlation, not for secrets.
fn request_id() -> String {
    let mut bytes = [0; 16];
    if let Err(_unlucky) = getrandom::fill(&mut bytes) {}
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

async fn linger(mut body: Incoming) {
    let mut left = MAX_LINGER;
    let drawn = async {
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(size) else { return };
            left = rest;
        }
    };
    if let Err(_elapsed) = timeout(LINGER, drawn).await {}
}

// === impl Exchange ===

impl Exchange {
    fn open(
        context: Context,
        head: Head,
        body: Incoming,
        has_trailers: bool,
        reply: oneshot::Sender<Response<Flow>>,
    ) -> Self {
        let peer = context.peer;
        let attributes = attributes(peer.ip(), peer);
        let (stream, presence) = context.instance.open(attributes);
        Self {
            context,
            stream,
            presence,
            head,
            has_trailers,
            executed: Executed { flags: "-".to_owned(), ..Executed::default() },
            request: Some(body),
            to_upstream: None,
            sending: None,
            response: None,
            answered: false,
            reply: Some(reply),
            to_client: None,
        }
    }

    async fn run(&mut self, headers: Headers) {
        let stream = self.stream;
        let announced = headers.first(b"transfer-encoding").is_some()
            || headers.first(b"content-length").is_some_and(|length| length != b"0");
        let end = if self.has_trailers {
            self.request.as_ref().is_none_or(hyper::body::Body::is_end_stream)
        } else {
            !announced
        };
        if end {
            self.request = None;
        }
        self.context.instance.clone().with(|vm| vm.request_headers(stream, headers, end));
        self.carry();
        while !self.context.instance.with(|vm| vm.is_ended(stream)) {
            match timeout(IDLE, self.next()).await {
                Ok(next) => self.take(next),
                Err(_elapsed) => self.idle(),
            }
            self.carry();
        }
    }

    /// Answers a head that the plugin does not see.
    fn refuse(&mut self, reply: &LocalReply) {
        let stream = self.stream;
        if reply.details.starts_with("http") {
            self.mark("DPE");
        }
        self.context.instance.clone().with(|vm| {
            vm.rejected(stream, Headers::default(), reply.status, &reply.details);
        });
        if reply.status == 0 {
            self.reply = None;
            return;
        }
        let headers = Headers::new([
            (":status", reply.status.to_string()),
            ("content-type", "text/plain".to_owned()),
            ("connection", "close".to_owned()),
        ]);
        self.respond(&headers, false);
        if let Some(client) = &self.to_client {
            client.push(reply.body.clone());
            client.finish();
        }
        self.executed.response_bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
    }

    /// How it ends, in the words of the log: known before it does, so that the plugin's record says so too.
    fn mark(&mut self, flags: &'static str) {
        flags.clone_into(&mut self.executed.flags);
        let (stream, bits) = (self.stream, Executed::bits_of(flags).to_le_bytes().to_vec());
        self.context.instance.with(|vm| vm.learn(stream, [(&["response", "flags"][..], bits)]));
    }

    /// What is known in the end, and what the client still sends.
    fn close(self) -> (crate::host::StreamInfo, Head, Executed, Option<Incoming>) {
        let stream = self.stream;
        let info = self.context.instance.close(stream);
        (info, self.head, self.executed, self.request)
    }

    async fn next(&mut self) -> Next {
        let stream = self.stream;
        let (more, more_back) =
            self.context.instance.with(|vm| (vm.takes_request_data(stream), vm.takes_response_data(stream)));
        let Self { context, presence, request, to_upstream, sending, response, reply, to_client, .. } = self;
        // Who has all of an answer of known length may go before its end is noticed here.
        let answered = response.as_ref().is_some_and(hyper::body::Body::is_end_stream);
        let from_client = async {
            let Some(body) = request.as_mut().filter(|_| more) else { return pending().await };
            if let Some(sink) = to_upstream {
                sink.drained().await;
            }
            body.frame().await
        };
        let answer = async {
            match sending {
                Some(sending) => sending.await,
                None => pending().await,
            }
        };
        let from_upstream = async {
            let Some(body) = response.as_mut().filter(|_| more_back) else { return pending().await };
            if let Some(sink) = &*to_client {
                sink.drained().await;
            }
            body.frame().await
        };
        let client_gone = async {
            if answered {
                return pending().await;
            }
            match (reply, &*to_client) {
                (Some(reply), _) => reply.closed().await,
                (None, Some(sink)) => abandoned(sink).await,
                (None, None) => pending().await,
            }
        };
        let over = context.phase.wait_for(|phase| *phase == Phase::Over);
        tokio::select! {
            biased;
            () = client_gone => Next::ClientGone,
            _ = over => Next::Over,
            () = presence.woken.notified() => Next::Woken,
            answer = answer => Next::Answer(answer),
            frame = from_upstream => Next::Response(frame),
            frame = from_client => Next::Request(frame),
        }
    }

    fn take(&mut self, next: Next) {
        match next {
            Next::Request(frame) => self.take_request(frame),
            Next::Answer(answer) => self.take_answer(answer),
            Next::Response(frame) => self.take_response(frame),
            Next::ClientGone => {
                self.mark("DC");
                self.abort("downstream_remote_disconnect");
            }
            // What it let go is carried on anyway.
            Next::Woken => {}
            Next::Over => self.abort("drain_timeout"),
        }
    }

    fn take_request(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        let stream = self.stream;
        let instance = Rc::clone(&self.context.instance);
        match frame {
            None => {
                self.request = None;
                instance.with(|vm| vm.request_data(stream, Vec::new(), true));
            }
            Some(Err(_broken)) => {
                self.request = None;
                self.mark("DPE");
                if self.answered || self.to_client.is_some() {
                    self.abort("http1.codec_error");
                } else {
                    let reply = LocalReply::new(400, "http1.codec_error", "Bad Request");
                    instance.with(|vm| vm.reply(stream, &reply));
                }
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    instance.with(|vm| vm.request_data(stream, data.into(), false));
                }
                Err(frame) => {
                    self.request = None;
                    let trailers = frame.into_trailers().ok().filter(|_| self.has_trailers);
                    instance.with(|vm| match trailers {
                        Some(trailers) => {
                            let fields = manager::fields(&trailers);
                            vm.request_trailers(stream, Headers::received(Section::RequestTrailers, fields));
                        }
                        None => vm.request_data(stream, Vec::new(), true),
                    });
                }
            },
        }
    }

    fn take_answer(&mut self, answer: Result<Response<Incoming>, Failure>) {
        let stream = self.stream;
        self.sending = None;
        let instance = Rc::clone(&self.context.instance);
        match answer {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let status = (b":status".to_vec(), parts.status.as_str().as_bytes().to_vec());
                let fields = std::iter::once(status).chain(manager::fields(&parts.headers));
                let headers = Headers::received(Section::Response, fields);
                let end = hyper::body::Body::is_end_stream(&body);
                self.answered = true;
                self.response = Some(body).filter(|_| !end);
                instance.with(|vm| vm.response_headers(stream, headers, end));
            }
            Err(failure) => {
                self.mark(failure.flags());
                let why = failure.to_string();
                let details = format!("upstream_reset_before_response_started{{{}}}", why.replace(' ', "_"));
                let body =
                    format!("upstream connect error or disconnect/reset before headers. reset reason: {why}");
                let reply = LocalReply::new(failure.status(), &details, &body);
                instance.with(|vm| vm.reply(stream, &reply));
            }
        }
    }

    fn take_response(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        let stream = self.stream;
        let instance = Rc::clone(&self.context.instance);
        match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => instance.with(|vm| vm.response_data(stream, data.into(), false)),
                // Envoy's codec of HTTP/1.1 drops trailers.
                Err(_trailers) => {}
            },
            None => {
                self.response = None;
                instance.with(|vm| vm.response_data(stream, Vec::new(), true));
            }
            Some(Err(_broken)) => {
                self.response = None;
                self.mark("UPE");
                instance.with(|vm| vm.upstream_closed(stream));
            }
        }
    }

    fn idle(&mut self) {
        let stream = self.stream;
        self.mark("SI");
        if self.answered {
            return self.abort("stream_idle_timeout");
        }
        let status = if self.request.is_some() { 408 } else { 504 };
        let reply = LocalReply::new(status, "stream_idle_timeout", "stream timeout");
        self.context.instance.with(|vm| vm.reply(stream, &reply));
    }

    fn abort(&mut self, details: &str) {
        let stream = self.stream;
        self.context.instance.with(|vm| vm.abort(stream, details));
    }

    /// Carries on what the plugin let go.
    fn carry(&mut self) {
        let stream = self.stream;
        loop {
            let events = self.context.instance.with(|vm| vm.take_events(stream));
            if events.is_empty() {
                return;
            }
            for event in events {
                match event {
                    Event::RequestHeaders { headers, end } => self.forward(&headers, end),
                    Event::RequestData { data, end } => self.forward_data(data, end),
                    // An upstream of HTTP/1.1 gets none, as from Envoy.
                    Event::RequestTrailers(_) => self.forward_data(Vec::new(), true),
                    Event::ResponseHeaders { headers, end } => self.respond(&headers, end),
                    Event::ResponseData { data, end } => self.respond_data(data, end),
                    Event::ResponseTrailers(_) => self.respond_data(Vec::new(), true),
                    Event::Reset => {
                        self.reply = None;
                        self.to_client = None;
                        self.leave_upstream();
                    }
                }
            }
        }
    }

    /// Sends a request on, if the sentinel lets it: this is the only way to an upstream.
    fn forward(&mut self, headers: &Headers, end: bool) {
        let stream = self.stream;
        let instance = Rc::clone(&self.context.instance);
        let info = instance.with(|vm| vm.info(stream).cloned()).unwrap_or_default();
        let admitted = route::admit(&instance.world.routes, headers, &info).and_then(|route| {
            let upstream = instance.world.upstreams.get(&route.service);
            let upstream =
                upstream.ok_or_else(|| LocalReply::new(503, "no_healthy_upstream", "no healthy upstream"))?;
            let (sink, flow) = pipe();
            let path = route.upstream_path(headers.text(":path").unwrap_or_default());
            let request = upstream
                .request(headers, &path, flow)
                .ok_or_else(|| LocalReply::new(400, "http1.codec_error", "Bad Request"))?;
            Ok((upstream.clone(), sink, request))
        });
        match admitted {
            Ok((upstream, sink, request)) => {
                if end {
                    sink.finish();
                }
                self.to_upstream = Some(sink);
                self.executed.upstream.clone_from(&upstream.address);
                let address = upstream.address.clone().into_bytes();
                instance.with(|vm| vm.learn(stream, [(&["upstream", "address"][..], address)]));
                let pool = self.context.pool.clone();
                self.sending = Some(Box::pin(async move { pool.send(&upstream, request).await }));
            }
            Err(reply) => instance.with(|vm| vm.reply(stream, &reply)),
        }
    }

    fn forward_data(&mut self, data: Vec<u8>, end: bool) {
        let Some(sink) = &self.to_upstream else { return };
        sink.push(data);
        if end {
            sink.finish();
        }
    }

    fn respond(&mut self, headers: &Headers, end: bool) {
        if !self.answered {
            // The proxy's own word: what the upstream might say does not count any more.
            self.leave_upstream();
        }
        let Some(reply) = self.reply.take() else { return };
        let (sink, flow) = pipe();
        if end {
            sink.finish();
        }
        let mut response = Response::new(flow);
        *response.status_mut() = status(headers);
        *response.headers_mut() = manager::travelling(headers);
        if headers.first(b"connection") == Some(b"close") && !self.has_trailers {
            response.headers_mut().insert("connection", HeaderValue::from_static("close"));
        }
        // A client that is gone shows when it is waited for.
        if let Err(_gone) = reply.send(response) {}
        self.to_client = Some(sink);
    }

    fn respond_data(&mut self, data: Vec<u8>, end: bool) {
        let Some(sink) = &self.to_client else { return };
        sink.push(data);
        if end {
            sink.finish();
        }
    }

    fn leave_upstream(&mut self) {
        self.to_upstream = None;
        self.sending = None;
        self.response = None;
    }
}

async fn abandoned(sink: &Sink) {
    sink.abandoned().await;
}

fn attributes(ip: IpAddr, peer: SocketAddr) -> [(&'static [&'static str], Vec<u8>); 2] {
    let port = u64::from(peer.port()).to_le_bytes().to_vec();
    let shown = SocketAddr::new(ip, peer.port()).to_string();
    [(&["source", "address"], shown.into_bytes()), (&["source", "port"], port)]
}

fn status(headers: &Headers) -> StatusCode {
    let status = headers.first(b":status").and_then(|status| StatusCode::from_bytes(status).ok());
    status.unwrap_or(StatusCode::BAD_GATEWAY)
}
