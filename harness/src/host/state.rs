//! Everything that one instance of a module knows: the data of its wasmtime `Store`.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use super::{
    headers::Headers,
    metrics::Metrics,
    plugin::{Entropy, Plugin},
    shared::Shared,
    status::Status,
    stream::{Direction, LocalReply, Stream, StreamId},
    trace::Trace,
    usage::Usage,
};

/// The context of the plugin itself; streams have the ids after it.
pub(super) const ROOT: u32 = 1;

/// How severe a message is (`proxy_log_level_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// What a developer looks for.
    Debug,
    /// Worth reading when looking for something.
    Info,
    /// Worth a look.
    Warn,
    /// Needs one.
    Error,
    /// Needs one now.
    Critical,
}

/// A line that the module logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How severe it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
}

/// An HTTP request that the module makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callout {
    /// Which; the answer refers to it.
    pub token: u32,
    /// For which stream; with its end nobody waits for the answer any more. None where the plugin itself asks.
    pub stream: Option<StreamId>,
    /// Where to.
    pub cluster: String,
    /// Its header fields, pseudo-headers included.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Headers,
    /// For how many milliseconds an answer is waited for; 0 for ever.
    pub timeout: u32,
}

/// What becomes of a callout. A timeout, or a host that cannot be reached, is Envoy's own 504 or 503 response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalloutOutcome {
    /// A response, `:status` included.
    Response {
        /// Its header fields.
        headers: Headers,
        /// Its body.
        body: Vec<u8>,
        /// Its trailers.
        trailers: Headers,
    },
    /// The connection broke in the middle of a response, or it was too long.
    Reset,
}

/// What is done after the module has returned, since Envoy never re-enters it.
#[derive(Debug)]
pub(super) enum Deferred {
    Reply(u32, LocalReply),
    Continue(u32, Direction),
    Reset(u32),
    TooLarge(u32, Direction),
    QueueReady(u32),
}

/// The state of one instance.
pub(super) struct Host {
    pub(super) plugin: Arc<Plugin>,
    pub(super) shared: Shared,
    pub(super) entropy: Entropy,
    pub(super) now: u64,
    pub(super) memory: Option<Memory>,
    pub(super) allocate: Option<TypedFunc<u32, u32>>,
    pub(super) limits: StoreLimits,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// The context whose callback runs, and the one that it chose to act for (0: none).
    pub(super) current: u32,
    pub(super) effective: u32,
    /// Whether the configuration can be read: while the plugin is configured.
    pub(super) configuring: bool,
    pub(super) deferred: VecDeque<Deferred>,
    /// A trap in the middle of a hostcall, which ends the module when its callback returns.
    pub(super) dying: Option<wasmtime::Error>,
    /// Whether a local reply forbids to continue, whatever the callback returns.
    pub(super) stopped: bool,
    pub(super) callouts: VecDeque<Callout>,
    /// Callouts that wait for an answer, and for which stream each.
    pub(super) pending: BTreeMap<u32, Option<StreamId>>,
    pub(super) next_token: u32,
    pub(super) callout_outcome: Option<CalloutOutcome>,
    pub(super) status: (u32, String),
    pub(super) queues: BTreeSet<u32>,
    pub(super) read_only: BTreeSet<Vec<u8>>,
    pub(super) tick_period: u32,
    pub(super) metrics: Metrics,
    pub(super) log: Vec<LogLine>,
    pub(super) usage: Usage,
    pub(super) trace: Option<Trace>,
}

// === impl LogLevel ===

impl LogLevel {
    pub(super) fn from_number(number: u32) -> Option<Self> {
        let levels = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];
        levels.get(usize::try_from(number).ok()?).copied()
    }
}

// === impl CalloutOutcome ===

impl CalloutOutcome {
    /// A response without trailers.
    pub fn response(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = Headers::new([(":status", status.to_string())]);
        Self::Response { headers, body: body.into(), trailers: Headers::default() }
    }
}

// === impl Host ===

impl Host {
    pub(super) fn new(
        plugin: Arc<Plugin>,
        shared: Shared,
        entropy: Entropy,
        metrics: Metrics,
        now: u64,
    ) -> Self {
        let limits = StoreLimitsBuilder::new().memory_size(plugin.memory_limit).build();
        Self {
            plugin,
            shared,
            entropy,
            now,
            memory: None,
            allocate: None,
            limits,
            streams: BTreeMap::new(),
            current: 0,
            effective: 0,
            configuring: false,
            deferred: VecDeque::new(),
            dying: None,
            stopped: false,
            callouts: VecDeque::new(),
            pending: BTreeMap::new(),
            next_token: 1,
            callout_outcome: None,
            status: (0, String::new()),
            queues: BTreeSet::new(),
            read_only: BTreeSet::new(),
            tick_period: 0,
            metrics,
            log: Vec::new(),
            usage: Usage::default(),
            trace: None,
        }
    }

    /// The context that hostcalls are about.
    pub(super) fn context(&self) -> u32 {
        let known = |id: u32| id == ROOT || self.streams.contains_key(&id);
        if self.effective != 0 && known(self.effective) { self.effective } else { self.current }
    }

    /// The stream that hostcalls are about; none where it is the plugin itself.
    pub(super) fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.context())
    }

    /// The same, to be changed.
    pub(super) fn stream_mut(&mut self) -> Option<&mut Stream> {
        let context = self.context();
        self.streams.get_mut(&context)
    }

    pub(super) fn write_log(&mut self, level: LogLevel, message: &[u8]) {
        if level >= self.plugin.log_level {
            self.log.push(LogLine { level, message: String::from_utf8_lossy(message).into_owned() });
        }
    }

    /// Queues a callout of the module.
    pub(super) fn call(&mut self, mut callout: Callout) -> Result<u32, Status> {
        let reachable = *self.plugin.clusters.get(&callout.cluster).ok_or(Status::BadArgument)?;
        let has = |name: &[u8]| callout.headers.first(name).is_some();
        if !(has(b":path") && has(b":method") && has(b":authority")) {
            return Err(Status::BadArgument);
        }
        // A cluster without hosts answers before the call has begun, which Envoy reports as a failure of the call.
        if !reachable {
            return Err(Status::InternalFailure);
        }
        if !callout.body.is_empty() {
            callout.headers.replace(b"content-length", callout.body.len().to_string().as_bytes());
        }
        let token = self.next_token;
        self.next_token = self.next_token.checked_add(1).unwrap_or(1);
        let context = self.context();
        let stream = self.streams.contains_key(&context).then_some(StreamId(context));
        self.pending.insert(token, stream);
        self.callouts.push_back(Callout { token, stream, ..callout });
        Ok(token)
    }

    /// Takes back what a stream that is over has asked for (`Context::~Context`).
    pub(super) fn cancel_callouts(&mut self, stream: StreamId) {
        self.pending.retain(|_, own| *own != Some(stream));
        self.callouts.retain(|callout| callout.stream != Some(stream));
    }
}
