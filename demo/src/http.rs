//! A small HTTP/1.1 client: one connection for one exchange, the path sent as it is written.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use crate::error::DemoError;

/// Longer than any exchange of the demo takes, and short enough to notice one that hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// A request to send.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The server.
    pub address: SocketAddr,
    /// The method; any token.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Headers besides `Host` and `Content-Length`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

// === impl Exchange ===

impl<'a> Exchange<'a> {
    /// A request without headers and body.
    pub fn new(address: SocketAddr, method: &'a str, path: &'a str) -> Self {
        Self { address, method, path, headers: &[], body: &[] }
    }

    /// Sends it and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`DemoError::Exchange`].
    pub async fn send(self) -> Result<Answer, DemoError> {
        match timeout(LIMIT, self.converse()).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failed(error.as_ref())),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Sends it and demands an answer of the 200 class.
    ///
    /// # Errors
    /// [`DemoError::Exchange`] and [`DemoError::Answer`].
    pub async fn succeed(self) -> Result<Answer, DemoError> {
        let answer = self.send().await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        Err(DemoError::Answer { what: self.to_string(), status: answer.status, body: answer.text() })
    }

    async fn converse(self) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::HOST, self.address.to_string());
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(self.body)))?;
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends when the sender is dropped, and its errors also reach the exchange itself.
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        connection.abort();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    fn failed(self, error: &dyn std::error::Error) -> DemoError {
        DemoError::Exchange { what: self.to_string(), reason: error.to_string() }
    }
}

impl std::fmt::Display for Exchange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}{}", self.method, self.address, self.path)
    }
}

// === impl Answer ===

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
