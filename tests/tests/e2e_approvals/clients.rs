//! Real clients: each shows where people decide, and passes on its next try.

use std::{fs, path::PathBuf};

use actgate_demo::{
    control::{Control, ControlOptions},
    git,
    mcp::Mcp,
    tool::{Finished, Tool},
};
use actgate_harness::mint::TokenSpec;
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    setup::{Needs, Setup},
    template::Template,
    tokens::{CODER, Issuer, alice, through},
    verdict::{Verdicts, equal, holds},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{BOB, SECRETS_KEY, service};

const MAIN: &str = "refs/heads/main";

/// Far more than all buffers together.
const LARGE: usize = 64 << 20;

/// What Envoy may grow by while such a push is held and let through: what it holds of it before the sender waits (16 MiB),
/// the buffers of the sockets, and what the allocator keeps.
const GROWTH_KIB: usize = 40 * 1024;

/// The demo's git server and MCP server behind a gateway that asks.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    control: Control,
    pub(crate) issuer: Issuer,
    git: git::Git,
    pub(crate) mcp: Mcp,
}

/// A clone of `payments`.
struct Desk {
    folder: TempDir,
    url: String,
}

// === impl World ===

impl World {
    pub(crate) async fn set() -> Option<Self> {
        let setup = Setup::find(Needs::Git)?;
        Setup::find(Needs::Mcp)?;
        let issuer = Issuer::new();
        let state = State::new(&setup, &Template::read(setup.root()));
        let (git, mcp) = (state.git().await, state.mcp().await);
        let (config, bundle) = service(&setup, &state, &issuer, |text| text).await;
        let options = ControlOptions { name: "control", config, port: 0, database: None };
        let control =
            Control::start(state.layout(), &options).await.unwrap_or_else(|error| panic!("{error}"));
        let departure = Departure {
            control: Some(control.upstream().clone()),
            secrets_key: Some(SECRETS_KEY.to_owned()),
            git: Some(git.address()),
            mcp: Some(mcp.address()),
            ..Departure::configured(serde_json::to_string(&bundle).expect("a bundle"))
        };
        let nobody = state.upstream(git.address());
        let gateway = Gateway::start(state, departure, nobody).await;
        Some(Self { gateway, control, issuer, git, mcp })
    }

    async fn desk(&self) -> Desk {
        let folder = TempDir::new().expect("a folder");
        let behind = self.git.root().join("payments.git").display().to_string();
        git::tool(folder.path(), ["clone", "--quiet", "--no-local", &behind, "work"])
            .succeed()
            .await
            .expect("a clone");
        Desk { folder, url: format!("http://{}/git/payments.git", self.gateway.address()) }
    }

    /// Pushes what is at the desk.
    async fn push(&self, desk: &Desk, token: &TokenSpec, arguments: &[&str]) -> Finished {
        let token = self.issuer.mint(token);
        let arguments = [&["push"], arguments].concat();
        let arguments = arguments.into_iter().map(|argument| argument.replace("{url}", &desk.url));
        git::tool(&desk.work(), arguments)
            .variable("GIT_CONFIG_COUNT", "1")
            .variable("GIT_CONFIG_KEY_0", "http.extraHeader")
            .variable("GIT_CONFIG_VALUE_0", format!("Authorization: Bearer {token}"))
            .finish()
            .await
            .expect("git runs")
    }

    async fn main(&self) -> String {
        self.git.refs("payments").await.expect("refs").remove(MAIN).expect("main")
    }

    async fn call(&self, token: &TokenSpec, arguments: &str) -> Finished {
        let token = self.issuer.mint(token);
        let request = ["call", "write_file", arguments];
        let client = self.mcp.client(self.gateway.address(), "2026-07-28", Some(&token), request);
        client.finish().await.expect("a client")
    }

    async fn approve(&self, id: &str) {
        self.decide(id, "approve").await;
    }

