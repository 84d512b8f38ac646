//! Servers of MCP that others have made, and their clients: the inspector, the TypeScript SDK and the Python SDK get through
//! the gate what they get without it, in Envoy and in `actgate serve`. Of what is denied the server sees nothing.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test panics, and says so"
)]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use actgate_demo::{
    ledger::Ledger,
    server::{Launch, Server},
    tool::Tool,
};
use actgate_harness::case::{Origin, Setup as CaseSetup};
use actgate_tests::{
    cases::routes,
    e2e::{
        gateway::{Departure, Gateway, State},
        ledger,
        served::Served,
        setup::{Needs, Setup},
        verdict::{Verdicts, equal, holds},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Stage {
    setup: Setup,
    state: State,
    pack: PathBuf,
    cases: CaseSetup,
    folder: TempDir,
}

/// A server, what is asked of it, and what is not allowed to everybody.
struct Subject {
    address: SocketAddr,
    _server: Server,
    /// As the drivers take them.
    operations: Value,
    /// The call that the inspector makes, which can make one at a time.
    call: (&'static str, Vec<String>),
    denied: (&'static str, Value),
}

// === impl Stage ===

impl Stage {
    fn set() -> Option<Self> {
        let setup = Setup::find(Needs::McpServers)?;
        let pack = setup.root().join("tests/packs/mcp-open");
        let cases =
            CaseSetup::of(&Origin::Pack(pack.clone())).unwrap_or_else(|findings| panic!("{findings:?}"));
        let state = State::new(&setup, &routes::template(setup.root(), cases.routes()));
        Some(Self { setup, state, pack, cases, folder: TempDir::new().expect("a folder") })
    }

    fn node(&self) -> PathBuf {
        self.setup.layout().mcp_suite("node")
    }

    fn script(&self, name: &str) -> PathBuf {
        self.setup.root().join("tests/mcp-suite").join(name)
    }

    /// A Node program that listens on loopback only.
    async fn start(
        &self,
        variables: &str,
        script: PathBuf,
        arguments: Vec<OsString>,
    ) -> (Server, SocketAddr) {
        let started = Server::on_free_port(self.state.layout(), "/", |address| {
            let port = address.port().to_string();
            let mut line: Vec<OsString> = vec![format!("{variables}={port}").into(), self.node().into()];
            line.extend(["--require".into(), self.script("loopback.cjs").into(), script.clone().into()]);
            let filled = arguments
                .iter()
                .map(|argument| if argument == "{port}" { port.clone().into() } else { argument.clone() });
            line.extend(filled);
            Ok(Launch { name: "subject", program: "/usr/bin/env".into(), arguments: line })
        });
        started.await.unwrap_or_else(|error| panic!("{script:?} does not start: {error}"))
    }

    /// A server that speaks over standard streams, behind the bridge.
    async fn bridged(&self, command: String) -> (Server, SocketAddr) {
        let bridge = self.setup.layout().mcp_servers("node_modules/supergateway/dist/index.js");
        let arguments = [
            "--outputTransport",
            "streamableHttp",
            "--stateful",
            "--logLevel",
            "none",
            "--port",
            "{port}",
            "--stdio",
        ];
        let arguments = arguments.map(OsString::from).into_iter().chain([command.into()]).collect();
        self.start("UNUSED", bridge, arguments).await
    }

    fn token(&self, subject: &str) -> String {
        let plan = serde_json::from_value(json!({
            "issuer": "demo", "sub": subject, "act": "spiffe://demo/agent/coder", "ttl": "50m",
        }));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
        let now = i64::try_from(now).expect("a time");
        self.cases.mint(&plan.expect("a plan"), now, "servers").expect("a token")
    }

    /// What the clients print, by client; the inspector only makes its call.
    async fn drive(
        &self,
        address: SocketAddr,
        caller: &str,
        operations: &Value,
        call: Option<&(&str, Vec<String>)>,
    ) -> BTreeMap<&'static str, Value> {
        let token = self.token(caller);
        let (url, operations) = (format!("http://{address}/mcp"), operations.to_string());
        let modules = self.setup.layout().mcp_servers("");
        let line = |arguments: &[&Path]| {
            arguments.iter().map(|argument| OsString::from(*argument)).collect::<Vec<_>>()
        };
        let (told, python) = (Path::new(&operations), self.setup.layout().mcp_python().expect("a Python"));
        let mut tools = vec![
            (
                "TypeScript",
                Tool::new(self.node(), line(&[&self.script("drive.cjs"), &modules, Path::new(&url), told])),
            ),
            ("Python", Tool::new(python, line(&[&self.script("drive.py"), Path::new(&url), told]))),
        ];
        if let Some((name, arguments)) = call {
            let inspector = modules.join("node_modules/.bin/mcp-inspector");
            let mut all = line(&[&inspector]);
            let fixed = ["--cli", &url, "--transport", "http", "--method", "tools/call", "--tool-name", name];
            all.extend(fixed.map(OsString::from));
            for argument in arguments {
                all.extend(["--tool-arg".into(), argument.into()]);
            }
            all.extend(["--header".into(), format!("Authorization: Bearer {token}").into()]);
            tools.push(("inspector", Tool::new(self.node(), all)));
        }
        let mut came = BTreeMap::new();
        for (name, tool) in tools {
            let finished = tool.variable("ACTGATE_TOKEN", &token).finish().await.expect("a client");
            let text = String::from_utf8_lossy(&finished.stdout).into_owned();
            let value =
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("{name}: {text}{}", finished.stderr));
            came.insert(name, value);
        }
        came
    }

    async fn compare(self, subject: Subject) {
        let mut verdicts = Verdicts::default();
        let Subject { address, operations, call, denied, .. } = &subject;
        let (tool, arguments) = denied;
        let without = self.drive(*address, "alice@demo", operations, Some(call)).await;
        for (client, came) in &without {
            // A client that fails everywhere shows nothing.
            let failed =
                came.as_array().into_iter().flatten().filter(|one| one["message"].is_string()).count();
            verdicts.row(
                &format!("{client} without the gate"),
                equal("failed operations", failed, 0).map_err(|why| format!("{why}: {came}")),
            );
        }
        let upstream = self.state.upstream(*address);
        let bundle = serde_json::to_string(self.cases.bundle()).expect("a bundle");
        let state = State::new(&self.setup, &routes::template(self.setup.root(), self.cases.routes()));
        let envoy = Gateway::start(state, Departure::configured(bundle), upstream).await;
        let served =
            Served::start(&self.setup, &self.cases, std::slice::from_ref(&self.pack), *address).await;
        let before = self.contents();
        for (gate, address, records) in
            [("Envoy", envoy.address(), envoy.ledger()), ("actgate serve", served.address(), served.ledger())]
        {
            let with = self.drive(address, "alice@demo", operations, Some(call)).await;
            for (client, came) in &without {
                let same = equal("results", with.get(client), Some(came));
                verdicts.row(&format!("{client} through {gate}"), same);
            }
            let records = ledger::from_now(&records);
            let refused = json!([["tools"], ["call", tool, arguments]]);
            let with = self.drive(address, "bob@demo", &refused, None).await;
            for (client, came) in &with {
                let told = came.as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
                let text = told["content"][0]["text"].as_str().unwrap_or_default();
                let is_told = told["isError"] == true && text.contains("policy_denied");
                verdicts.row(&format!("{client}, denied by {gate}"), holds(is_told, told.to_string()));
                let list = came.as_array().into_iter().flatten().find(|one| one["tools"].is_array());
                let hidden = list.is_some_and(|list| !list.to_string().contains(&format!("\"{tool}\"")));
                verdicts.row(&format!("{client}, not shown by {gate}"), holds(hidden, format!("{list:?}")));
            }
            verdicts.row(&format!("denied by {gate}, unseen"), unseen(&records, with.len()).await);
        }
        verdicts.row("what is denied is not done", equal("contents", self.contents(), before));
        verdicts.conclude();
    }

    /// What servers can change: the files of the folder, and the branches of the repository.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.folder.path().join("root"), self.folder.path().join("repository/.git/refs")];
        while let Some(folder) = open.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).expect("a file"));
                }
            }
        }
        found
    }
}

