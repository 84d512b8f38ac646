//! Which processes a stack consists of, across the life of the program that started them.
//!
//! A pid alone is not a name: after its process has ended the system gives it to another. A record
//! therefore holds the time of the start too, and only a process that matches both is ever signalled.

use std::{fs, io, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::DemoError;

/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A process of a stack, as its file in the `pids` folder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidRecord {
    server: String,
    pid: i32,
    /// Clock ticks since the machine started, proc(5) `stat` field 22.
    started: u64,
}

// === impl PidRecord ===

impl PidRecord {
    /// The record of a child that leads its own group. It may have ended, but not been waited for.
    ///
    /// # Errors
    /// [`DemoError::Io`] where there is no such process.
    pub fn of(server: &str, pid: u32) -> Result<Self, DemoError> {
        let doing = || DemoError::io(format!("look at process {pid} of {server}"));
        let raw = i32::try_from(pid).map_err(io::Error::other).map_err(doing())?;
        let process =
            Process::of(raw).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)).map_err(doing())?;
        Ok(Self { server: server.to_owned(), pid: raw, started: process.started })
    }

    /// Writes the record into `folder`.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn save(&self, folder: &Path) -> Result<(), DemoError> {
        let path = folder.join(&self.server);
        let line = format!("{} {}\n", self.pid, self.started);
        fs::write(&path, line).map_err(DemoError::io(format!("write `{}`", path.display())))
    }

    /// The records in `folder` whose processes still run. Those of ended ones are removed.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn running(folder: &Path) -> Result<Vec<Self>, DemoError> {
        let doing = || DemoError::io(format!("read `{}`", folder.display()));
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(doing()(error)),
        };
        let mut running = Vec::new();
        for entry in entries {
            let path = entry.map_err(doing())?.path();
            let text = fs::read_to_string(&path).map_err(doing())?;
            let server = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match Self::parse(server, &text).filter(Self::is_running) {
                Some(record) => running.push(record),
                None => fs::remove_file(&path).map_err(doing())?,
            }
        }
        running.sort_by(|a, b| a.server.cmp(&b.server));
        Ok(running)
    }

    /// Ends the process and its group: politely, then not. Returns when it is gone.
    ///
    /// # Errors
    /// [`DemoError::Io`] where it may not be signalled.
    pub async fn end(&self, folder: &Path) -> Result<(), DemoError> {
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal)?;
            let gone = tokio::time::timeout(GRACE, async {
                while self.is_running() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            if gone.await.is_ok() {
                break;
            }
        }
        match fs::remove_file(folder.join(&self.server)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DemoError::io(format!("remove the record of {self}"))(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether this very process still runs. One that has ended and waits to be reaped does not.
    pub fn is_running(&self) -> bool {
        Process::of(self.pid).is_some_and(|process| process.started == self.started && !process.ended)
    }

    fn signal(&self, signal: Signal) -> Result<(), DemoError> {
        if !self.is_running() {
            return Ok(());
        }
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        match kill_process_group(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(DemoError::io(format!("end {self}"))(error.into())),
        }
    }

    fn parse(server: String, text: &str) -> Option<Self> {
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self { server, pid: pid.parse().ok()?, started: started.parse().ok()? })
    }
}

impl std::fmt::Display for PidRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {})", self.server, self.pid)
    }
}

/// What proc(5) `stat` says of a process.
#[derive(Debug, Clone, Copy)]
struct Process {
    started: u64,
    ended: bool,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Field 2 is the name in parentheses and may hold anything; field 3, the state, is the first behind it.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let ended = matches!(fields.next()?, "Z" | "X");
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { started, ended })
    }
}

#[cfg(test)]
mod tests;
