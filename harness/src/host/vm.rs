//! One instance of a module, with the plugin configured in it: what an Envoy worker has.

mod callbacks;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use wasmtime::{Store, WasmBacktrace};

pub(super) use self::callbacks::Callbacks;
use super::{
    metrics::{Metric, Metrics},
    module::Module,
    plugin::{Entropy, Plugin},
    shared::Shared,
    state::{Callout, CalloutOutcome, Deferred, Host, LogLine, ROOT},
    stream::{Direction, LocalReply, Stream, StreamId},
    trace::{self, Trace},
    usage::Usage,
};

/// A VM. One that trapped answers 503 until its back-off is over, and is loaded anew by the next stream
/// (`FAIL_RELOAD`).
pub struct Vm {
    pub(super) module: Module,
    pub(super) store: Store<Host>,
    callbacks: Callbacks,
    failure: Option<String>,
    /// When it was loaded, or an attempt was made.
    loaded: u64,
    reloads: u64,
    next_stream: u32,
}

/// Why a VM does not run.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// It trapped, or has no memory, while it started.
    #[error("the module failed: {0}")]
    Failed(String),
    /// The plugin refused its configuration. What it says is in the log lines.
    #[error("the plugin refused its configuration{}", lines(.0))]
    Refused(Vec<LogLine>),
}

// === impl Vm ===

impl Vm {
    /// Starts the module and configures the plugin, at `now` (nanoseconds since 1970).
    ///
    /// # Errors
    /// Any [`VmError`].
    pub fn load(
        module: &Module,
        plugin: Plugin,
        shared: Shared,
        entropy: Entropy,
        now: u64,
    ) -> Result<Self, VmError> {
        let host = Host::new(Arc::new(plugin), shared, entropy, Metrics::default(), now);
        Self::start(module.clone(), host)
    }

    /// Sets the time, in nanoseconds since 1970. It stands still in between.
    pub fn set_time(&mut self, now: u64) {
        self.store.data_mut().now = now;
    }

    /// The trap that ended the module, with the functions that it happened in.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// How often the module was loaded anew.
    pub fn reloads(&self) -> u64 {
        self.reloads
    }

    /// The metrics that the plugin defined.
    pub fn metrics(&self) -> &BTreeMap<String, Metric> {
        self.store.data().metrics.values()
    }

