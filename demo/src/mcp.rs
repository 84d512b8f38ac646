//! The MCP backend: a server of tools over files, written on the official SDK, and the SDK's client.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    error::DemoError,
    layout::Layout,
    server::{Launch, Server},
    tool::Tool,
};

/// The files that there are at first.
pub const SEEDS: [(&str, &str); 3] = [
    ("docs/handbook.md", "# Handbook\n\nAsk before you deploy.\n"),
    ("drafts/ideas.md", "- a changelog\n"),
    ("private/payroll.csv", "name,salary\nalice,demo-salary-4711\n"),
];

/// A running MCP server.
#[derive(Debug)]
pub struct Mcp {
    server: Server,
    address: SocketAddr,
    files: PathBuf,
    python: PathBuf,
    client: PathBuf,
}

// === impl Mcp ===

impl Mcp {
    /// Writes [`SEEDS`] anew and serves them on a free port.
    ///
    /// # Errors
    /// Any [`DemoError`] of a server.
    pub async fn start(layout: &Layout) -> Result<Self, DemoError> {
        let files = layout.empty_folder("files")?;
        for (name, content) in SEEDS {
            let path = files.join(name);
            let doing = || DemoError::io(format!("write `{}`", path.display()));
            fs::create_dir_all(path.parent().unwrap_or(&files)).map_err(doing())?;
            fs::write(&path, content).map_err(doing())?;
        }
        let (python, program) = (layout.mcp_python()?, layout.mcp_program("server.py"));
        let (server, address) = Server::on_free_port(layout, "/", |address| {
            let arguments =
                vec![program.clone().into(), files.clone().into(), address.port().to_string().into()];
            Ok(Launch { name: "mcp", program: python.clone(), arguments })
        })
        .await?;
        Ok(Self { server, address, files, python, client: layout.mcp_program("client.py") })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        &self.files
    }

    /// Every file by its name, with what is in it: looked at behind the gate.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn files(&self) -> Result<BTreeMap<String, String>, DemoError> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.files.clone()];
        while let Some(folder) = open.pop() {
            let doing = || DemoError::io(format!("read `{}`", folder.display()));
            for entry in fs::read_dir(&folder).map_err(doing())? {
                let path = entry.map_err(doing())?.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(&self.files).unwrap_or(&path).display().to_string();
                    let content = fs::read(&path).map_err(doing())?;
                    found.insert(name, String::from_utf8_lossy(&content).into_owned());
                }
            }
        }
        Ok(found)
    }

    /// The SDK's own client for one request (`demo/mcp/client.py` says which there are), in sessions (`legacy`) or
    /// in a version.
    pub fn client<'a>(
        &self,
        gateway: SocketAddr,
        mode: &'a str,
        token: Option<&str>,
        request: impl IntoIterator<Item = &'a str>,
    ) -> Tool {
        let client = self.client.display().to_string();
        let fixed = [client, format!("http://{gateway}/mcp"), mode.to_owned()];
        let tool = Tool::new(&self.python, fixed.into_iter().chain(request.into_iter().map(str::to_owned)));
        match token {
            Some(token) => tool.variable("ACTGATE_TOKEN", token),
            None => tool,
        }
    }

    /// The process, to be watched.
    pub fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The process, to be stopped or left running.
    pub fn into_server(self) -> Server {
        self.server
    }
}
