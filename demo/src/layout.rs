//! Where everything lies: what set-up brought, what is built, and the files of one stack.

use std::{
    env, fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::error::DemoError;

/// The places of the repository and of one stack in it.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    state: PathBuf,
}

// === impl Layout ===

impl Layout {
    /// The repository at `root`, its stack in `.run`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let state = root.join(".run");
        Self { root, state }
    }

    /// The same repository with a stack in a folder of its own, so that several can run at once.
    #[must_use]
    pub fn with_state(self, state: impl Into<PathBuf>) -> Self {
        Self { state: state.into(), ..self }
    }

    /// The repository that `start` is in.
    ///
    /// # Errors
    /// [`DemoError::NoRepository`] where neither it nor a folder above has a demo world.
    pub fn find(start: &Path) -> Result<Self, DemoError> {
        start
            .ancestors()
            .find(|folder| folder.join("demo/actgate.yaml").is_file())
            .map(Self::new)
            .ok_or_else(|| DemoError::NoRepository { start: start.to_owned() })
    }

    /// The folder of the stack's own files.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The gateway's configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("demo/actgate.yaml")
    }

    /// The approval service's configuration.
    pub fn control_config(&self) -> PathBuf {
        self.root.join("demo/control.yaml")
    }

    /// The folder of the key that grants are signed with, which `demo/actgate.yaml` names the public half of.
    pub fn grant_keys(&self) -> PathBuf {
        self.root.join(".run/control")
    }

    /// The Envoy bootstrap template.
    pub fn envoy_template(&self) -> PathBuf {
        self.root.join("envoy/demo.yaml")
    }

    /// The stack's ledger.
    pub fn ledger(&self) -> PathBuf {
        self.state.join("ledger.jsonl")
    }

    /// The file for a shell to source.
    pub fn environment(&self) -> PathBuf {
        self.state.join("env")
    }

    /// The log of a server of the stack.
    pub fn log(&self, server: &str) -> PathBuf {
        self.state.join("logs").join(format!("{server}.log"))
    }

    /// The folder that says which processes the stack consists of.
    pub fn pids(&self) -> PathBuf {
        self.state.join("pids")
    }

    /// The Envoy that set-up installed.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn envoy(&self) -> Result<PathBuf, DemoError> {
        present(self.root.join(".run/venv/bin/envoy"), "make setup")
    }

    /// The RustyVault that set-up built.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn rvault(&self) -> Result<PathBuf, DemoError> {
        present(self.root.join(".run/rvault/bin/rvault"), "make setup")
    }

    /// A program from Debian's packages that set-up unpacked: `lighttpd`, `docker-registry` or `skopeo`.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn debian(&self, program: &str) -> Result<PathBuf, DemoError> {
        present(self.root.join(".run/debian/bin").join(program), "make setup")
    }

    /// The Python that set-up installed the MCP SDK for.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn mcp_python(&self) -> Result<PathBuf, DemoError> {
        present(self.root.join(".run/mcp/bin/python"), "make setup")
    }

    /// The Node that set-up installed the MCP conformance suite for.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn mcp_suite_node(&self) -> Result<PathBuf, DemoError> {
        present(self.mcp_suite("node"), "make setup")
    }

    /// The OAuth client that makes proofs of possession.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn oauth4webapi(&self) -> Result<PathBuf, DemoError> {
        present(self.root.join(".run/oauth4webapi/node_modules/oauth4webapi/build/index.js"), "make setup")
    }

    /// A part of the MCP conformance suite and of the reference servers beside it.
    pub fn mcp_suite(&self, name: &str) -> PathBuf {
        self.root.join(".run/mcp-suite").join(name)
    }

    /// The Python that set-up installed MCP servers for.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn mcp_servers_python(&self) -> Result<PathBuf, DemoError> {
        present(self.mcp_servers("venv/bin/python"), "make setup")
    }

    /// A part of the MCP clients and servers that others have made.
    pub fn mcp_servers(&self, name: &str) -> PathBuf {
        self.root.join(".run/mcp-servers").join(name)
    }

    /// The demo's MCP server or client.
    pub fn mcp_program(&self, name: &str) -> PathBuf {
        self.root.join("demo/mcp").join(name)
    }

    /// The modules of the lighttpd that set-up unpacked.
    pub fn lighttpd_modules(&self) -> PathBuf {
        self.root.join(".run/debian/root/usr/lib/lighttpd")
    }

    /// The plugin.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn plugin(&self) -> Result<PathBuf, DemoError> {
        present(self.root.join("target/actgate.wasm"), "make wasm")
    }

    /// The `actgate` command: built beside this program, or one folder up where this is a test.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn actgate(&self) -> Result<PathBuf, DemoError> {
        self.built("actgate", "cargo build -p actgate-harness")
    }

    /// The `actgate-control` command, where [`actgate`](Self::actgate) is.
    ///
    /// # Errors
    /// [`DemoError::Missing`].
    pub fn control(&self) -> Result<PathBuf, DemoError> {
        self.built("actgate-control", "cargo build -p actgate-control")
    }

    fn built(&self, program: &str, remedy: &'static str) -> Result<PathBuf, DemoError> {
        let here = env::current_exe().map_err(DemoError::io("find this program"))?;
        let beside = here.ancestors().skip(1).take(2).map(|folder| folder.join(program));
        let usual = self.root.join("target/debug").join(program);
        match beside.into_iter().find(|path| path.is_file()) {
            Some(found) => Ok(found),
            None => present(usual, remedy),
        }
    }

    /// A folder of the stack that is empty now; only its owner may look into it.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn empty_folder(&self, name: &str) -> Result<PathBuf, DemoError> {
        let path = self.state.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(DemoError::io(format!("empty `{}`", path.display())))?;
        }
        self.folder(name)
    }

    /// A folder of the stack, made where it is not there; only its owner may look into it.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn folder(&self, name: &str) -> Result<PathBuf, DemoError> {
        let path = self.state.join(name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(DemoError::io(format!("make `{}`", path.display())))?;
        Ok(path)
    }
}

/// Writes a file that only its owner may read: most of a stack's files hold a credential.
///
/// # Errors
/// [`DemoError::Io`].
pub(crate) fn write_private(path: &Path, contents: &[u8]) -> Result<(), DemoError> {
    use std::io::Write as _;
    let doing = || DemoError::io(format!("write `{}`", path.display()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(doing())?;
    file.write_all(contents).map_err(doing())
}

fn present(path: PathBuf, remedy: &'static str) -> Result<PathBuf, DemoError> {
    if path.is_file() { Ok(path) } else { Err(DemoError::Missing { path, remedy }) }
}
