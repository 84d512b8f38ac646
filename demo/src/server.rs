//! One server process: started on its own, watched until it is ready, and ended with whoever started it.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use crate::{error::DemoError, http::Exchange, layout::Layout, pid::PidRecord, port};

/// How often a server is asked whether it is ready.
const POLL: Duration = Duration::from_millis(25);

/// A cold start of a backend takes well under a second.
const READY: Duration = Duration::from_secs(20);

/// A free port may be taken again before the server binds it.
const ATTEMPTS: u32 = 3;

/// How much of a log an error shows.
const TAIL_LINES: usize = 15;

/// Ends the group of the process in `$1` once nothing holds its own standard input any more, that is when
/// the program that started both is gone, however it went.
const WATCH: &str = r#"read -r _; kill -s KILL -- "-$1""#;

/// What to start.
#[derive(Debug)]
pub struct Launch {
    /// The name of the log and of the pid file.
    pub name: &'static str,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// A running server. Dropping it ends the process at once.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    log: PathBuf,
    pids: PathBuf,
    record: PidRecord,
    child: Child,
    watch: Option<Child>,
    left: bool,
}

// === impl Server ===

impl Server {
    /// Starts a server in a process group of its own, so that a Ctrl-C at the terminal reaches only the
    /// program that started it, which then ends its servers in order.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn start(layout: &Layout, launch: Launch) -> Result<Self, DemoError> {
        Self::start_with(layout, launch, &[])
    }

    /// The same with variables in its environment.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn start_with(
        layout: &Layout,
        launch: Launch,
        environment: &[(&str, &str)],
    ) -> Result<Self, DemoError> {
        let Launch { name, program, arguments } = launch;
        layout.folder("logs")?;
        let pids = layout.folder("pids")?;
        let log = layout.log(name);
        let output = fs::File::create(&log).map_err(DemoError::io(format!("write `{}`", log.display())))?;
        let errors = output.try_clone().map_err(DemoError::io(format!("write `{}`", log.display())))?;
        let mut child = Command::new(&program)
            .args(&arguments)
            .envs(environment.iter().copied())
            .current_dir(layout.state())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(DemoError::io(format!("start `{}`", program.display())))?;
        // From here on the process needs an owner that ends it, also on the way out of an error.
        let owned = PidRecord::of(name, child.id()).and_then(|record| Ok((record, watch(&child)?)));
        let (record, watch) = match owned {
            Ok(owned) => owned,
            Err(error) => {
                end_child(&mut child);
                return Err(error);
            }
        };
        let server = Self { name, log, pids, record, child, watch: Some(watch), left: false };
        server.record.save(&server.pids)?;
        Ok(server)
    }

    /// Starts what `launch` says for a free port, and waits until it answers HTTP at `path`, whatever it answers.
    ///
    /// # Errors
    /// Whatever `launch` says, and any [`DemoError`] of a server.
    pub async fn on_free_port(
        layout: &Layout,
        path: &str,
        launch: impl Fn(SocketAddr) -> Result<Launch, DemoError>,
    ) -> Result<(Self, SocketAddr), DemoError> {
        let mut attempt: u32 = 1;
        loop {
            let address = port::loopback(port::free()?);
            let mut server = Self::start(layout, launch(address)?)?;
            let probe = Exchange::new(address, "GET", path);
            match server.ready(READY, async || probe.send().await.is_ok()).await {
                Ok(()) => return Ok((server, address)),
                Err(DemoError::ServerExited { .. }) if attempt < ATTEMPTS => {
                    attempt = attempt.saturating_add(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The name of its log and pid file.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `probe` says that the server is ready.
    ///
    /// # Errors
    /// [`DemoError::ServerExited`] or [`DemoError::ServerNotReady`], with the end of the log.
    pub async fn ready(
        &mut self,
        limit: Duration,
        mut probe: impl AsyncFnMut() -> bool,
    ) -> Result<(), DemoError> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.exited()? {
                let (server, log) = (self.name.to_owned(), self.log_tail());
                return Err(DemoError::ServerExited { server, status: status.to_string(), log });
            }
            if probe().await {
                return Ok(());
            }
            if start.elapsed() > limit {
                let (server, log) = (self.name.to_owned(), self.log_tail());
                return Err(DemoError::ServerNotReady { server, seconds: limit.as_secs(), log });
            }
            sleep(POLL).await;
        }
    }

    /// Whether the process has ended, and how.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn exited(&mut self) -> Result<Option<ExitStatus>, DemoError> {
        let status = self.child.try_wait().map_err(DemoError::io(format!("wait for {}", self.name)))?;
        if status.is_some() {
            self.end_watch();
        }
        Ok(status)
    }

    /// Ends the server in its own way, so that what it buffers is written, and returns when it is gone.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub async fn stop(mut self) -> Result<(), DemoError> {
        // A zombie does not count as running, so this does not wait for our own reaping.
        self.record.end(&self.pids).await?;
        self.exited().map(drop)
    }

    /// Lets the server outlive this program. Its pid file is how `actgate-demo down` finds it.
    pub fn leave_running(mut self) {
        self.end_watch();
        self.left = true;
    }

    /// The end of what the server wrote.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let skip = lines.len().saturating_sub(TAIL_LINES);
        lines.into_iter().skip(skip).collect::<Vec<_>>().join("\n")
    }

    fn end_watch(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            end_child(&mut watch);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // At once and not politely: nobody can wait here for a server to take its leave.
        if self.record.is_running()
            && let Err(_gone) = kill_process_group(Pid::from_child(&self.child), Signal::KILL)
        {
            end_child(&mut self.child);
        }
        // INVARIANT: the watch goes before the server is reaped, since until then its pid means nobody else.
        self.end_watch();
        if let Err(_reaped) = self.child.wait() {}
        if let Err(_absent) = fs::remove_file(self.pids.join(self.name)) {}
    }
}

/// Starts the process that ends `server` when this program is gone, even where it was killed and could end
/// nothing itself.
fn watch(server: &Child) -> Result<Child, DemoError> {
    Command::new("sh")
        .args(["-c", WATCH, "actgate-demo-watch"])
        .arg(server.id().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(DemoError::io("start `sh`"))
}

fn end_child(child: &mut Child) {
    if let Err(_ended) = child.kill() {}
    if let Err(_reaped) = child.wait() {}
}

#[cfg(test)]
mod tests;
