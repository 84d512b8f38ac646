//! What can go wrong while the demo world is built.

use std::{io, path::PathBuf};

/// Why a stack could not be started, asked or ended.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file, folder or process could not be worked with.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, as a verb and its object.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program or file that set-up brings is not there.
    #[error("`{}` is missing: run `{remedy}`", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// The command that brings it.
        remedy: &'static str,
    },
    /// The folder that the demo lives in was not found.
    #[error("no demo world in `{}` or above it: run this inside the repository", start.display())]
    NoRepository {
        /// Where the search began.
        start: PathBuf,
    },
    /// An environment variable does not hold a port.
    #[error("{variable} is `{value}`, which is not a port")]
    PortInvalid {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// Somebody else listens on the port.
    #[error("port {port} is taken: end what listens there, or set {variable} to another port")]
    PortTaken {
        /// The port.
        port: u16,
        /// The variable that moves it.
        variable: &'static str,
    },
    /// A stack of this state folder is still there.
    #[error("the demo is already running ({servers}): end it with `make down`")]
    Running {
        /// The servers, by name and pid.
        servers: String,
    },
    /// A server ended before it was ready.
    #[error("{server} ended ({status}) before it was ready; its log ends:\n{log}")]
    ServerExited {
        /// The server.
        server: String,
        /// Its exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A server did not become ready in time.
    #[error("{server} was not ready after {seconds} s; its log ends:\n{log}")]
    ServerNotReady {
        /// The server.
        server: String,
        /// How long was waited.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// An HTTP exchange did not come to its end.
    #[error("{what}: {reason}")]
    Exchange {
        /// The request, as method and address.
        what: String,
        /// What happened.
        reason: String,
    },
    /// A server answered something else than it should.
    #[error("{what} was answered with {status}: {body}")]
    Answer {
        /// The request.
        what: String,
        /// The status.
        status: u16,
        /// The body, as text.
        body: String,
    },
    /// A program failed.
    #[error("`{command}` failed:\n{output}")]
    Command {
        /// The program and its arguments.
        command: String,
        /// What it wrote to standard error.
        output: String,
    },
    /// The Envoy template is not what the demo can fill in.
    #[error("`{}`: {message}", file.display())]
    Template {
        /// The template.
        file: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The ledger holds a line that is not a record.
    #[error("line {line} of the ledger is not a record: {message}")]
    Ledger {
        /// The line, counted from where reading began.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

// === impl DemoError ===

impl DemoError {
    /// An I/O error that says what was being done; for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// The stable name of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Missing { .. } => "missing",
            Self::NoRepository { .. } => "no_repository",
            Self::PortInvalid { .. } => "port_invalid",
            Self::PortTaken { .. } => "port_taken",
            Self::Running { .. } => "running",
            Self::ServerExited { .. } => "server_exited",
            Self::ServerNotReady { .. } => "server_not_ready",
            Self::Exchange { .. } => "exchange",
            Self::Answer { .. } => "answer",
            Self::Command { .. } => "command",
            Self::Template { .. } => "template",
            Self::Ledger { .. } => "ledger",
        }
    }
}
