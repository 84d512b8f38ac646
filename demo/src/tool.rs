//! A program that runs to its end, such as `git`: what it wrote and how it ended.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use crate::error::DemoError;

/// Longer than any tool of the demo takes, and short enough to notice one that waits for a person.
const LIMIT: Duration = Duration::from_secs(120);

/// A program about to be run.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    shown: String,
    input: Vec<u8>,
    limit: Duration,
}

/// A program that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Whether it says that it did what it should.
    pub success: bool,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: String,
}

// === impl Tool ===

impl Tool {
    /// A program with its arguments.
    pub fn new<A: Into<OsString>>(program: impl AsRef<Path>, arguments: impl IntoIterator<Item = A>) -> Self {
        let program = program.as_ref();
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let mut shown = program.file_name().unwrap_or_default().to_os_string();
        for argument in &arguments {
            shown.push(" ");
            shown.push(argument);
        }
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        Self { command, shown: shown.to_string_lossy().into_owned(), input: Vec::new(), limit: LIMIT }
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it something to read.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Lets it take longer than usual.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// [`DemoError::Io`] where it cannot be run.
    pub async fn finish(self) -> Result<Finished, DemoError> {
        let Self { mut command, shown, input, limit } = self;
        let failed = || DemoError::io(format!("run `{}`", shown.split(' ').next().unwrap_or_default()));
        let mut child = command.spawn().map_err(failed())?;
        let stdin = child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read to the end says why itself.
                if let Err(_closed) = stdin.write_all(&input).await {}
            }
        };
        let ended = timeout(limit, async { tokio::join!(feed, child.wait_with_output()).1 }).await;
        let output = ended.map_err(std::io::Error::other).and_then(|output| output).map_err(failed())?;
        Ok(Finished {
            success: output.status.success(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it and demands that it succeeds; gives what it wrote.
    ///
    /// # Errors
    /// [`DemoError::Io`] and [`DemoError::Command`].
    pub async fn succeed(self) -> Result<Vec<u8>, DemoError> {
        let command = self.shown.clone();
        let Finished { success, stdout, stderr } = self.finish().await?;
        if success { Ok(stdout) } else { Err(DemoError::Command { command, output: stderr }) }
    }
}

#[cfg(test)]
mod tests;
