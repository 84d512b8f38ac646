//! The console in a real Chromium: log in, see, approve, deny, by mouse, by keyboard and on a phone without JavaScript.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code"
)]

mod support;

use std::{path::Path, process::Stdio, time::Duration};

use actgate_control::store::Store;
use serde_json::json;
use support::{GATEWAY, Replica, claim};

/// Slow machines load slowly; a browser that hangs ends.
const WHOLE_STORY: Duration = Duration::from_secs(240);

#[tokio::test]
async fn people_decide_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (chromium, modules) = (root.join(".run/chromium/bin/chromium"), root.join(".run/playwright"));
    if !chromium.exists() || !modules.join("node_modules/playwright-core").exists() {
        assert!(std::env::var_os("CI").is_none(), "Chromium or Playwright is missing: run `make setup`");
        eprintln!("SKIPPED: Chromium or Playwright is missing (`make setup` brings them where there is npm)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("control.db")).await.unwrap();
    let replica = Replica::start_public(folder.path(), store).await;
    let approve = replica.pending(&claim(1)).await;
    let deny = replica.pending(&claim(2)).await;
    let phone = replica.pending(&claim(3)).await;
    // Agents write what they like; so do records.
    let record = |number: i64, decision: &str, upstream: &str| {
        let why =
            if decision == "allow" { json!({}) } else { json!({ "reason": "policy_denied", "status": 403 }) };
        let mut decided = json!({ "decision": decision, "policies": ["git.x"] });
        decided.as_object_mut().unwrap().extend(why.as_object().unwrap().clone());
        json!({
            "v": 1, "id": format!("01a20e83-a248-7000-8000-{number:012x}"),
            "time": format!("2027-01-15T08:00:{number:02}.000Z"), "service": "git", "stage": "decided",
            "attempted": {
                "method": "POST", "path": "/x", "subject": "demo/alice@demo", "task": "release 7 & more",
                "actor": "demo/spiffe://demo/agent/coder",
                "calls": [{ "action": "git.ref.update", "resource": "Git::Ref::\"<b>main</b>\"", "arguments": {} }],
            },
            "decided": decided, "approved": null,
            "executed": { "status": if upstream.is_empty() { 403 } else { 200 }, "upstream": upstream },
        })
    };
    let events: Vec<_> = (1..=9)
        .map(|number| {
            let record = if number % 3 == 0 {
                record(number, "deny", "")
            } else {
                record(number, "allow", "127.0.0.1:1")
            };
            json!({ "sequence": number, "record": record })
        })
        .collect();
    let batch = json!({ "emitter": "envoy-1", "events": events });
    let sent = replica.post("/v1/events", &replica.gateway_token(GATEWAY), &batch).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&screenshots).unwrap();
    let told = json!({
        "url": format!("http://{}", replica.address), "chromium": chromium, "modules": modules,
        "screenshots": screenshots, "approve": approve, "deny": deny, "phone": phone,
        "gateway": replica.gateway_token(GATEWAY), "claim": claim(4),
    });
    let script = root.join("control/tests/browser/console.mjs");
    let run = tokio::process::Command::new("node")
        .arg(script)
        .arg(told.to_string())
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(WHOLE_STORY, run).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\nscreenshots: {}", screenshots.display());
    for (id, state) in [(&approve, "approved"), (&deny, "denied"), (&phone, "approved")] {
        assert_eq!(replica.show(id).await["state"], state);
    }
    replica.stop().await;
}
