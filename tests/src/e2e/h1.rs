//! An HTTP/1.1 client that sends the bytes it is given and keeps the bytes it gets.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    task::JoinHandle,
    time::timeout,
};

/// Longer than any exchange takes here.
const LIMIT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A response.
    Reply(Reply),
    /// The connection was closed without one.
    Closed,
    /// Nothing, for as long as was waited.
    Silence,
}

/// A response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Interim responses before it (`100 Continue`).
    pub interim: Vec<u16>,
    /// Its headers, names as sent.
    pub headers: Vec<(String, String)>,
    /// Its body without framing.
    pub body: Vec<u8>,
    /// The trailers of a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Its status line and headers, byte for byte.
    pub head: Vec<u8>,
}

/// A connection whose bytes are all the caller's own.
#[derive(Debug)]
pub struct Wire {
    reader: OwnedReadHalf,
    /// None while a background task writes.
    writer: Option<OwnedWriteHalf>,
    _aside: Option<Aside>,
    pending: Vec<u8>,
    /// A response to HEAD has a length and no body (RFC 9110 section 9.3.2).
    bodiless: bool,
}

/// A task that ends with the connection.
#[derive(Debug)]
struct Aside(JoinHandle<()>);

/// There is no more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End;

/// Sends `bytes` on a connection of its own and waits for a response.
pub async fn send(address: SocketAddr, bytes: &[u8]) -> Outcome {
    send_within(address, bytes, LIMIT).await
}

/// The same with a limit of its own, for requests that are expected to hang.
pub async fn send_within(address: SocketAddr, bytes: &[u8], limit: Duration) -> Outcome {
    let wire = Wire::connect(address).await;
    // The server may answer and stop reading before everything is written.
    wire.writing_aside(bytes.to_vec()).reply(limit).await
}

// === impl Wire ===

impl Wire {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let (reader, writer) = stream.into_split();
        Self { reader, writer: Some(writer), _aside: None, pending: Vec::new(), bodiless: false }
    }

    /// Writes.
    pub async fn write(&mut self, bytes: &[u8]) {
        let writer = self.writer.as_mut().expect("nothing is being written aside");
        writer.write_all(bytes).await.expect("a write");
    }

    /// Writes in the background, whether the other side reads or not, and nothing after.
    pub fn writing_aside(self, bytes: Vec<u8>) -> Self {
        let Self { reader, writer, pending, .. } = self;
        let mut writer = writer.expect("nothing is being written aside");
        let bodiless = bytes.starts_with(b"HEAD ");
        let task = tokio::spawn(async move {
            if let Err(_the_other_side_closed) = writer.write_all(&bytes).await {}
            // Held open: a half-closed connection would be another request.
            std::future::pending::<()>().await;
        });
        Self { reader, writer: None, _aside: Some(Aside(task)), pending, bodiless }
    }

    /// Reads one whole response.
    pub async fn reply(&mut self, limit: Duration) -> Outcome {
        match timeout(limit, self.read_reply()).await {
            Ok(Ok(reply)) => Outcome::Reply(reply),
            Ok(Err(End)) => Outcome::Closed,
            Err(_) => Outcome::Silence,
        }
    }

    /// Reads until `needle` has come; everything up to and with it.
    pub async fn read_until(&mut self, needle: &[u8]) -> Vec<u8> {
        let found = timeout(LIMIT, async {
            loop {
                if let Some(at) = find(&self.pending, needle) {
                    return Ok::<Vec<u8>, End>(self.pending.drain(..at + needle.len()).collect());
                }
                self.fill().await?;
            }
        });
        match found.await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(End)) | Err(_) => panic!("`{}` did not come", String::from_utf8_lossy(needle)),
        }
    }

    /// Whether the other side closes the connection, without a byte more.
    pub async fn closes(&mut self, limit: Duration) -> bool {
        self.pending.is_empty() && matches!(timeout(limit, self.fill()).await, Ok(Err(End)))
    }

    async fn read_reply(&mut self) -> Result<Reply, End> {
        let mut interim = Vec::new();
        loop {
            let head = self.take_until(b"\r\n\r\n").await?;
            let mut reply = parse_head(&head);
            if reply.status / 100 == 1 && reply.status != 101 {
                interim.push(reply.status);
                continue;
            }
            reply.interim = interim;
            if !self.bodiless {
                self.read_body(&mut reply).await?;
            }
            return Ok(reply);
        }
    }

    async fn read_body(&mut self, reply: &mut Reply) -> Result<(), End> {
        let chunked = reply.header("transfer-encoding").is_some_and(|value| value.contains("chunked"));
        let length = reply.header("content-length").map(|value| value.parse().expect("a length"));
        if chunked {
            return self.read_chunks(reply).await;
        }
        match length {
            Some(length) => {
                while self.pending.len() < length {
                    self.fill().await?;
                }
                reply.body = self.pending.drain(..length).collect();
            }
            None if matches!(reply.status, 101 | 204 | 304) => {}
            None => {
                while self.fill().await.is_ok() {}
                reply.body = std::mem::take(&mut self.pending);
            }
        }
        Ok(())
    }

    async fn read_chunks(&mut self, reply: &mut Reply) -> Result<(), End> {
        loop {
            let line = self.take_until(b"\r\n").await?;
            let line = String::from_utf8(line).expect("a chunk size");
            let size = usize::from_str_radix(line.trim(), 16).expect("a chunk size");
            if size == 0 {
                loop {
                    let line = self.take_until(b"\r\n").await?;
                    if line == b"\r\n" {
                        return Ok(());
                    }
                    reply.trailers.push(parse_field(&String::from_utf8_lossy(&line)));
                }
            }
            while self.pending.len() < size + 2 {
                self.fill().await?;
            }
            reply.body.extend(self.pending.drain(..size));
            self.pending.drain(..2);
        }
    }

    async fn take_until(&mut self, end: &[u8]) -> Result<Vec<u8>, End> {
        loop {
            if let Some(at) = find(&self.pending, end) {
                return Ok(self.pending.drain(..at + end.len()).collect());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), End> {
        let mut chunk = vec![0; 64 * 1024];
        match self.reader.read(&mut chunk).await {
            Ok(0) | Err(_) => Err(End),
            Ok(count) => {
                self.pending.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Reply ===

impl Reply {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn parse_head(bytes: &[u8]) -> Reply {
    let head = String::from_utf8_lossy(bytes);
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|text| text.parse().ok());
    Reply {
        head: bytes.to_vec(),
        status: status.unwrap_or_else(|| panic!("no status line: {head}")),
        headers: lines.map(parse_field).collect(),
        ..Reply::default()
    }
}

fn parse_field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line}"));
    (name.to_owned(), value.trim().to_owned())
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