/// So many calls were denied, and none of them has gone to the upstream.
async fn unseen(records: &Ledger, count: usize) -> Result<(), String> {
    let all = ledger::records(records, count).await;
    let denied: Vec<&Value> = all
        .iter()
        .map(|record| record.value())
        .filter(|record| record["decided"]["reason"] == "policy_denied")
        .collect();
    equal("denied calls", denied.len(), count)?;
    let forwarded = denied.iter().find(|record| record["executed"]["upstream"] != "");
    holds(forwarded.is_none(), format!("{forwarded:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn server_everything_does_the_same_behind_the_gate() {
    let Some(stage) = Stage::set() else { return };
    let script =
        stage.setup.layout().mcp_suite("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let (server, address) = stage.start("PORT", script, vec!["streamableHttp".into()]).await;
    let operations = json!([
        ["tools"], ["resources"], ["templates"], ["prompts"],
        ["call", "echo", { "message": "é\u{1f600}" }],
        ["call", "get-sum", { "a": 1, "b": 2.5 }],
        ["call", "get-tiny-image", {}],
        ["call", "get-annotated-message", { "messageType": "error", "includeImage": true }],
        ["call", "get-structured-content", { "location": "New York" }],
        ["call", "get-resource-links", { "count": 3 }],
        ["call", "trigger-long-running-operation", { "duration": 1, "steps": 2 }],
        ["prompt", "args-prompt", { "city": "Oslo" }],
        ["read", "demo://resource/static/document/architecture.md"],
    ]);
    let call = ("get-sum", vec!["a=1".to_owned(), "b=2".to_owned()]);
    let denied = ("get-sum", json!({ "a": 1, "b": 2 }));
    stage.compare(Subject { address, _server: server, operations, call, denied }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_filesystem_does_the_same_behind_the_gate() {
    let Some(stage) = Stage::set() else { return };
    let root = stage.folder.path().join("root");
    fs::create_dir_all(root.join("docs")).expect("a folder");
    fs::write(root.join("docs/a.txt"), "hello\n").expect("a file");
    // As it is written below, so that every run finds the same.
    fs::write(root.join("docs/b.txt"), "b").expect("a file");
    let script =
        stage.setup.layout().mcp_suite("node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    let command = format!("{} {} {}", stage.node().display(), script.display(), root.display());
    let (server, address) = stage.bridged(command).await;
    let path = |name: &str| root.join(name).display().to_string();
    let operations = json!([
        ["tools"],
        ["call", "list_directory", { "path": path("") }],
        ["call", "directory_tree", { "path": path("") }],
        ["call", "read_text_file", { "path": path("docs/a.txt") }],
        ["call", "write_file", { "path": path("docs/b.txt"), "content": "b" }],
        ["call", "search_files", { "path": path(""), "pattern": "*.txt" }],
        ["call", "read_text_file", { "path": "/etc/hostname" }],
        ["call", "list_allowed_directories", {}],
    ]);
    let call = ("read_text_file", vec![format!("path={}", path("docs/a.txt"))]);
    let denied = ("write_file", json!({ "path": path("docs/denied.txt"), "content": "x" }));
    stage.compare(Subject { address, _server: server, operations, call, denied }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_server_git_does_the_same_behind_the_gate() {
    let Some(stage) = Stage::set() else { return };
    let repository = stage.folder.path().join("repository");
    let place = repository.display().to_string();
    let author = ["-c", "user.name=a", "-c", "user.email=a@demo", "-C", &place];
    fs::create_dir_all(&repository).expect("a folder");
    fs::write(repository.join("f"), "one\n").expect("a file");
    for line in [
        &["init", "--quiet", "--initial-branch", "main"][..],
        &["add", "f"],
        &["commit", "--quiet", "--message", "first"],
    ] {
        let all = author.iter().chain(line).map(|argument| (*argument).to_owned());
        Tool::new("git", all).succeed().await.unwrap_or_else(|error| panic!("{error}"));
    }
    fs::write(repository.join("f"), "two\n").expect("a file");
    let python = stage.setup.layout().mcp_servers_python().expect("a Python");
    let (server, address) =
        stage.bridged(format!("{} -m mcp_server_git --repository {place}", python.display())).await;
    let operations = json!([
        ["tools"],
        ["call", "git_status", { "repo_path": place }],
        ["call", "git_log", { "repo_path": place }],
        ["call", "git_diff_unstaged", { "repo_path": place }],
        ["call", "git_show", { "repo_path": place, "revision": "HEAD" }],
        ["call", "git_show", { "repo_path": place, "revision": "nothing" }],
    ]);
    let call = ("git_status", vec![format!("repo_path={place}")]);
    let denied = ("git_create_branch", json!({ "repo_path": place, "branch_name": "denied" }));
    stage.compare(Subject { address, _server: server, operations, call, denied }).await;
}
