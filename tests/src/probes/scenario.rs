//! What a probe does, and what is seen of it.

use std::fmt::Write as _;

/// What the upstream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 200, with this body and its length.
    Text(&'static str),
    /// 200, with a chunked body and trailers.
    Chunked(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// It closes the connection.
    Close,
    /// It says nothing.
    Silence,
}

/// A probe: a script for the filter, a request and an upstream.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What the filter does, callback by callback.
    pub script: &'static str,
    /// The method.
    pub method: &'static str,
    /// Header fields besides `host` and the framing.
    pub headers: &'static [(&'static str, &'static str)],
    /// The parts of the body, sent in chunks; there is none where there is no part.
    pub chunks: &'static [&'static str],
    /// How often each part is repeated.
    pub repeat: usize,
    /// Trailers.
    pub trailers: &'static [(&'static str, &'static str)],
    /// The upstream.
    pub answer: Answer,
    /// Whether the filter may hold the headers and still see the body.
    pub stops_on_headers: bool,
    /// Whether the same request is sent once more, at once.
    pub again: bool,
    /// Why Envoy cannot be compared; such a probe runs in the host alone.
    pub exception: Option<&'static str>,
}

/// What was seen from outside, as text to be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// What the client got.
    pub client: Message,
    /// Whether it waited in vain.
    pub hangs: bool,
    /// What the upstream got; whole or in part.
    pub upstream: Option<(Message, bool)>,
    /// What the filter traced.
    pub trace: Vec<String>,
}

/// A message without what only a proxy knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The status, or the method.
    pub start: String,
    /// The header fields that count.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
}

/// A GET without anything.
pub const PROBE: Scenario = Scenario {
    name: "",
    script: "",
    method: "GET",
    headers: &[],
    chunks: &[],
    repeat: 1,
    trailers: &[],
    answer: Answer::Text("answer"),
    stops_on_headers: true,
    again: false,
    exception: None,
};

// === impl Scenario ===

impl Scenario {
    /// Whether there is a body to be framed.
    pub fn has_body(&self) -> bool {
        !self.chunks.is_empty() || !self.trailers.is_empty()
    }

    /// The parts of the body.
    pub fn parts(&self) -> impl Iterator<Item = String> + '_ {
        self.chunks.iter().map(|chunk| chunk.repeat(self.repeat))
    }
}

/// The script of all scenarios.
pub fn script(scenarios: &[Scenario]) -> String {
    let mut script = String::new();
    for scenario in scenarios {
        let lines: Vec<&str> = scenario.script.lines().map(str::trim).collect();
        writeln!(script, "scenario {}\n{}", scenario.name, lines.join("\n")).expect("a string");
    }
    script
}

// === impl Message ===

impl Message {
    /// A message of what counts: fields of probes, and what describes a body.
    pub fn new<'a>(start: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>, body: Vec<u8>) -> Self {
        let own = ["content-type", "content-length", "grpc-status", "grpc-message", ":authority"];
        let fields = fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let counts = |(name, _): &(String, String)| name.starts_with("x-p") || own.contains(&name.as_str());
        let mut headers: Vec<_> = fields.filter(counts).filter(|(name, _)| name != ":authority").collect();
        // A response without a body has its length from the codec.
        if body.is_empty() {
            headers.retain(|(name, _)| name != "content-length");
        }
        Self { start: start.to_owned(), headers, body, trailers: Vec::new() }
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.start)?;
        for (name, value) in &self.headers {
            write!(f, " [{name}: {value}]")?;
        }
        let text = String::from_utf8_lossy(&self.body);
        if self.body.len() > 120 {
            write!(f, " {} bytes", self.body.len())?
        } else {
            write!(f, " `{text}`")?
        }
        for (name, value) in &self.trailers {
            write!(f, " trailer [{name}: {value}]")?;
        }
        Ok(())
    }
}

// === impl Observation ===

impl std::fmt::Display for Observation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.client.start.as_str(), self.hangs) {
            (_, true) => writeln!(f, "client: nothing, for ever")?,
            ("", false) => writeln!(f, "client: a closed connection")?,
            (_, false) => writeln!(f, "client: {}", self.client)?,
        }
        match &self.upstream {
            None => writeln!(f, "upstream: nothing")?,
            Some((message, true)) => writeln!(f, "upstream: {message}")?,
            Some((_, false)) => writeln!(f, "upstream: a part of a request")?,
        }
        self.trace.iter().try_for_each(|line| writeln!(f, "| {line}"))
    }
}
