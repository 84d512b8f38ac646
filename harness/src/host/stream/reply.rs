//! A response that the proxy makes itself (`Http::Utility::prepareLocalReply`).

use super::super::headers::{Headers, Section};

/// A local reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalReply {
    /// The status.
    pub status: u16,
    /// Header fields besides those that the proxy sets.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// `response.code_details`
    pub details: String,
    /// `grpc-status`, for requests of gRPC.
    pub grpc_status: Option<u32>,
}

// === impl LocalReply ===

impl LocalReply {
    /// A reply with a text.
    pub fn new(status: u16, details: &str, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            details: details.to_owned(),
            grpc_status: None,
        }
    }

    /// What Envoy's router says of an upstream that goes away (`Router::Filter::onUpstreamReset`), of whose response
    /// the client has seen nothing yet; whether it had begun.
    pub(in super::super) fn upstream_closed(begun: bool) -> Self {
        let (status, when, why) = match begun {
            true => (502, "after", "protocol error"),
            false => (503, "before", "connection termination"),
        };
        let details = format!("upstream_reset_{when}_response_started{{{}}}", why.replace(' ', "_"));
        let before = "upstream connect error or disconnect/reset before headers. reset reason:";
        Self::new(status, &details, &format!("{before} {why}"))
    }

    /// Head and body for this request.
    pub(in super::super) fn prepare(&self, request: &Headers) -> (Headers, Vec<u8>) {
        let mut headers = Headers::new([(":status", self.status.to_string())]);
        for (name, value) in &self.headers {
            headers.add(Section::Response, name, value);
        }
        if is_grpc(request) {
            return (self.grpc(headers), Vec::new());
        }
        if self.body.is_empty() {
            headers.remove(b"content-length");
            headers.remove(b"content-type");
        } else {
            headers.replace(b"content-length", self.body.len().to_string().as_bytes());
            if headers.first(b"content-type").is_none() {
                headers.add(Section::Response, b"content-type", b"text/plain");
            }
        }
        let is_head = request.first(b":method") == Some(b"HEAD");
        (headers, if is_head { Vec::new() } else { self.body.clone() })
    }

    fn grpc(&self, mut headers: Headers) -> Headers {
        headers.replace(b":status", b"200");
        headers.replace(b"content-type", b"application/grpc");
        if headers.first(b"grpc-status").is_none() {
            let status = self.grpc_status.unwrap_or_else(|| grpc_status(self.status));
            headers.add(Section::Response, b"grpc-status", status.to_string().as_bytes());
        }
        if !self.body.is_empty() {
            headers.replace(b"grpc-message", &escaped(&self.body));
        }
        headers.remove(b"content-length");
        headers
    }
}

fn is_grpc(request: &Headers) -> bool {
    let kind = request.first(b"content-type").unwrap_or_default();
    kind.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

/// grpc/grpc, doc/http-grpc-status-mapping.md
fn grpc_status(status: u16) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// What is not printable, and `%`, as the HTTP/2 binding of gRPC writes a message.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        if (b' '..=b'~').contains(byte) && *byte != b'%' {
            escaped.push(*byte);
        } else {
            escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    escaped
}
