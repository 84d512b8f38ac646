//! A client that can open pages is asked to open the one on which people decide, in the form of its version.

use std::fs;

use actgate_demo::tool::Tool;
use actgate_tests::e2e::{
    setup::{Needs, Setup},
    tokens::alice,
    verdict::{Verdicts, equal, holds},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep};

use crate::clients::World;

/// Longer than a client takes to begin on a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What a user does who is asked to open a page, and what somebody else does there meanwhile.
#[derive(Clone, Copy)]
struct Deed {
    action: &'static str,
    decision: Option<&'static str>,
}

/// Has the real client call the tool, and tells what it said.
async fn play(world: &World, setup: &Setup, mode: &str, content: &str, deed: Deed) -> Value {
    let folder = TempDir::new().expect("a folder");
    let arguments = json!({ "path": "docs/handbook.md", "content": content }).to_string();
    let script = setup.root().join("tests/mcp-suite/approve.cjs").display().to_string();
    let modules = setup.layout().mcp_servers("").display().to_string();
    let url = format!("http://{}/mcp", world.gateway.address());
    let place = folder.path().display().to_string();
    let line = [&*script, &modules, &url, mode, &place, deed.action, "write_file", &arguments];
    let client = Tool::new(setup.layout().mcp_suite("node"), line.map(str::to_owned))
        .variable("ACTGATE_TOKEN", world.issuer.mint(&alice()))
        .limit(LIMIT);
    let client = tokio::spawn(client.finish());
    let (page, started) = (folder.path().join("page"), Instant::now());
    while !page.exists() && !client.is_finished() && started.elapsed() < LIMIT {
        sleep(Duration::from_millis(20)).await;
    }
    let page = fs::read_to_string(page).unwrap_or_default();
    let id = page.rsplit('/').next().unwrap_or_default();
    if let Some(decision) = deed.decision.filter(|_| !id.is_empty()) {
        world.decide(id, decision).await;
    }
    fs::write(folder.path().join("decided"), "").expect("a file");
    let finished = client.await.expect("a task").expect("a client");
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", finished.stderr))
}

fn reason(told: &Value) -> &Value {
    &told["result"]["structuredContent"]["reason"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_opened_and_the_call_passes_once() {
    let Some(setup) = Setup::find(Needs::McpServers) else { return };
    let Some(world) = World::set().await else { return };
    let mut verdicts = Verdicts::default();
    for (mode, version) in [("2026-07-28", "2026-07-28"), ("legacy", "2025-11-25")] {
        let handbook = || world.mcp.files().expect("files").remove("docs/handbook.md").unwrap_or_default();
        let row = |what: &str| format!("{version}: {what}");
        // Refused by the user: what nobody opened is not done, whatever people would say.
        let before = handbook();
        let content = format!("declined in {version}");
        let deed = Deed { action: "decline", decision: Some("approve") };
        let told = play(&world, &setup, mode, &content, deed).await;
        verdicts.row(
            &row("declined"),
            equal("file", handbook(), before.clone()).map_err(|why| format!("{why} {told}")),
        );

        // Opened, and nobody has decided.
        let deed = Deed { action: "accept", decision: None };
        let told = play(&world, &setup, mode, &format!("pending in {version}"), deed).await;
        verdicts.row(&row("pending"), equal("file", handbook(), before.clone()));
        if mode != "legacy" {
            let why = equal("reason", reason(&told["first"]), &json!("approval_required"));
            verdicts.row(&row("pending, told by a result"), why.map_err(|why| format!("{why} {told}")));
        }

        // Opened, and somebody has said no.
        let deed = Deed { action: "accept", decision: Some("deny") };
        let told = play(&world, &setup, mode, &format!("denied in {version}"), deed).await;
        let last = if mode == "legacy" { "second" } else { "first" };
        verdicts.row(&row("denied"), equal("file", handbook(), before));
        let why = equal("reason", reason(&told[last]), &json!("approval_denied"));
        verdicts.row(&row("denied, told"), why.map_err(|why| format!("{why} {told}")));

        // Opened, and approved: the client's own retry passes, once.
        let content = format!("approved in {version}");
        let deed = Deed { action: "accept", decision: Some("approve") };
        let told = play(&world, &setup, mode, &content, deed).await;
        verdicts.row(&row("spoken"), equal("version", &told["protocol"], &json!(version)));
        let is_error = &told[last]["result"]["isError"];
        let passed = holds(told[last]["result"].is_object() && is_error != true, told.to_string());
        verdicts.row(&row("approved"), passed);
        verdicts.row(&row("written"), equal("file", handbook(), content));
        let pages = if mode == "legacy" { 1 } else { 2 };
        verdicts.row(&row("asked again for the next one"), equal("pages", &told["pages"], &json!(pages)));
    }
    verdicts.conclude();
}
