//! What the real client does, in versions with sessions and without, and what it reads where it is refused.

use std::collections::BTreeMap;

use actgate_demo::tool::Finished;
use actgate_harness::mint::TokenSpec;
use actgate_tests::e2e::{
    ledger,
    tokens::{CODER, alice, through},
    verdict::{Verdicts, equal, holds},
};
use serde_json::{Value, json};

use crate::stage::Stage;

/// Sessions, without them, and the client's own choice.
const MODES: [&str; 3] = ["legacy", "2026-07-28", "auto"];

/// A request of the client.
struct Run {
    name: &'static str,
    request: &'static [&'static str],
    caller: fn() -> Option<TokenSpec>,
    expect: Expect,
    /// The file that is another one afterwards, and what is in it: nothing where it is gone.
    change: Option<(&'static str, Option<&'static str>)>,
}

enum Expect {
    /// The result has this text somewhere.
    Result(&'static str),
    /// The result has one text, and not the other.
    Shown { shown: &'static str, hidden: &'static str },
    /// The result of a tool is a refusal for this reason.
    Refused(&'static str),
    /// The client fails, and says this.
    Fails(&'static str),
    /// The handshake fails; where there is none, a tool's result that is an error, for this reason.
    Unconnected(&'static str),
}

fn runs() -> Vec<Run> {
    let coder: fn() -> Option<TokenSpec> = || Some(alice());
    let run = |name, request, expect| Run { name, request, caller: coder, expect, change: None };
    vec![
        run("tools", &["tools"], Expect::Shown { shown: "write_file", hidden: "delete_file" }),
        run("read", &["call", "read_file", r#"{"path":"docs/handbook.md"}"#], Expect::Result("Ask before")),
        run(
            "read several",
            &["call", "read_files", r#"{"paths":["docs/handbook.md","drafts/ideas.md"]}"#],
            Expect::Result("changelog"),
        ),
        run("a resource", &["read", "files:///docs/handbook.md"], Expect::Result("Ask before")),
        run(
            "a prompt",
            &["prompt", "review", r#"{"path":"docs/handbook.md"}"#],
            Expect::Result("Review this"),
        ),
        Run {
            change: Some(("drafts/new.md", Some("hello"))),
            ..run(
                "write",
                &["call", "write_file", r#"{"path":"drafts/new.md","content":"hello"}"#],
                Expect::Result("5 bytes"),
            )
        },
        run(
            "read what is private",
            &["call", "read_file", r#"{"path":"private/payroll.csv"}"#],
            Expect::Refused("policy_denied"),
        ),
        run(
            "read several, one private",
            &["call", "read_files", r#"{"paths":["docs/handbook.md","private/payroll.csv"]}"#],
            Expect::Refused("policy_denied"),
        ),
        run(
            "read around",
            &["call", "read_file", r#"{"path":"docs/../private/payroll.csv"}"#],
            Expect::Refused("argument_invalid"),
        ),
        run(
            "publish",
            &["call", "write_file", r#"{"path":"docs/handbook.md","content":"x"}"#],
            Expect::Refused("approval_required"),
        ),
        run(
            "delete",
            &["call", "delete_file", r#"{"path":"drafts/ideas.md"}"#],
            Expect::Refused("policy_denied"),
        ),
        run(
            "an unknown tool",
            &["call", "run_command", r#"{"command":"id"}"#],
            Expect::Refused("route_unknown"),
        ),
        run(
            "a private resource",
            &["read", "files:///private/payroll.csv"],
            Expect::Fails("no policy permits"),
        ),
        run("an unknown prompt", &["prompt", "other", "{}"], Expect::Fails("no route of the catalog")),
        Run {
            caller: || Some(through(CODER, "mallory@demo")),
            ..run(
                "somebody without rights",
                &["call", "write_file", r#"{"path":"drafts/m.md","content":"x"}"#],
                Expect::Unconnected("policy_denied"),
            )
        },
        Run {
            caller: || Some(through("spiffe://demo/agent/unknown", "alice@demo")),
            ..run("an agent that nobody knows", &["tools"], Expect::Fails(""))
        },
        Run { caller: || None, ..run("nobody", &["tools"], Expect::Fails("")) },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_calls_what_it_may_and_reads_why_it_may_not() {
    let Some(stage) = Stage::set().await else { return };
    let mut verdicts = Verdicts::default();
    for mode in MODES {
        // What the client chooses is one of the others: a start of it is enough to see that it finds it.
        let runs = runs().into_iter().filter(|run| mode != "auto" || run.change.is_some());
        for run in runs {
            let before = stage.files();
            let token = (run.caller)().map(|spec| stage.issuer.mint(&spec));
            let client = stage.mcp.client(
                stage.gateway.address(),
                mode,
                token.as_deref(),
                run.request.iter().copied(),
            );
            let finished = client.finish().await.expect("a client");
            let mut expected = before.clone();
            if let Some((name, content)) = run.change {
                match content {
                    Some(content) => drop(expected.insert(name.to_owned(), content.to_owned())),
                    None => drop(expected.remove(name)),
                }
            }
            let verdict = judge(&run.expect, &finished).and_then(|()| same(&stage.files(), &expected));
            verdicts.row(&format!("{mode}: {}", run.name), verdict);
            // The next mode writes it again.
            let written = stage.mcp.folder().join("drafts/new.md");
            if written.is_file() {
                std::fs::remove_file(written).expect("a file");
            }
        }
    }
    verdicts.conclude();
}

fn judge(expect: &Expect, finished: &Finished) -> Result<(), String> {
    let told: Value = serde_json::from_slice(&finished.stdout).unwrap_or_default();
    let whole = format!("{told} {}", finished.stderr.trim());
    match expect {
        Expect::Result(text) => {
            holds(finished.success, format!("it fails: {whole}"))?;
            holds(told["result"].to_string().contains(text), format!("no `{text}`: {whole}"))
        }
        Expect::Shown { shown, hidden } => {
            judge(&Expect::Result(shown), finished)?;
            holds(!whole.contains(hidden), format!("`{hidden}` is shown: {whole}"))
        }
        Expect::Refused(reason) => {
            let result = &told["result"];
            equal("isError", &result["isError"], &json!(true)).map_err(|why| format!("{why}: {whole}"))?;
            let text = result["content"][0]["text"].as_str().unwrap_or_default();
            let document: Value = serde_json::from_str(text).unwrap_or_default();
            equal("reason", &document["reason"], &json!(reason)).map_err(|why| format!("{why}: {whole}"))
        }
        Expect::Unconnected(reason) if told["result"].is_object() => {
            judge(&Expect::Refused(reason), finished)
        }
        Expect::Unconnected(_) => judge(&Expect::Fails(""), finished),
        Expect::Fails(text) => {
            holds(!finished.success && told["error"].is_object(), format!("it succeeds: {whole}"))?;
            holds(whole.contains(text), format!("no `{text}`: {whole}"))
        }
    }
}

fn same(is: &BTreeMap<String, String>, should: &BTreeMap<String, String>) -> Result<(), String> {
    equal("the files", is, should)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_says_which_tool_was_called_with_what() {
    let Some(stage) = Stage::set().await else { return };
    let ledger = ledger::from_now(&stage.gateway.ledger());
    let token = stage.issuer.mint(&alice());
    let arguments = r#"{"path":"drafts/new.md","content":"canary-7f3a"}"#;
    let client = stage.mcp.client(
        stage.gateway.address(),
        "2026-07-28",
        Some(&token),
        ["call", "write_file", arguments],
    );
    assert!(client.finish().await.expect("a client").success);
    let records = ledger::records(&ledger, 1).await;
    let record = records.first().expect("a record").value();
    let call = &record["attempted"]["calls"][0];
    assert_eq!(call["action"], "mcp.file.write");
    assert_eq!(call["resource"], "Mcp::Tool::\"mcp/write_file\"");
    assert_eq!(call["arguments"]["args"], json!({ "path": "drafts/new.md", "content": "[redacted]" }));
    assert_eq!(
        (&record["decided"]["decision"], &record["executed"]["status"]),
        (&json!("allow"), &json!(200))
    );
    assert_eq!(record["answered"], json!({ "outcome": "result" }));
    assert!(!record.to_string().contains("canary-7f3a"));
}
