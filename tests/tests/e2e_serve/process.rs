//! `actgate serve` as somebody starts it in a terminal.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use actgate_demo::ledger::Ledger;
use actgate_tests::e2e::{h1, ledger, setup::Setup};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{case::Kit, stage::configure};

/// Longer than it takes to compile the plugin on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Process {
    folder: TempDir,
    child: Child,
    address: SocketAddr,
    told: Receiver<String>,
}

/// What it did that could not serve.
pub(crate) struct Refused {
    pub(crate) code: Option<i32>,
    pub(crate) told: String,
}

/// The services of the demo.
const SERVICES: [&str; 4] = ["secrets", "git", "deploy", "mcp"];

// === impl Process ===

impl Process {
    /// Before one upstream for everything.
    pub(crate) async fn start(setup: &Setup, kit: &Kit, upstream: SocketAddr, wasm: Option<&Path>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let config = configure(setup, kit.issuer(), None, folder.path());
        let mut command = serve(setup, &config);
        for service in SERVICES {
            command.args(["--upstream", &format!("{service}=http://{upstream}")]);
        }
        command.arg("--ledger").arg(folder.path().join("ledger.jsonl"));
        let plugin = setup.layout().plugin().expect("a plugin");
        command.args(["--workers", "1", "--listen", "127.0.0.1:0", "--wasm"]).arg(wasm.unwrap_or(&plugin));
        fs::write(folder.path().join("ledger.jsonl"), "").expect("a ledger");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a process");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (tell, told) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let mut process = Self { folder, child, address: SocketAddr::from(([127, 0, 0, 1], 0)), told };
        let line = process.says("listening on http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(';').next());
        process.address = address.expect("an address").parse().expect("an address");
        process
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        ledger::from_now(&self.folder.path().join("ledger.jsonl"))
    }

    /// The first line from now on that has `what` in it.
    pub(crate) fn says(&self, what: &str) -> String {
        let mut all = String::new();
        loop {
            match self.told.recv_timeout(LIMIT) {
                Ok(line) if line.contains(what) => return line,
                Ok(line) => all = all + &line + "\n",
                Err(_) => panic!("it does not say `{what}`:\n{all}"),
            }
        }
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.pid().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Waits for its end, and looks whether anything of it is left.
    pub(crate) async fn ends(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                assert!(h1_is_refused(self.address).await, "somebody still listens");
                return status;
            }
            assert!(start.elapsed() < limit, "it goes on");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        if self.child.kill().is_ok() {
            self.child.wait().expect("an end");
        }
    }
}

/// Whether nobody listens.
pub(crate) async fn h1_is_refused(address: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(address).await.is_err()
}

/// A connection with these bytes sent.
pub(crate) async fn asking(address: SocketAddr, bytes: &[u8]) -> h1::Wire {
    h1::Wire::connect(address).await.writing_aside(bytes.to_vec())
}

fn serve(setup: &Setup, config: &Path) -> Command {
    let mut command = Command::new(setup.layout().actgate().expect("a program"));
    command.arg("serve").arg(config).env_remove("ACTGATE_WASM").env_remove("NO_COLOR");
    command
}

/// Starts it with arguments that it cannot serve with; `actgate.yaml` lies in the folder that it runs in.
pub(crate) fn refused(setup: &Setup, kit: &Kit, arguments: impl FnOnce(PathBuf) -> Vec<OsString>) -> Refused {
    let folder = TempDir::new().expect("a folder");
    configure(setup, kit.issuer(), None, folder.path());
    let arguments = arguments(folder.path().to_owned());
    let mut command = serve(setup, Path::new("actgate.yaml"));
    if !arguments.iter().any(|argument| argument == "--wasm") {
        command.arg("--wasm").arg(setup.layout().plugin().expect("a plugin"));
    }
    let output = command.current_dir(folder.path()).args(arguments).output().expect("an end");
    Refused { code: output.status.code(), told: String::from_utf8_lossy(&output.stderr).into_owned() }
}
