//! The plugin as a local reverse proxy: the production wasm before real tools, without Envoy.
//!
//! A worker is a thread with a VM of its own and an event loop ([`worker`]); a request goes through its VM piece by piece
//! ([`exchange`]). hyper carries the messages, but heads are read here, as strictly as Envoy reads them ([`codec`],
//! [`manager`]). What the plugin let go passes the sentinel of [`crate::route`] and goes to its upstream ([`upstream`]);
//! what was decided and done is recorded ([`record`], [`recorder`]) as Envoy's access log records it.

mod callout;
mod cluster;
mod codec;
mod deployment;
mod exchange;
mod instance;
mod line;
mod manager;
mod pipe;
mod record;
mod recorder;
mod upstream;
mod watch;
mod worker;

use std::{
    fmt::Debug,
    io, net,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch as channel},
    time::{sleep, timeout},
};

use self::{
    recorder::{Recorder, Writer},
    watch::Files,
    worker::{Phase, Seed, Start},
};
use crate::{
    diagnostic::Diagnostic,
    host::{Module, Shared},
};

pub use self::{
    deployment::{Environment, Field, Served, Trouble},
    recorder::Printed,
    upstream::Upstream,
};

/// How a server runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it serves.
    pub served: Served,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The ledger, appended to.
    pub ledger: Option<PathBuf>,
    /// How decisions are printed.
    pub printed: Printed,
    /// How many threads decide.
    pub workers: usize,
}

/// What people want to know of a running server.
#[derive(Debug)]
pub enum Notice {
    /// A changed configuration is in force; with warnings.
    Reloaded(Vec<Diagnostic>),
    /// A changed configuration is not, and the one before it stays.
    Refused(Trouble),
    /// It ends as soon as nothing is under way.
    Draining,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    served: Served,
    module: Module,
    shared: Shared,
    address: SocketAddr,
    files: Files,
    workers: Vec<Worker>,
    phase: channel::Sender<Phase>,
    writer: Writer,
}

#[derive(Debug)]
struct Worker {
    thread: JoinHandle<()>,
    instances: mpsc::UnboundedSender<Seed>,
}

/// How often files are looked at. One that has just changed is given as much time again to become whole.
const POLL: Duration = Duration::from_millis(250);

/// How long what has begun may go on after a first signal.
const DRAIN: Duration = Duration::from_secs(10);

// === impl Server ===

impl Server {
    /// Loads everything and listens; gives warnings too.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn start(module: Module, options: Options) -> Result<(Self, Vec<Diagnostic>), Trouble> {
        let Options { served, listen, ledger, printed, workers } = options;
        let shared = Shared::new();
        let files = Files::now(&served, &Files::default());
        let loaded = served.load(&module, &shared, workers.max(1))?;
        let failed = |error: io::Error| Trouble::new(error.to_string(), "this needs threads and sockets");
        let listener = TcpListener::bind(listen).map_err(|error| bind_trouble(listen, &error))?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (recorder, writer) = Recorder::start(ledger.as_deref(), printed).map_err(|error| {
            let name = ledger.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
            Trouble::new(
                format!("cannot write the ledger `{name}`: {error}"),
                "name another file with --ledger",
            )
        })?;
        let (phase, phases) = channel::channel(Phase::Running);
        let mut workers = Vec::new();
        for (number, instance) in loaded.seeds.into_iter().enumerate() {
            let (sender, instances) = mpsc::unbounded_channel();
            let start = Start {
                listener: listener.try_clone().map_err(failed)?,
                instance,
                instances,
                recorder: recorder.clone(),
                phase: phases.clone(),
            };
            let thread = worker::start(number, start).map_err(failed)?;
            workers.push(Worker { thread, instances: sender });
        }
        let server = Self { served, module, shared, address, files, workers, phase, writer };
        Ok((server, loaded.findings))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a signal asks for the end, and tells what happens meanwhile. A second signal does not wait.
    ///
    /// # Errors
    /// The system's, or the ledger's: without a ledger nothing is served.
    pub fn run(mut self, mut notify: impl FnMut(Notice) -> io::Result<()>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(self.watch(&mut notify));
        let Self { workers, phase, writer, .. } = self;
        drop(phase);
        for Worker { thread, instances } in workers {
            drop(instances);
            // Nothing panics there; what might have is over.
            if let Err(_panicked) = thread.join() {}
        }
        if let Err(_panicked) = writer.thread.join() {}
        ended
    }

    async fn watch(&mut self, notify: &mut impl FnMut(Notice) -> io::Result<()>) -> io::Result<()> {
        let mut signals = Signals::listen()?;
        let mut changing = None;
        let failed = loop {
            tokio::select! {
                () = signals.next() => break None,
                failed = &mut self.writer.failed => break failed.ok(),
                () = sleep(POLL) => {
                    let now = Files::now(&self.served, &self.files);
                    if now == self.files {
                        changing = None;
                    } else if changing.as_ref() == Some(&now) {
                        self.files = now;
                        changing = None;
                        notify(self.reload())?;
                    } else {
                        changing = Some(now);
                    }
                }
            }
        };
        if let Some(error) = failed {
            self.phase.send_replace(Phase::Over);
            return Err(error);
        }
        self.phase.send_replace(Phase::Draining);
        let told = notify(Notice::Draining);
        let drained = async {
            // A worker that has nothing to do any more has ended.
            while self.workers.iter().any(|worker| !worker.thread.is_finished()) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let impatient = async { if let Err(_elapsed) = timeout(DRAIN, signals.next()).await {} };
        tokio::select! {
            () = drained => {}
            () = impatient => {}
        }
        self.phase.send_replace(Phase::Over);
        told
    }

    /// Takes the configuration as it is now, or leaves the one before it in force.
    fn reload(&self) -> Notice {
        match self.served.load(&self.module, &self.shared, self.workers.len()) {
            Ok(loaded) => {
                for (worker, seed) in self.workers.iter().zip(loaded.seeds) {
                    // A worker that has ended has nothing left to decide.
                    if let Err(_ended) = worker.instances.send(seed) {}
                }
                Notice::Reloaded(loaded.findings)
            }
            Err(trouble) => Notice::Refused(trouble),
        }
    }
}

/// Why it does not listen, and what to do about it.
fn bind_trouble(listen: SocketAddr, error: &io::Error) -> Trouble {
    let is = |kind| error.kind() == kind;
    let (message, help) = if is(io::ErrorKind::AddrInUse) {
        let help =
            "end what listens there, or choose another with --listen 127.0.0.1:PORT (0 for a free one)";
        (format!("port {} is taken", listen.port()), help)
    } else if is(io::ErrorKind::PermissionDenied) {
        (format!("port {} may not be listened on", listen.port()), "choose one above 1023 with --listen")
    } else {
        (format!("cannot listen on {listen}: {error}"), "choose another address with --listen")
    };
    Trouble::new(message, help)
}

/// Whether only this machine reaches an address.
pub fn is_local(address: &SocketAddr) -> bool {
    match address.ip() {
        net::IpAddr::V4(ip) => ip.is_loopback(),
        net::IpAddr::V6(ip) => ip.is_loopback(),
    }
}

/// The signals that ask a program to end.
#[derive(Debug)]
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let Self([interrupt, terminate, hangup]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
