//! What has to be there before an end-to-end test can run, and what happens where it is not.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use actgate_demo::layout::Layout;

/// A machine on which end-to-end tests can run.
#[derive(Debug, Clone)]
pub struct Setup {
    root: PathBuf,
    layout: Layout,
}

/// What a test needs besides Envoy and the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Gateway,
    /// RustyVault.
    Vault,
    /// The registry and its client.
    Registry,
    /// The server of git repositories.
    Git,
    /// The MCP SDK.
    Mcp,
    /// Node and an OAuth client.
    OAuthClient,
    /// The MCP SDK, its conformance suite and its reference servers.
    McpSuite,
    /// The MCP SDK, and clients and servers of MCP that others have made.
    McpServers,
}

// === impl Setup ===

impl Setup {
    /// What is needed; nothing, and a word about it, where it is not there.
    ///
    /// # Panics
    /// In CI (where `CI` is set), where everything has to be there.
    pub fn find(needs: Needs) -> Option<Self> {
        match Self::look(needs) {
            Ok(setup) => Some(setup),
            Err(why) if is_ci() => panic!("end-to-end tests cannot run, and CI runs them all: {why}"),
            Err(why) => {
                eprintln!("SKIPPED: {why}");
                None
            }
        }
    }

    /// The repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where set-up put the programs.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn look(needs: Needs) -> Result<Self, String> {
        // At run time: a binary may have been built in another checkout that shares its target folder.
        let package = env::var_os("CARGO_MANIFEST_DIR").ok_or("not started by cargo")?;
        let root = Path::new(&package).parent().ok_or("no repository")?.to_owned();
        let layout = Layout::new(&root);
        let plugin = layout.plugin().map_err(|error| error.to_string())?;
        layout.envoy().map_err(|error| error.to_string())?;
        let programs = match needs {
            Needs::Gateway => Vec::new(),
            Needs::Vault => vec![layout.rvault()],
            Needs::Mcp => vec![layout.mcp_python()],
            Needs::McpSuite => vec![layout.mcp_python(), layout.mcp_suite_node()],
            Needs::McpServers => {
                vec![layout.mcp_python(), layout.mcp_suite_node(), layout.mcp_servers_python()]
            }
            Needs::OAuthClient => vec![layout.mcp_suite_node(), layout.oauth4webapi()],
            Needs::Registry => vec![layout.debian("docker-registry"), layout.debian("skopeo")],
            Needs::Git => vec![layout.debian("lighttpd")],
        };
        if let Some(Err(missing)) = programs.into_iter().find(Result::is_err) {
            return Err(missing.to_string());
        }
        // What is tested must be what is there to be read.
        let built = modified(&plugin).ok_or("the plugin has no date")?;
        let folders = ["crates", "plugin"].map(|folder| newest(&root.join(folder)));
        if let Some((source, _)) = folders.into_iter().flatten().find(|(_, date)| *date > built) {
            let stale = format!("the plugin is older than `{}`: run `make wasm`", source.display());
            if is_ci() {
                return Err(stale);
            }
            eprintln!("WARNING: {stale}");
        }
        Ok(Self { root, layout })
    }
}

fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// The Rust source in `folder` that was changed last.
fn newest(folder: &Path) -> Option<(PathBuf, SystemTime)> {
    fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            if path.is_dir() {
                // Unit tests are not in the plugin.
                return newest(&path);
            }
            let is_source = path.extension().is_some_and(|extension| extension == "rs")
                && path.file_name().is_none_or(|name| name != "tests.rs");
            if is_source { Some((path.clone(), modified(&path)?)) } else { None }
        })
        .max_by_key(|(_, date)| *date)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
