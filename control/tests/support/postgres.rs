//! A PostgreSQL of one's own: on a Unix socket in a folder of its own, ended with the test however that ends.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use actgate_control::store::Store;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// PostgreSQL does not run as root; this is `nobody`, who owns nothing.
const NOBODY: u32 = 65534;

pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    server: Child,
    watch: Child,
}

impl Cluster {
    /// Starts one, or says why there is none. `make setup` brings PostgreSQL.
    pub async fn start() -> Option<Self> {
        let brought = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.run/postgres");
        if !brought.join("bin/postgres").exists() {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing: run `make setup`");
            eprintln!("SKIPPED: PostgreSQL is missing (`make setup` brings it)");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("pg-").tempdir().unwrap();
        let is_root = rustix::process::geteuid().is_root();
        let data = folder.path().join("data");
        let programs = if is_root { readable_copy(&brought, folder.path()) } else { brought };
        fs::create_dir(&data).unwrap();
        if is_root {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let command = |program: &str| command(&programs, folder.path(), program);
        let made = command("initdb")
            .args([
                "--username=actgate",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
                "--pgdata",
            ])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let server = serve(command("postgres"), folder.path());
        let watch = watch(&server);
        let cluster = Self { folder, programs, server, watch };
        cluster.ready().await;
        Some(cluster)
    }

    /// Kills the server, as a power cut would.
    pub fn kill(&mut self) {
        // Its watch first: a number that is free may soon be somebody else's.
        self.watch.kill().unwrap();
        self.watch.wait().unwrap();
        let pid = Pid::from_raw(i32::try_from(self.server.id()).unwrap()).unwrap();
        kill_process(pid, Signal::QUIT).unwrap();
        self.server.wait().unwrap();
    }

    /// Starts it again, over the same data.
    pub async fn restart(&mut self) {
        self.server = serve(command(&self.programs, self.folder.path(), "postgres"), self.folder.path());
        self.watch = watch(&self.server);
        self.ready().await;
    }

    /// Waits until it takes connections.
    async fn ready(&self) {
        let begun = Instant::now();
        loop {
            match Store::postgres(&self.url("postgres")).await {
                Ok(store) => return store.close().await,
                Err(error) if begun.elapsed() > Duration::from_secs(60) => {
                    let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
                    panic!("PostgreSQL is not ready: {error}\n{log}");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn url(&self, database: &str) -> String {
        let socket: PathBuf = self.folder.path().join("data");
        format!("postgres://actgate@localhost/{database}?host={}", socket.display())
    }

    /// The URL of a new database.
    pub async fn database(&self, name: &str) -> String {
        use sqlx::{Connection as _, Executor as _};
        let mut connection = sqlx::PgConnection::connect(&self.url("postgres")).await.unwrap();
        let create = format!("CREATE DATABASE \"{name}\"");
        connection.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
        connection.close().await.unwrap();
        self.url(name)
    }
}

/// A program of PostgreSQL's, as somebody who owns nothing where this is root.
fn command(programs: &Path, folder: &Path, program: &str) -> Command {
    let program = programs.join("bin").join(program);
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C").env("TZ", "UTC");
    command
}

fn serve(mut command: Command, folder: &Path) -> Child {
    let data = folder.join("data");
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    command.arg("-D").arg(&data).arg("-k").arg(&data);
    for setting in ["listen_addresses=", "fsync=off", "jit=off", "max_connections=100"] {
        command.args(["-c", setting]);
    }
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// Ends the server when whoever started it is gone: they hold the other end of this pipe.
fn watch(server: &Child) -> Child {
    Command::new("sh")
        .args(["-c", r#"read -r _; kill -s INT "$1" 2>/dev/null"#, "sh", &server.id().to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::INT).unwrap_or_default();
        }
        drop(self.server.wait());
        drop(self.watch.stdin.take());
        drop(self.watch.wait());
    }
}

/// A copy that `nobody` may read: what set-up brought lies in a folder that only its owner may enter.
fn readable_copy(from: &Path, folder: &Path) -> PathBuf {
    let to = folder.join("programs");
    let copied = Command::new("cp").arg("-R").arg(from).arg(&to).status().unwrap();
    assert!(copied.success());
    to
}
