//! An upstream that records every byte it sees, for tests that assert what it saw: mostly nothing.

mod message;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
    time::timeout,
};

pub use self::message::Recorded;
use self::message::{Parsed, parse};
use crate::{error::DemoError, port};

/// A plain HTTP/1.1 server on a free loopback port. It ends when it is dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// What the recorder answers to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// A response; `Content-Length` is added.
    Respond {
        /// The status.
        status: u16,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// These bytes, whatever they are; the connection stays open.
    Raw(Vec<u8>),
    /// Nothing: the connection is closed.
    Close,
    /// Nothing: the connection stays open.
    Hang,
}

/// Everything that was seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many connections were opened.
    pub connections: usize,
    /// The complete requests, in the order of their ends.
    pub requests: Vec<Recorded>,
    /// The bytes of each connection, in the order of their openings, requests that never became complete
    /// included.
    pub bytes: BTreeMap<usize, Vec<u8>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    opened: usize,
    seen: Seen,
    scripts: VecDeque<Script>,
    otherwise: Script,
}

// === impl Recorder ===

impl Recorder {
    /// Starts recording. Requests get `otherwise` unless [`Recorder::next`] says something else.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub async fn start(otherwise: Script) -> Result<Self, DemoError> {
        let listener =
            TcpListener::bind(port::loopback(0)).await.map_err(DemoError::io("listen for the recorder"))?;
        let address = listener.local_addr().map_err(DemoError::io("listen for the recorder"))?;
        let state = State { opened: 0, seen: Seen::default(), scripts: VecDeque::new(), otherwise };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Appends to what the next requests get, one each.
    pub fn next(&self, script: Script) {
        self.shared.state().scripts.push_back(script);
    }

    /// From now on requests get this, unless [`Recorder::next`] says something else.
    pub fn answer(&self, otherwise: Script) {
        self.shared.state().otherwise = otherwise;
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.state().seen.clone()
    }

    /// Forgets what was seen. Connections that are open go on being recorded.
    pub fn forget(&self) {
        let mut state = self.shared.state();
        state.seen = Seen::default();
    }

    /// Waits until `count` complete requests were seen, for at most `limit`; whether they were.
    pub async fn saw_requests(&self, count: usize, limit: Duration) -> bool {
        let reached = async {
            loop {
                let changed = self.shared.changed.notified();
                if self.shared.state().seen.requests.len() >= count {
                    return;
                }
                changed.await;
            }
        };
        timeout(limit, reached).await.is_ok()
    }

    /// Stops listening and closes every connection.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

// === impl Script ===

impl Script {
    /// A response with a text body.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        Self::Respond { status, headers, body: body.into().into_bytes() }
    }
}

// === impl Seen ===

impl Seen {
    /// Whether not one byte arrived.
    pub fn is_nothing(&self) -> bool {
        self.requests.is_empty() && self.bytes.values().all(Vec::is_empty)
    }

    /// Whether these bytes arrived anywhere on one connection.
    pub fn contains(&self, needle: &[u8]) -> bool {
        !needle.is_empty()
            && self.bytes.values().any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and what was recorded stays true in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, to its end. What ends it is no error here: clients under test leave as they like.
async fn converse(mut stream: TcpStream, shared: Arc<Shared>) {
    let connection = open(&mut shared.state());
    let mut pending = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        let arrived = chunk.get(..count).unwrap_or_default();
        shared.state().seen.bytes.entry(connection).or_default().extend_from_slice(arrived);
        pending.extend_from_slice(arrived);
        loop {
            match parse(&pending) {
                Parsed::Partial => break,
                Parsed::Invalid => return,
                Parsed::Complete(request, length) => {
                    pending.drain(..length.min(pending.len()));
                    let script = answer(&mut shared.state(), request);
                    shared.changed.notify_waiters();
                    if !matches!(play(script, &mut stream).await, Ok(true)) {
                        return;
                    }
                }
            }
        }
    }
}

/// The number of a new connection.
fn open(state: &mut State) -> usize {
    state.seen.connections = state.seen.connections.saturating_add(1);
    state.opened = state.opened.saturating_add(1);
    state.opened
}

fn answer(state: &mut State, request: Recorded) -> Script {
    state.seen.requests.push(request);
    state.scripts.pop_front().unwrap_or_else(|| state.otherwise.clone())
}

/// Whether the connection goes on.
async fn play(script: Script, stream: &mut TcpStream) -> io::Result<bool> {
    match script {
        Script::Respond { status, headers, body } => {
            let mut response = format!("HTTP/1.1 {status} Recorded\r\n").into_bytes();
            for (name, value) in headers {
                response.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            response.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
            response.extend_from_slice(&body);
            stream.write_all(&response).await.map(|()| true)
        }
        Script::Raw(bytes) => stream.write_all(&bytes).await.map(|()| true),
        Script::Close => Ok(false),
        Script::Hang => {
            // Until the client leaves.
            let mut sink = [0; 1024];
            while stream.read(&mut sink).await? > 0 {}
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests;