    /// The log lines since the last call.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.store.data_mut().log)
    }

    /// What was counted since the last call.
    pub fn take_usage(&mut self) -> Usage {
        let mut usage = std::mem::take(&mut self.store.data_mut().usage);
        if self.module.counts_fuel()
            && let Ok(rest) = self.store.get_fuel()
        {
            usage.fuel = Some(u64::MAX.saturating_sub(rest));
            if let Some(trace) = &mut self.store.data_mut().trace {
                trace.end(rest);
            }
            self.refuel();
        }
        usage
    }

    /// Begins to note where instructions are spent, where the module was compiled for it, and gives what was noted before:
    /// up to the last [`Self::take_usage`].
    pub fn trace(&mut self) -> Option<Trace> {
        self.store.data_mut().trace.replace(Trace::default())
    }

    /// How large the linear memory is.
    pub fn memory_size(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Callouts that the plugin made and that wait to be carried out.
    pub fn take_callouts(&mut self) -> VecDeque<Callout> {
        std::mem::take(&mut self.store.data_mut().callouts)
    }

    /// Ends a callout. One that nobody waits for any more is ignored.
    pub fn answer_callout(&mut self, token: u32, outcome: CalloutOutcome) {
        if self.store.data_mut().pending.remove(&token).is_none() {
            return;
        }
        let sizes = match &outcome {
            CalloutOutcome::Response { headers, body, trailers } => {
                (size(headers.len()), size(body.len()), size(trailers.len()))
            }
            CalloutOutcome::Reset => (0, 0, 0),
        };
        let host = self.store.data_mut();
        if outcome == CalloutOutcome::Reset {
            /// `WasmResult::BrokenConnection`
            const BROKEN: u32 = 11;
            host.status = (BROKEN, "reset".to_owned());
        } else {
            host.callout_outcome = Some(outcome);
        }
        self.call(ROOT, "proxy_on_http_call_response", |callbacks, store| {
            let (headers, body, trailers) = sizes;
            callbacks.http_call_response(store, (ROOT, token, headers, body, trailers))
        });
        let host = self.store.data_mut();
        host.callout_outcome = None;
        host.status.1.clear();
        self.settle();
    }

    /// How many milliseconds the plugin wants between two ticks; 0 for none.
    pub fn tick_period(&self) -> u32 {
        self.store.data().tick_period
    }

    /// One tick of the plugin's timer.
    pub fn tick(&mut self) {
        self.call(ROOT, "proxy_on_tick", |callbacks, store| callbacks.tick(store, ROOT));
        self.settle();
    }

    /// A new stream. `attributes` are properties that only the proxy knows, by path (`["source", "address"]`).
    /// A VM that has failed is loaded anew first, if its back-off is over.
    pub fn open<'a>(&mut self, attributes: impl IntoIterator<Item = (&'a [&'a str], Vec<u8>)>) -> StreamId {
        self.reload_if_failed();
        let id = self.next_stream;
        self.next_stream = self.next_stream.checked_add(1).unwrap_or(ROOT.saturating_add(1));
        let attributes = attributes.into_iter().map(|(path, value)| (path.join("\0").into_bytes(), value));
        let begun = self.store.data().now;
        self.store.data_mut().streams.insert(id, Stream::new(attributes.collect(), begun));
        StreamId(id)
    }

    /// Properties of a stream that the proxy has come to know, by path.
    pub fn learn<'a>(
        &mut self,
        stream: StreamId,
        attributes: impl IntoIterator<Item = (&'a [&'a str], Vec<u8>)>,
    ) {
        if let Some(stream) = self.store.data_mut().streams.get_mut(&stream.0) {
            let known = attributes.into_iter().map(|(path, value)| (path.join("\0").into_bytes(), value));
            stream.attributes.extend(known);
        }
    }

    fn start(module: Module, host: Host) -> Result<Self, VmError> {
        let loaded = host.now;
        let mut store = Store::new(module.engine(), host);
        store.limiter(|host| &mut host.limits);
        if let Some(ticks) = module.deadline() {
            store.set_epoch_deadline(ticks);
        }
        if module.counts_fuel() {
            store.set_fuel(u64::MAX).map_err(|error| VmError::Failed(explain(&error)))?;
        }
        if module.traces() {
            trace::watch(&mut store);
        }
        let callbacks =
            Callbacks::start(&module, &mut store).map_err(|error| VmError::Failed(explain(&error)))?;
        let mut vm = Self {
            module,
            store,
            callbacks,
            failure: None,
            loaded,
            reloads: 0,
            next_stream: ROOT.saturating_add(1),
        };
        vm.configure()?;
        Ok(vm)
    }

    fn configure(&mut self) -> Result<(), VmError> {
        let plugin = Arc::clone(&self.store.data().plugin);
        self.call(ROOT, "proxy_on_context_create", |callbacks, store| callbacks.create(store, (ROOT, 0)));
        let started = self.call(ROOT, "proxy_on_vm_start", |callbacks, store| {
            callbacks.vm_start(store, (ROOT, size(plugin.vm_configuration.len())))
        });
        self.store.data_mut().configuring = true;
        let configured = match started {
            Some(0) => Some(0),
            Some(_) => self.call(ROOT, "proxy_on_configure", |callbacks, store| {
                callbacks.configure(store, (ROOT, size(plugin.configuration.len())))
            }),
            None => None,
        };
        self.store.data_mut().configuring = false;
        self.settle();
        match (configured, &self.failure) {
            (_, Some(failure)) => Err(VmError::Failed(failure.clone())),
            (Some(0) | None, None) => Err(VmError::Refused(self.take_log())),
            (Some(_), None) => Ok(()),
        }
    }

    /// Envoy's `maybeReloadHandleIfNeeded`: lazily, when a stream needs the VM.
    fn reload_if_failed(&mut self) {
        let host = self.store.data_mut();
        if self.failure.is_none() || host.now.saturating_sub(self.loaded) < host.plugin.reload_backoff {
            return;
        }
        let (entropy, metrics) = (host.entropy.clone(), host.metrics.without_ids());
        let mut fresh = Host::new(Arc::clone(&host.plugin), host.shared.clone(), entropy, metrics, host.now);
        // The answer to a callout of the old module is not one for the new module.
        fresh.next_token = host.next_token;
        self.loaded = host.now;
        match Self::start(self.module.clone(), fresh) {
            Ok(vm) => self.succeed(vm),
            // The failed VM stays until the next back-off is over.
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    /// Makes way for a VM of the same plugin.
    fn succeed(&mut self, mut next: Self) {
        let host = self.store.data_mut();
        let (log, usage) = (std::mem::take(&mut host.log), std::mem::take(&mut host.usage));
        let streams = std::mem::take(&mut host.streams);
        let host = next.store.data_mut();
        host.log.splice(..0, log);
        host.usage = usage;
        // Streams that the old module was about are over for the new one, but not for the proxy.
        host.streams.extend(streams.into_iter().map(|(id, own)| (id, Stream { orphaned: true, ..own })));
        self.store = next.store;
        self.callbacks = next.callbacks;
        self.failure = None;
        self.reloads = self.reloads.saturating_add(1);
    }

    /// Calls the module for a context; none if the module is dead, or dies. What the module asked for meanwhile is
    /// done by [`Self::settle`].
    pub(super) fn call(
        &mut self,
        context: u32,
        name: &'static str,
        callback: impl FnOnce(&Callbacks, &mut Store<Host>) -> wasmtime::Result<u32>,
    ) -> Option<u32> {
        let orphaned = self.store.data().streams.get(&context).is_some_and(|own| own.orphaned);
        if self.failure.is_some() || orphaned {
            return None;
        }
        if let Some(ticks) = self.module.deadline() {
            self.store.set_epoch_deadline(ticks);
        }
        let host = self.store.data_mut();
        host.usage.count_callback(name);
        let before = (host.current, host.effective);
        (host.current, host.effective) = (context, 0);
        let result = callback(&self.callbacks, &mut self.store);
        let host = self.store.data_mut();
        (host.current, host.effective) = before;
        let result = match host.dying.take() {
            Some(error) => Err(error),
            None => result,
        };
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failure = Some(format!("{name}: {}", explain(&error)));
                // What a dead module asked for is not done.
                host.deferred.clear();
                None
            }
        }
    }

    /// Whether a local reply forbids to continue; asked once per callback.
    pub(super) fn take_stopped(&mut self) -> bool {
        std::mem::take(&mut self.store.data_mut().stopped)
    }

    /// Does what the module asked for while it ran.
    pub(super) fn settle(&mut self) {
        self.store.data_mut().stopped = false;
        while let Some(deferred) = self.store.data_mut().deferred.pop_front() {
            match deferred {
                Deferred::Reply(id, reply) => self.local_reply(id, &reply),
                Deferred::Continue(id, direction) => self.resume(id, direction),
                Deferred::Reset(id) => {
                    let streams = &self.store.data().streams;
                    let known = streams.get(&id).and_then(|own| own.info.details.clone());
                    self.reset(id, known.as_deref().unwrap_or("wasm_close_stream"));
                }
                Deferred::TooLarge(id, direction) => self.too_large(id, direction),
                Deferred::QueueReady(token) => {
                    self.call(ROOT, "proxy_on_queue_ready", |callbacks, store| {
                        callbacks.queue_ready(store, (ROOT, token))
                    });
                }
            }
        }
    }

    /// A reply that something behind the filter makes: another filter, or the router.
    pub fn reply(&mut self, stream: StreamId, reply: &LocalReply) {
        self.local_reply(stream.0, reply);
    }

    /// Goes on with a stream that the filter holds, as a timer of the proxy might.
    pub fn resume_request(&mut self, stream: StreamId) {
        self.resume(stream.0, Direction::Request);
    }

    fn refuel(&mut self) {
        // Setting it fails only where it is not counted.
        if let Err(_uncounted) = self.store.set_fuel(u64::MAX) {}
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { module, store, callbacks: _, failure, loaded, reloads, next_stream: _ } = self;
        let streams = store.data().streams.len();
        f.debug_struct("Vm")
            .field("module", module)
            .field("streams", &streams)
            .field("failure", failure)
            .field("loaded", loaded)
            .field("reloads", reloads)
            .finish_non_exhaustive()
    }
}

/// A size as the ABI has it.
pub(super) fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// An error with the functions that it happened in.
fn explain(error: &wasmtime::Error) -> String {
    let cause = error.root_cause();
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return format!("{error:#}") };
    let names: Vec<String> = trace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => format!("  in {}", demangled(name)),
            None => format!("  in function {}", frame.func_index()),
        })
        .collect();
    format!("{cause}\n{}", names.join("\n"))
}

/// A Rust name without its hash and its crate disambiguators.
pub(super) fn demangled(name: &str) -> String {
    let mut text = name.to_owned();
    if let Some((path, hash)) = text.rsplit_once("::h")
        && hash.len() == 16
    {
        text = path.to_owned();
    }
    text
}

fn lines(log: &[LogLine]) -> String {
    log.iter().map(|line| format!("\n  {}", line.message)).collect()
}
