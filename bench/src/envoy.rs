//! One Envoy process on a processor of its own, ended with its value.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    error::BenchError,
    kernel::{Processors, Worker, bind},
    load::Answer,
};

/// A slow machine takes its time to compile the plugin.
const READY: Duration = Duration::from_secs(120);

/// How often a starting Envoy is asked: finer than anything that is read from it.
const POLL: Duration = Duration::from_millis(1);

/// How much of a log an error shows.
const TAIL_LINES: usize = 15;

/// What to start Envoy with.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) workers: u32,
    pub(crate) processors: Processors,
}

/// A running Envoy.
#[derive(Debug)]
pub(crate) struct Envoy {
    child: Child,
    log: PathBuf,
    started: Instant,
}

// === impl Envoy ===

impl Envoy {
    /// Starts Envoy. It is not ready yet.
    pub(crate) fn start(launch: &Launch<'_>, bootstrap: &Value) -> Result<Self, BenchError> {
        let config = launch.folder.join("bootstrap.json");
        fs::write(&config, bootstrap.to_string()).map_err(BenchError::io("write the bootstrap"))?;
        let log = launch.folder.join("envoy.log");
        let file = File::create(&log).map_err(BenchError::io("make the log"))?;
        let mut command = Command::new(launch.program);
        command.arg("--config-path").arg(&config);
        command.args(["--disable-hot-restart", "--log-level", "error", "--concurrency"]);
        command.arg(launch.workers.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        // What is started inherits where it may run.
        bind(launch.processors.envoy)?;
        let started = Instant::now();
        let child = command.spawn();
        bind(launch.processors.load)?;
        let child = child.map_err(BenchError::io(format!("start `{}`", launch.program.display())))?;
        Ok(Self { child, log, started })
    }

    /// Asks until the answer has this status, and says how long after its start that was.
    pub(crate) fn await_answer(
        &mut self,
        address: SocketAddr,
        request: &[u8],
        status: u16,
    ) -> Result<Duration, BenchError> {
        let mut last = String::new();
        while self.started.elapsed() < READY {
            match Answer::to(address, request) {
                Ok(answer) if answer.status == status => return Ok(self.started.elapsed()),
                Ok(answer) => last = format!("answers with {} instead of {status}", answer.status),
                Err(error) => last = format!("does not answer: {error}"),
            }
            if let Ok(Some(exit)) = self.child.try_wait() {
                return Err(self.failed(format!("ended ({exit})")));
            }
            thread::sleep(POLL);
        }
        Err(self.failed(last))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The program that it really is: the one on the path may be a script that becomes it.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/exe", self.pid())).ok()
    }

    /// Its first worker.
    pub(crate) fn worker(&self) -> Result<Worker, BenchError> {
        Worker::of(self.pid()).ok_or(BenchError::Unmeasurable("which thread is Envoy's worker"))
    }

    fn failed(&self, what: String) -> BenchError {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
        BenchError::Envoy { what, log: tail.join("\n") }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It holds nothing that is worth a graceful end; an error means that it has ended already.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// Ports that nobody listens on now, all different.
pub(crate) fn free_addresses(count: usize) -> Result<Vec<SocketAddr>, BenchError> {
    let listeners: io::Result<Vec<TcpListener>> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    let listeners = listeners.map_err(BenchError::io("find free ports"))?;
    let addresses: io::Result<Vec<SocketAddr>> = listeners.iter().map(TcpListener::local_addr).collect();
    addresses.map_err(BenchError::io("find free ports"))
}

/// What a program calls its own version.
pub(crate) fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // `<program>  version: <commit>/<version>/<state>/<build>/<TLS library>`
    text.trim().rsplit_once("version: ").map_or("unknown", |(_, version)| version).to_owned()
}
