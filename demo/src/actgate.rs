//! The `actgate` command, which makes the keys, the tokens and the bundle.

use std::{ffi::OsStr, path::PathBuf};

use crate::{error::DemoError, layout::Layout, tool::Tool};

/// The `actgate` command with the configuration of the demo.
#[derive(Debug, Clone)]
pub struct Actgate {
    program: PathBuf,
    config: PathBuf,
}

// === impl Actgate ===

impl Actgate {
    /// The command that was built beside this program, with the demo's configuration.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn new(layout: &Layout) -> Result<Self, DemoError> {
        Ok(Self { program: layout.actgate()?, config: layout.config() })
    }

    /// Makes the issuers' keys and JWKS files that are not there yet.
    ///
    /// # Errors
    /// [`DemoError::Command`].
    pub async fn make_keys(&self) -> Result<(), DemoError> {
        self.run(["mint".as_ref(), "init".as_ref(), "--config".as_ref(), self.config.as_os_str()])
            .await
            .map(drop)
    }

    /// The bundle that the plugin is configured with.
    ///
    /// # Errors
    /// [`DemoError::Command`].
    pub async fn bundle(&self) -> Result<String, DemoError> {
        self.run(["build".as_ref(), self.config.as_os_str(), "--format".as_ref(), "json".as_ref()]).await
    }

    /// A token for `actor`, acting for `subject`; `more` are further arguments of `actgate mint`.
    ///
    /// # Errors
    /// [`DemoError::Command`].
    pub async fn token(&self, actor: &str, subject: &str, more: &[&str]) -> Result<String, DemoError> {
        let fixed = ["mint", "--actor", actor, "--subject", subject, "--config"].map(OsStr::new);
        let arguments = fixed.into_iter().chain([self.config.as_os_str()]).chain(more.iter().map(OsStr::new));
        Ok(self.run(arguments).await?.trim().to_owned())
    }

    async fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<String, DemoError> {
        let output = Tool::new(&self.program, arguments).succeed().await?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}
