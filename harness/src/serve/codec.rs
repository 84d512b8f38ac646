//! What stands between a client's connection and hyper: it reads the heads of HTTP/1.1 requests itself.
//!
//! hyper is lenient where Envoy is not: it drops a fragment, reads a target before anybody can see it as it came, and
//! forgets the order of fields. So a head is read here, kept for the service, and hyper gets another in its place that
//! says only how the message is framed. What is refused leaves a refusal for the service, and nothing more is read.
//! In HTTP/2 the same is done to header blocks ([`frames`]).

mod block;
mod body;
mod frames;
mod head;

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::{body::Body, frames::Frames, head::Framing};

pub(super) use self::head::{Head, Refusal};

/// The heads of a connection that hyper has not asked about yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads(Rc<RefCell<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// Of HTTP/1.1, in order.
    queue: VecDeque<Result<Head, Refusal>>,
    /// Of HTTP/2, by stream.
    streams: BTreeMap<u32, Result<Head, Refusal>>,
}

/// A client's connection.
pub(super) struct Guarded<S> {
    stream: S,
    state: State,
    heads: Heads,
    /// What was read and not looked at.
    input: Vec<u8>,
    /// What hyper is to read, and how much of it it has read.
    output: Vec<u8>,
    given: usize,
    /// Whether the client has ended its side.
    ended: bool,
}

enum State {
    /// The first bytes tell which protocol it is.
    Start,
    Head,
    Body(Body),
    Http2(Box<Frames>),
    /// Nothing more counts.
    Refused,
}

/// How HTTP/2 begins (RFC 9113 section 3.4), as far as no HTTP/1 request does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// Envoy's own bound (`max_request_headers_kb`).
const MAX_HEAD: usize = 60 * 1024;

/// More than hyper admits at once on a connection (200 streams).
const MAX_WAITING: usize = 256;

/// How much is read at once.
const PIECE: usize = 16 * 1024;

// === impl Heads ===

impl Heads {
    /// The head of the next request of HTTP/1.1.
    pub(super) fn next(&self) -> Option<Result<Head, Refusal>> {
        self.0.borrow_mut().queue.pop_front()
    }

    /// The head of a stream of HTTP/2.
    pub(super) fn of_stream(&self, stream: u32) -> Option<Result<Head, Refusal>> {
        self.0.borrow_mut().streams.remove(&stream)
    }

    fn push(&self, head: Result<Head, Refusal>) {
        self.0.borrow_mut().queue.push_back(head);
    }

    fn put(&self, stream: u32, head: Result<Head, Refusal>) {
        let mut waiting = self.0.borrow_mut();
        waiting.streams.insert(stream, head);
        if waiting.streams.len() > MAX_WAITING {
            // hyper has refused this stream for being too many, and will not ask about it.
            waiting.streams.pop_first();
        }
    }
}

