//! What was seen of an exchange, in a form in which two hosts can be compared.

use std::fmt;

/// Fields that a proxy makes itself, or that belong to a connection: not compared.
///
/// - `date`, `server`, `x-envoy-upstream-service-time` and `x-request-id`, `x-forwarded-proto`,
///   `x-envoy-expected-rq-timeout-ms`, `x-envoy-original-path`: Envoy's connection manager and router set them around
///   the filter.
/// - `connection`, `transfer-encoding`, and a `content-length` of 0: the framing of HTTP/1 is the codec's. What it
///   frames is compared.
const AROUND: [&str; 9] = [
    "date",
    "server",
    "x-envoy-upstream-service-time",
    "x-request-id",
    "x-forwarded-proto",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-original-path",
    "connection",
    "transfer-encoding",
];

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The status, or method, target and host.
    pub start: String,
    /// Header fields, in an order of their own.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Vec<(String, String)>,
    /// Whether it came to its end.
    pub complete: bool,
}

/// How far an exchange has come: what was seen of it so far, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines that the filter wrote.
    pub lines: usize,
    /// What got to the upstream: heads, bytes, ends.
    pub upstream: (usize, usize, usize),
    /// What got to the client.
    pub client: (usize, usize, usize),
}

/// Everything that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What the client got.
    pub client: Option<Message>,
    /// What the upstream got.
    pub upstream: Option<Message>,
    /// What the filter wrote.
    pub lines: Vec<String>,
}

// === impl Message ===

impl Message {
    /// A message that has begun.
    pub fn new(start: String, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut message = Self { start, ..Self::default() };
        let counts = |(name, value): &(String, String)| {
            !AROUND.contains(&name.as_str()) && (name != "content-length" || value != "0")
        };
        message.headers = headers.into_iter().filter(counts).collect();
        // HTTP/2 libraries do not keep the order of different fields.
        message.headers.sort();
        message
    }

    /// How far it has come.
    pub fn progress(message: Option<&Self>) -> (usize, usize, usize) {
        message.map_or((0, 0, 0), |own| (1, own.body.len(), usize::from(own.complete)))
    }
}

// === impl Progress ===

impl Progress {
    /// Whether everything of `other` has been seen too.
    pub fn reaches(self, other: Self) -> bool {
        let at_least = |one: (usize, usize, usize), two: (usize, usize, usize)| {
            one.0 >= two.0 && one.1 >= two.1 && one.2 >= two.2
        };
        self.lines >= other.lines
            && at_least(self.upstream, other.upstream)
            && at_least(self.client, other.client)
    }
}

// === impl Seen ===

impl Seen {
    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress {
            lines: self.lines.len(),
            upstream: Message::progress(self.upstream.as_ref()),
            client: Message::progress(self.client.as_ref()),
        }
    }

    /// The same without what differs for every decision: their ids.
    pub fn without_ids(mut self) -> Self {
        for message in self.client.iter_mut().chain(self.upstream.iter_mut()) {
            message.body = mask(&message.body);
            for (_, value) in &mut message.headers {
                *value = String::from_utf8_lossy(&mask(value.as_bytes())).into_owned();
            }
        }
        self
    }
}

/// Puts zeros in place of every UUID.
fn mask(bytes: &[u8]) -> Vec<u8> {
    const PATTERN: &[u8] = b"00000000-0000-0000-0000-000000000000";
    let fits = |window: &[u8]| {
        window.iter().zip(PATTERN).all(|(byte, pattern)| match pattern {
            b'-' => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let mut masked = bytes.to_vec();
    let mut at = 0;
    while at + PATTERN.len() <= masked.len() {
        if fits(&masked[at..at + PATTERN.len()]) {
            masked[at..at + PATTERN.len()].copy_from_slice(PATTERN);
            at += PATTERN.len();
        } else {
            at += 1;
        }
    }
    masked
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start)?;
        let told = self.headers.iter().filter(|(name, _)| name != "x-script");
        for (name, value) in told {
            write!(f, "\n      {name}: {value}")?;
        }
        match self.body.len() {
            0..=400 => write!(f, "\n      `{}`", String::from_utf8_lossy(&self.body).escape_debug())?,
            length => write!(f, "\n      {length} bytes")?,
        }
        for (name, value) in &self.trailers {
            write!(f, "\n      trailer {name}: {value}")?;
        }
        write!(f, "{}", if self.complete { "" } else { "\n      ... broken off" })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (who, message) in [("client", &self.client), ("upstream", &self.upstream)] {
            match message {
                Some(message) => writeln!(f, "    {who}: {message}")?,
                None => writeln!(f, "    {who}: nothing")?,
            }
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "    | {line}"))
    }
}
