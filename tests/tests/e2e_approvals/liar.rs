//! Somebody in the place of the approval service, who hears every claim and answers what the test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use actgate_control::grant::{GrantClaims, GrantKey};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Gives the bytes of an answer to a claim; nothing where none is to come.
pub(crate) type Answer = Box<dyn Fn(&Value) -> Option<Vec<u8>> + Send + Sync>;

/// A server on a port of its own.
pub(crate) struct Liar {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    answer: Mutex<Answer>,
    heard: Mutex<Vec<Value>>,
}

/// What a grant says, each part of which can be made wrong.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) issued: i64,
    pub(crate) digest: String,
    pub(crate) claim: String,
    pub(crate) subject: String,
    pub(crate) actor: String,
    pub(crate) groups: Vec<String>,
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

    /// The claims so far.
    pub(crate) fn heard(&self) -> Vec<Value> {
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
        let Some((length, claim)) = parsed(&bytes) else {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        bytes.drain(..length);
        // Only claims are lied to: outcomes have no member `digest`.
        let answer = if claim["digest"].is_null() {
            Some(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())
        } else {
            shared.heard.lock().unwrap_or_else(PoisonError::into_inner).push(claim.clone());
            (shared.answer.lock().unwrap_or_else(PoisonError::into_inner))(&claim)
        };
        match answer {
            Some(answer) => stream.write_all(&answer).await?,
            None => std::future::pending().await,
        }
    }
}

/// A whole request's length and its body, once it is there.
fn parsed(bytes: &[u8]) -> Option<(usize, Value)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let end = head + length.unwrap_or(0);
    let body = bytes.get(head..end)?;
    Some((end, serde_json::from_slice(body).unwrap_or_default()))
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

pub(crate) fn granted(grant: &str) -> Vec<u8> {
    reply(200, &json!({ "state": "granted", "id": "019f", "grant": grant }))
}

// === impl Word ===

impl Word {
    /// What a true service says to a claim.
    pub(crate) fn true_of(claim: &Value, issued: i64) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self {
            issuer: "https://control.demo".to_owned(),
            audience: text(&claim["audience"]),
            issued,
            digest: text(&claim["digest"]),
            claim: text(&claim["claim"]),
            subject: text(&claim["envelope"]["subject"]),
            actor: text(&claim["envelope"]["actor"]),
            groups: claim["groups"].as_array().expect("groups").iter().map(text).collect(),
        }
    }

    pub(crate) fn signed(&self, key: &GrantKey) -> String {
        let Self { issuer, audience, issued, digest, claim, subject, actor, groups } = self;
        key.sign(&GrantClaims {
            id: "019f-grant",
            issuer,
            audience,
            issued: *issued,
            digest,
            claim,
            approval: "019f",
            subject,
            actor,
            groups,
            approvers: &["demo/bob@demo".to_owned()],
        })
    }
}
