//! The tools behind the gate, and the services that it asks itself: where they are, what is added for them, and connections to them.

use std::{cell::RefCell, collections::BTreeMap, fmt, io, rc::Rc, time::Duration};

use hyper::{
    HeaderMap, Method, Request, Response, Uri,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{HOST, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::spawn_local, time::timeout};

use super::{manager::travelling, pipe::Flow};
use crate::host::Headers;

/// A tool, or a service that the plugin asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Where it is, as `host:port`.
    pub address: String,
    /// What it gets whatever the client sent: a credential, mostly.
    pub fields: HeaderMap,
}

/// Connections of one worker that wait for another request.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool(Rc<RefCell<BTreeMap<String, Vec<SendRequest<Flow>>>>>);

/// Why there is no response.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody is there.
    Unreachable(io::Error),
    /// Nobody answered in time.
    Slow,
    /// It was there, and went away.
    Gone,
    /// It answered something else than HTTP.
    Strange,
}

/// Envoy's `connect_timeout` in `envoy/demo.yaml`.
const CONNECT: Duration = Duration::from_secs(2);

/// More connections of one worker do not wait for work.
const MAX_IDLE: usize = 32;

/// What hyper has read of a response and nobody took: as much as Envoy keeps for an upstream in `envoy/demo.yaml`.
pub(super) const BUFFER: usize = 64 * 1024;

// === impl Upstream ===

impl Upstream {
    /// Reads what `--upstream` says: `http://host:port`.
    ///
    /// # Errors
    /// One sentence about what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(match url.strip_prefix("https://") {
                Some(_) => {
                    "it is spoken to in plain HTTP only: put `http://` and a local TLS client before it"
                        .to_owned()
                }
                None => "it is `http://HOST:PORT`".to_owned(),
            });
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) || authority.is_empty() {
            return Err(
                "it is `http://HOST:PORT` alone: a tool sees the very path that was decided on".to_owned()
            );
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { address, fields: HeaderMap::new() })
    }

    /// Adds a field, in place of every one of this name.
    ///
    /// # Errors
    /// One sentence, without the value.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no name of a header"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` is none of a header"))?;
        value.set_sensitive(true);
        self.fields.insert(name, value);
        Ok(())
    }

    /// A request as it is to arrive here; none where it cannot be written.
    pub(super) fn request(&self, headers: &Headers, path: &str, flow: Flow) -> Option<Request<Flow>> {
        let mut request = Request::new(flow);
        *request.method_mut() = Method::from_bytes(headers.first(b":method")?).ok()?;
        *request.uri_mut() = path.parse::<Uri>().ok().filter(|uri| *uri == path)?;
        let mut fields = HeaderMap::new();
        fields.insert(HOST, HeaderValue::from_bytes(headers.first(b":authority")?).ok()?);
        fields.extend(travelling(headers));
        for (name, value) in &self.fields {
            fields.insert(name, value.clone());
        }
        *request.headers_mut() = fields;
        Some(request)
    }
}

// === impl Pool ===

impl Pool {
    /// Sends a request, once: a connection that turns out to be closed has seen nothing of it.
    pub(super) async fn send(
        &self,
        upstream: &Upstream,
        mut request: Request<Flow>,
    ) -> Result<Response<Incoming>, Failure> {
        loop {
            let (mut sender, fresh) = match self.take(&upstream.address) {
                Some(sender) => (sender, false),
                None => (connect(&upstream.address).await?, true),
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.put_when_free(upstream.address.clone(), sender);
                    return Ok(response);
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    Some(_) | None => {
                        let error = error.into_error();
                        return Err(if error.is_parse() { Failure::Strange } else { Failure::Gone });
                    }
                },
            }
        }
    }

    fn take(&self, address: &str) -> Option<SendRequest<Flow>> {
        let mut idle = self.0.borrow_mut();
        let idle = idle.get_mut(address)?;
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn put_when_free(&self, address: String, mut sender: SendRequest<Flow>) {
        let pool = self.clone();
        spawn_local(async move {
            if sender.ready().await.is_ok() {
                let mut idle = pool.0.borrow_mut();
                let idle = idle.entry(address).or_default();
                if idle.len() < MAX_IDLE {
                    idle.push(sender);
                }
            }
        });
    }
}

async fn connect(address: &str) -> Result<SendRequest<Flow>, Failure> {
    let connected = timeout(CONNECT, TcpStream::connect(address)).await.map_err(|_elapsed| Failure::Slow)?;
    let stream = connected.map_err(Failure::Unreachable)?;
    stream.set_nodelay(true).map_err(Failure::Unreachable)?;
    let handshake = http1::Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|_error| Failure::Gone)?;
    // What goes wrong with it also reaches the exchange.
    spawn_local(async move { if let Err(_told) = connection.await {} });
    Ok(sender)
}

// === impl Failure ===

impl Failure {
    /// `%RESPONSE_FLAGS%`
    pub(super) fn flags(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Slow => "UF",
            Self::Gone => "UC",
            Self::Strange => "UPE",
        }
    }

    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Unreachable(_) | Self::Slow | Self::Gone => 503,
            Self::Strange => 502,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The system's words without its number.
            Self::Unreachable(error) => {
                let why = error.to_string();
                let why = why.split(" (").next().unwrap_or_default();
                write!(f, "remote connection failure, transport failure reason: delayed connect error: {why}")
            }
            Self::Slow => f.write_str("connection timeout"),
            Self::Gone => f.write_str("connection termination"),
            Self::Strange => f.write_str("protocol error"),
        }
    }
}

#[cfg(test)]
mod tests;
