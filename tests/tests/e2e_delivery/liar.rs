//! Somebody in the place of the ledger's service, who hears every attempt and answers what the test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Gives the bytes of an answer to an attempt; nothing where none is to come.
pub(crate) type Answer = Box<dyn Fn(&Attempt) -> Option<Vec<u8>> + Send + Sync>;

/// An attempt as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) record: Value,
    /// The record, byte for byte.
    pub(crate) raw: String,
}

/// A server on a port of its own.
pub(crate) struct Liar {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    answer: Mutex<Answer>,
    heard: Mutex<Vec<Attempt>>,
}

// === impl Liar ===

impl Liar {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { answer: Mutex::new(answer), heard: Mutex::new(Vec::new()) });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers in another way from now on.
    pub(crate) fn say(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// The attempts so far.
    pub(crate) fn heard(&self) -> Vec<Attempt> {
        self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // Whoever asks may go away.
            if let Err(_left) = converse(stream, &shared).await {}
        });
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let Some((end, head, body)) = parsed(&bytes) else {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        bytes.drain(..end);
        // Batches are nobody's here.
        let attempt = head.starts_with("post /v1/attempts ").then(|| attempt(&body)).flatten();
        let answer = match attempt {
            None => Some(reply(503, &Value::Null)),
            Some(attempt) => {
                shared.heard.lock().unwrap_or_else(PoisonError::into_inner).push(attempt.clone());
                (shared.answer.lock().unwrap_or_else(PoisonError::into_inner))(&attempt)
            }
        };
        match answer {
            Some(answer) => stream.write_all(&answer).await?,
            None => std::future::pending().await,
        }
    }
}

fn attempt(body: &str) -> Option<Attempt> {
    let (_, rest) = body.split_once(",\"record\":")?;
    let raw = rest.strip_suffix('}')?.to_owned();
    Some(Attempt { record: serde_json::from_str(&raw).ok()?, raw })
}

/// A whole request: where it ends, its head in lower case and its body.
fn parsed(bytes: &[u8]) -> Option<(usize, String, String)> {
    let start = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..start]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let end = start + length.unwrap_or(0);
    let body = String::from_utf8_lossy(bytes.get(start..end)?).into_owned();
    Some((end, head, body))
}

/// An answer with this body.
pub(crate) fn reply(status: u16, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