// === impl Guarded ===

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, heads: Heads) -> Self {
        Self {
            stream,
            state: State::Start,
            heads,
            input: Vec::new(),
            output: Vec::new(),
            given: 0,
            ended: false,
        }
    }

    /// Looks at what was read. What cannot be told yet stays.
    fn look(&mut self) {
        while !self.input.is_empty() {
            match &mut self.state {
                State::Start => {
                    let known = self.input.len().min(PREFACE.len());
                    if self.input.get(..known) != PREFACE.get(..known) {
                        self.state = State::Head;
                    } else if known == PREFACE.len() {
                        self.state = State::Http2(Box::new(Frames::new()));
                    } else {
                        return;
                    }
                }
                State::Head => {
                    if !self.head() {
                        return;
                    }
                }
                State::Body(body) => {
                    let taken = body.take(&self.input, &mut self.output);
                    self.input.drain(..taken);
                    match body {
                        Body::Over => self.state = State::Head,
                        Body::Broken => self.state = State::Refused,
                        Body::Length(_)
                        | Body::Size(_)
                        | Body::Chunk(_)
                        | Body::Break(_)
                        | Body::Trailer(_) => {}
                    }
                }
                State::Http2(frames) => {
                    if frames.take(&mut self.input, &mut self.output, &self.heads).is_err() {
                        frames.end(&mut self.output);
                        self.state = State::Refused;
                    } else {
                        return;
                    }
                }
                State::Refused => self.input.clear(),
            }
        }
    }

    /// Reads a head, where there is a whole one.
    fn head(&mut self) -> bool {
        let blank = self.input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.input.drain(..blank);
        // A client that speaks TLS waits for an answer before it ever ends a line.
        if self.input.first().is_some_and(|byte| !head::is_token(*byte)) {
            self.refuse(Refusal { status: 400, details: "http1.codec_error", head: Box::default() });
            return false;
        }
        let Some(end) = end_of_head(&self.input) else {
            if self.input.len() > MAX_HEAD {
                self.refuse(Refusal {
                    status: 431,
                    details: "http1.headers_too_large",
                    head: Box::default(),
                });
            }
            return false;
        };
        let bytes: Vec<u8> = self.input.drain(..end).collect();
        if bytes.len() > MAX_HEAD {
            self.refuse(Refusal { status: 431, details: "http1.headers_too_large", head: Box::default() });
            return false;
        }
        match head::parse(&bytes) {
            Ok((head, framing)) => {
                self.output.extend_from_slice(stand_in(&head, framing).as_bytes());
                self.state = match framing {
                    // What follows is meant for the other end of a tunnel, and there is none.
                    _ if head.method == b"CONNECT" => State::Refused,
                    Framing::Nothing | Framing::Length(0) => State::Head,
                    Framing::Length(length) => State::Body(Body::Length(length)),
                    Framing::Chunked => State::Body(Body::Size(Vec::new())),
                };
                self.heads.push(Ok(head));
            }
            Err(refusal) => self.refuse(refusal),
        }
        true
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.output.extend_from_slice(b"GET / HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n");
        self.heads.push(Err(refusal));
        self.state = State::Refused;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        loop {
            let waiting = own.output.get(own.given..).unwrap_or_default();
            if !waiting.is_empty() {
                let count = waiting.len().min(buffer.remaining());
                buffer.put_slice(waiting.get(..count).unwrap_or_default());
                own.given = own.given.saturating_add(count);
                return Poll::Ready(Ok(()));
            }
            own.output.clear();
            own.given = 0;
            if own.ended {
                return Poll::Ready(Ok(()));
            }
            let mut piece = [0; PIECE];
            let mut read = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut own.stream).poll_read(context, &mut read))?;
            own.ended = read.filled().is_empty();
            own.input.extend_from_slice(read.filled());
            own.look();
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// What hyper reads in place of a head: how the message is framed, and nothing else.
fn stand_in(head: &Head, framing: Framing) -> String {
    // Only HEAD has another framing of its response.
    let method = if head.method == b"HEAD" { "HEAD" } else { "POST" };
    let framing = match framing {
        _ if head.method == b"CONNECT" => String::new(),
        Framing::Nothing => String::new(),
        Framing::Length(length) => format!("content-length: {length}\r\n"),
        Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
    };
    let says = |name: &[u8], word: &[u8]| {
        let values = head.fields.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
        let mut words = values.flat_map(|value| value.split(|byte| *byte == b','));
        words.any(|own| own.trim_ascii().eq_ignore_ascii_case(word))
    };
    let closing =
        if head.method == b"CONNECT" || says(b"connection", b"close") { "connection: close\r\n" } else { "" };
    let expecting = if says(b"expect", b"100-continue") { "expect: 100-continue\r\n" } else { "" };
    format!("{method} / HTTP/1.1\r\nhost: -\r\n{framing}{closing}{expecting}\r\n")
}

/// Where the empty line ends, with or without carriage returns.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let line = bytes.get(start..)?;
        let end = line.iter().position(|byte| *byte == b'\n')?;
        let next = start.saturating_add(end).saturating_add(1);
        if matches!(line.get(..end), Some(b"" | b"\r")) {
            return Some(next);
        }
        start = next;
    }
}