    /// Somebody who may says so: `approve` or `deny`.
    pub(crate) async fn decide(&self, id: &str, decision: &str) {
        let answer = self.control.decide(BOB, id, decision, "").await.expect("a decision");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The largest that Envoy has been since it was last asked, in KiB (proc_pid_clear_refs(5)).
    fn peak(&self) -> usize {
        let pid = self.gateway.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

// === impl Desk ===

impl Desk {
    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn git(&self, arguments: &[&str]) -> Tool {
        let tool = git::tool(&self.work(), arguments.iter().copied());
        let names = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        names.into_iter().fold(tool, |tool, name| tool.variable(name, "coder@demo"))
    }

    /// Commits so many bytes that do not compress, and gives the commit.
    async fn commit(&self, name: &str, size: usize) -> String {
        let mut state = u64::try_from(name.len()).expect("a length") | 0x9e37_79b9_7f4a_7c15;
        let mut bytes = format!("{name}\n").into_bytes();
        while bytes.len() < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        fs::write(self.work().join(name), bytes).expect("a file");
        for arguments in [
            &["config", "core.compression", "0"][..],
            &["add", "."],
            &["commit", "--quiet", "--message", name],
        ] {
            self.git(arguments).succeed().await.unwrap_or_else(|error| panic!("{error}"));
        }
        let commit = self.git(&["rev-parse", "HEAD"]).succeed().await.expect("a commit");
        String::from_utf8_lossy(&commit).trim().to_owned()
    }
}

/// The approval that a client prints the link of.
fn linked(finished: &Finished) -> Option<String> {
    let said = format!("{}{}", finished.stderr, String::from_utf8_lossy(&finished.stdout));
    let (_, rest) = said.split_once("/approvals/")?;
    Some(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn git_passes_with_the_very_push_that_was_approved() {
    let Some(world) = World::set().await else { return };
    let mut verdicts = Verdicts::default();
    let desk = world.desk().await;
    let before = world.main().await;
    let first = desk.commit("first", 100).await;
    let to_main = ["{url}", "HEAD:refs/heads/main"];
    let held = world.push(&desk, &alice(), &to_main).await;
    let id = linked(&held).unwrap_or_else(|| panic!("no link: {}", held.stderr));
    world.approve(&id).await;

    let second = desk.commit("second", 100).await;
    let (mallory, unknown) =
        (through(CODER, "mallory@demo"), through("spiffe://demo/agent/unknown", "alice@demo"));
    for (name, token, arguments) in [
        ("another commit", alice(), &to_main[..]),
        ("with a push option", alice(), &["-o", "ci.skip", "{url}", "HEAD~1:refs/heads/main"]),
        ("another ref", alice(), &["{url}", "HEAD~1:refs/heads/other"]),
        ("one ref more", alice(), &["{url}", "HEAD~1:refs/heads/main", "HEAD~1:refs/heads/agent/x"]),
        ("another subject", mallory, &["{url}", "HEAD~1:refs/heads/main"]),
        ("another actor", unknown, &["{url}", "HEAD~1:refs/heads/main"]),
    ] {
        let finished = world.push(&desk, &token, arguments).await;
        verdicts.row(name, holds(!finished.success, "it passes"));
        let other = linked(&finished);
        verdicts.row(&format!("{name}: not that approval"), holds(other != Some(id.clone()), "the same one"));
        verdicts.row(&format!("{name}: main"), equal("main", world.main().await, before.clone()));
    }
    let passed = world.push(&desk, &alice(), &["{url}", "HEAD~1:refs/heads/main"]).await;
    verdicts.row("what was approved", holds(passed.success, passed.stderr));
    verdicts.row("it lands", equal("main", world.main().await, first));
    let again = world.push(&desk, &alice(), &to_main).await;
    verdicts.row("the next commit", holds(!again.success && linked(&again).is_some(), again.stderr));
    verdicts.row("it has not landed", holds(world.main().await != second, "it has"));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_is_held_and_let_through_and_envoy_does_not_grow() {
    let Some(world) = World::set().await else { return };
    let mut verdicts = Verdicts::default();
    let desk = world.desk().await;
    let commit = desk.commit("large", LARGE).await;
    let to_main = ["{url}", "HEAD:refs/heads/main"];
    world.peak();
    let before = world.peak();
    let held = world.push(&desk, &alice(), &to_main).await;
    let grown = world.peak().saturating_sub(before);
    eprintln!("held: {grown} KiB more");
    // Where more arrives before the claim is answered than is held, git adds an error of its own.
    verdicts.row("held", holds(!held.success && linked(&held).is_some(), held.stderr.clone()));
    verdicts.row("in flat memory", holds(grown <= GROWTH_KIB, format!("{grown} KiB more")));
    let id = linked(&held).unwrap_or_else(|| panic!("no link: {}", held.stderr));
    world.approve(&id).await;
    let passed = world.push(&desk, &alice(), &to_main).await;
    let grown = world.peak().saturating_sub(before);
    eprintln!("let through: {grown} KiB more");
    verdicts.row("let through", holds(passed.success, passed.stderr));
    verdicts.row("it lands", equal("main", world.main().await, commit));
    verdicts.row("in flat memory too", holds(grown <= GROWTH_KIB, format!("{grown} KiB more")));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_called_with_the_very_arguments_that_were_approved() {
    let Some(world) = World::set().await else { return };
    let mut verdicts = Verdicts::default();
    let before = world.mcp.files().expect("files");
    let publish = r#"{"path": "docs/handbook.md", "content": "canary-4711"}"#;
    let held = world.call(&alice(), publish).await;
    let id = linked(&held).unwrap_or_else(|| panic!("no link: {}", held.stderr));
    let shown: Value = world.control.look(BOB, &format!("/v1/approvals/{id}")).await.expect("an approval");
    verdicts
        .row("what is secret is not shown", holds(!shown.to_string().contains("4711"), shown.to_string()));
    world.approve(&id).await;
    for (name, token, arguments) in [
        ("another content", alice(), r#"{"path": "docs/handbook.md", "content": "canary-4712"}"#),
        ("another path", alice(), r#"{"path": "docs/other.md", "content": "canary-4711"}"#),
        ("another subject", through(CODER, "mallory@demo"), publish),
    ] {
        let finished = world.call(&token, arguments).await;
        verdicts
            .row(name, holds(!finished.success && linked(&finished) != Some(id.clone()), finished.stderr));
    }
    verdicts.row("nothing has changed", equal("files", world.mcp.files().expect("files"), before));
    let passed = world.call(&alice(), r#"{"content": "canary-4711", "path": "docs/handbook.md"}"#).await;
    verdicts.row("in another order", holds(passed.success, passed.stderr));
    let files = world.mcp.files().expect("files");
    verdicts.row(
        "it is written",
        equal("file", files.get("docs/handbook.md").map(String::as_str), Some("canary-4711")),
    );
    let again = world.call(&alice(), publish).await;
    verdicts.row("once", holds(!again.success, "it passes twice"));
    verdicts.conclude();
}
