//! The git backend: git's own server program behind lighttpd, with two repositories that have some history.

mod history;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    error::DemoError,
    layout::{Layout, write_private},
    server::{Launch, Server},
    tool::Tool,
};

/// The repositories, without `.git`.
pub const REPOSITORIES: [&str; 2] = ["payments", "website"];

/// A running server of bare repositories below `/git/`.
#[derive(Debug)]
pub struct Git {
    server: Server,
    address: SocketAddr,
    root: PathBuf,
}

// === impl Git ===

impl Git {
    /// Makes the repositories anew and serves them on a free port.
    ///
    /// # Errors
    /// Any [`DemoError`] of a server or of `git`.
    pub async fn start(layout: &Layout) -> Result<Self, DemoError> {
        let root = layout.empty_folder("git/repositories")?;
        for repository in REPOSITORIES {
            make_repository(&root.join(format!("{repository}.git")), repository).await?;
        }
        let exec_path = tool(&root, ["--exec-path"]).succeed().await?;
        let exec_path = String::from_utf8_lossy(&exec_path).trim().to_owned();
        // lighttpd spools a request before it starts git, which wants to know its length.
        let uploads = layout.empty_folder("git/uploads")?;
        let folder = layout.folder("git")?;
        let (program, modules) = (layout.debian("lighttpd")?, layout.lighttpd_modules());
        let (server, address) = Server::on_free_port(layout, "/", |address| {
            let config = folder.join("lighttpd.conf");
            write_private(&config, configuration(address, &root, &uploads, &exec_path).as_bytes())?;
            let arguments =
                vec!["-D".into(), "-m".into(), modules.clone().into(), "-f".into(), config.into()];
            Ok(Launch { name: "git", program: program.clone(), arguments })
        })
        .await?;
        Ok(Self { server, address, root })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the bare repositories.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The refs of a repository and what they point to, as git itself says behind the gate.
    ///
    /// # Errors
    /// Any [`DemoError`] of `git`.
    pub async fn refs(&self, repository: &str) -> Result<BTreeMap<String, String>, DemoError> {
        let folder = self.root.join(format!("{repository}.git"));
        let list = tool(&folder, ["for-each-ref", "--format=%(refname) %(objectname)"]).succeed().await?;
        let list = String::from_utf8_lossy(&list).into_owned();
        Ok(list
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, object)| (name.to_owned(), object.to_owned()))
            .collect())
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

/// `git` in `folder`, as it is without anybody's own configuration, and without anybody to ask for a password.
pub fn tool<A: Into<std::ffi::OsString>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Tool {
    Tool::new("git", arguments)
        .within(folder)
        .variable("GIT_CONFIG_NOSYSTEM", "1")
        .variable("GIT_CONFIG_GLOBAL", "/dev/null")
        .variable("GIT_TERMINAL_PROMPT", "0")
        .variable("LC_ALL", "C")
}

async fn make_repository(path: &Path, name: &str) -> Result<(), DemoError> {
    let parent = path.parent().unwrap_or(path);
    let init = ["init", "--quiet", "--bare", "--initial-branch=main"].map(Into::into);
    let arguments: Vec<std::ffi::OsString> = init.into_iter().chain([path.into()]).collect();
    tool(parent, arguments).succeed().await?;
    let settings = [
        ("http.receivepack", "true"),
        ("uploadpack.allowFilter", "true"),
        ("receive.advertisePushOptions", "true"),
    ];
    for (key, value) in settings {
        tool(path, ["config", key, value]).succeed().await?;
    }
    tool(path, ["fast-import", "--quiet"]).input(history::of(name)).succeed().await.map(drop)
}

fn configuration(address: SocketAddr, root: &Path, uploads: &Path, exec_path: &str) -> String {
    format!(
        r#"server.bind = "{ip}"
server.port = {port}
server.document-root = {root:?}
server.modules = ("mod_alias", "mod_setenv", "mod_cgi")
server.stream-request-body = 0
server.stream-response-body = 1
server.upload-dirs = ({uploads:?})
server.tag = ""
url.access-deny = ("")
alias.url = ("/git/" => "{exec_path}/git-http-backend/")
$HTTP["url"] =~ "^/git/" {{
    cgi.assign = ("" => "")
    setenv.set-environment = (
        "GIT_PROJECT_ROOT" => {root:?},
        "GIT_HTTP_EXPORT_ALL" => "1",
        "GIT_CONFIG_NOSYSTEM" => "1",
        "GIT_CONFIG_GLOBAL" => "/dev/null",
        "PATH" => "/usr/local/bin:/usr/bin:/bin",
    )
}}
"#,
        ip = address.ip(),
        port = address.port(),
        root = root.display().to_string(),
        uploads = uploads.display().to_string(),
    )
}
