//! Writes what was decided: to the ledger, and to whoever watches.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use super::line;

/// Takes records from every worker. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Recorder(SyncSender<String>);

/// How decisions are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// One line for people each.
    Text {
        /// Whether it is coloured.
        colour: bool,
    },
    /// The ledger's own records.
    Json,
}

/// What writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) thread: JoinHandle<()>,
    /// Why nothing can be written any more.
    pub(super) failed: oneshot::Receiver<io::Error>,
}

/// So many records wait; then the workers do. None is lost.
const WAITING: usize = 4096;

// === impl Recorder ===

impl Recorder {
    /// Starts to write; ends when the last clone is dropped.
    pub(super) fn start(ledger: Option<&Path>, printed: Printed) -> io::Result<(Self, Writer)> {
        let file = match ledger {
            Some(path) => Some(open(path)?),
            None => None,
        };
        let (sender, records) = sync_channel(WAITING);
        let (fail, failed) = oneshot::channel();
        let write = move || {
            if let Err(error) = write(&records, file, printed)
                && let Err(_over) = fail.send(error)
            {}
        };
        let thread = thread::Builder::new().name("ledger".to_owned()).spawn(write)?;
        Ok((Self(sender), Writer { thread, failed }))
    }

    pub(super) fn write(&self, record: String) {
        // Without a writer the proxy is about to end.
        if let Err(_over) = self.0.send(record) {}
    }
}

fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn write(records: &Receiver<String>, file: Option<File>, printed: Printed) -> io::Result<()> {
    let mut file = file.map(BufWriter::new);
    let mut out = Some(BufWriter::new(io::stdout()));
    while let Ok(first) = records.recv() {
        let mut next = Some(first);
        while let Some(record) = next {
            if let Some(file) = &mut file {
                writeln!(file, "{record}")?;
            }
            if let Some(watched) = &mut out
                && print(watched, &record, printed).is_err()
            {
                // Whoever watched has enough of it; the ledger goes on.
                out = None;
            }
            next = records.try_recv().ok();
        }
        if let Some(file) = &mut file {
            file.flush()?;
        }
        if out.as_mut().is_some_and(|out| out.flush().is_err()) {
            out = None;
        }
    }
    Ok(())
}

fn print(out: &mut impl Write, record: &str, printed: Printed) -> io::Result<()> {
    match printed {
        Printed::Json => writeln!(out, "{record}"),
        Printed::Text { colour } => writeln!(out, "{}", line::of(record, colour)),
    }
}
