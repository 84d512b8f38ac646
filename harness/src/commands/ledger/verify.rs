//! Whether the ledger is what was written.

mod reconciliation;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use self::reconciliation::Reconciliation;
use super::chain::Link;
use super::checkpoint::CheckpointKeys;
use super::entry::{Entry, text};
use super::source::{Page, SourceError};
use crate::commands::client::Client;
use crate::commands::visible::visible;
use crate::exit::ExitCode;
use crate::terminal::{Terminal, counted};

/// Findings of one kind that are spelt out; the rest is counted.
const SHOWN: usize = 20;

#[derive(Debug, Deserialize)]
struct Emitters {
    emitters: Vec<Head>,
}

#[derive(Debug, Deserialize)]
struct Head {
    gateway: String,
    emitter: String,
    last: i64,
}

#[derive(Debug, Deserialize)]
struct Checkpoints {
    checkpoints: Vec<String>,
}

/// What does not hold, by kind.
#[derive(Debug, Default)]
struct Findings(BTreeMap<&'static str, Vec<String>>);

pub(super) fn verify(
    client: Option<&Client>,
    key: Option<&Path>,
    logs: &[PathBuf],
    terminal: &mut Terminal,
) -> Result<ExitCode, SourceError> {
    let mut findings = Findings::default();
    let mut reconciliation = Reconciliation::default();
    if let Some(client) = client {
        let (keys, whose) = keys(client, key)?;
        let heads: Emitters = client.get(&["v1", "emitters"], &[])?;
        let mut records: usize = 0;
        let mut signed: usize = 0;
        for head in &heads.emitters {
            let (of_chain, links) = follow(client, head, &mut findings, &mut reconciliation)?;
            records = records.saturating_add(of_chain);
            signed = signed.saturating_add(checkpoints(client, head, &keys, &links, &mut findings)?);
        }
        writeln!(
            terminal.out,
            "the service: {} of {}, {} by {whose}",
            counted(records, "record"),
            counted(heads.emitters.len(), "emitter"),
            counted(signed, "checkpoint"),
        )?;
    }
    for path in logs {
        let lines = reconciliation.read_log(path, &mut findings)?;
        writeln!(terminal.out, "{}: {}", path.display(), counted(lines, "record"))?;
    }
    if let Some(unsent) = reconciliation.rejected() {
        writeln!(terminal.out, "refused by the proxy before the plugin: {unsent}")?;
    }
    if client.is_some() {
        reconciliation.attempts_without_outcome(&mut findings);
        if !logs.is_empty() {
            reconciliation.compare(&mut findings);
        }
    }
    for (what, found) in &findings.0 {
        writeln!(terminal.out, "{what}: {}", found.len())?;
        for one in found.iter().take(SHOWN) {
            writeln!(terminal.out, "  {}", visible(one))?;
        }
        if let more @ 1.. = found.len().saturating_sub(SHOWN) {
            writeln!(terminal.out, "  and {more} more")?;
        }
    }
    terminal.out.flush()?;
    if findings.0.is_empty() {
        writeln!(terminal.out, "it holds")?;
        return Ok(ExitCode::Fine);
    }
    Ok(ExitCode::CheckFailed)
}

/// Follows one chain, and returns how many records it has and its links by number.
fn follow(
    client: &Client,
    head: &Head,
    findings: &mut Findings,
    reconciliation: &mut Reconciliation,
) -> Result<(usize, HashMap<i64, String>), SourceError> {
    let Head { gateway, emitter, last } = head;
    let at = |sequence: i64| format!("{gateway} {emitter} {sequence}");
    let (mut link, mut before, mut count) = (Link::origin(gateway, emitter), 0_i64, 0_usize);
    let mut links = HashMap::new();
    loop {
        let after = before.to_string();
        let query =
            [("gateway", gateway.as_str()), ("emitter", emitter), ("after", &after), ("limit", "500")];
        let page: Page = client.get(&["v1", "events"], &query)?;
        for event in page.events {
            let sequence = event.sequence;
            if sequence > before.saturating_add(1) {
                let gap = format!("{} to {}", at(before.saturating_add(1)), sequence.saturating_sub(1));
                findings.add("numbers that are missing: lost, forgotten or removed", gap);
            }
            let expected = link.next(sequence, event.record.get());
            if expected.text() != event.link && !(count == 0 && before == 0 && sequence > 1) {
                findings.add(
                    "records that are not what was chained: changed, or one before them removed",
                    at(sequence),
                );
            }
            // On from what is stored, so that one change is one finding.
            link = Link::parse(&event.link).unwrap_or(expected);
            links.insert(sequence, event.link);
            (before, count) = (sequence, count.saturating_add(1));
            let entry = Entry::of_log(event.record.get())
                .map_err(|error| SourceError::Log(format!("{}: no record: {error}", at(sequence))))?;
            outcome(&entry.record, findings);
            reconciliation.stored(&format!("{gateway} {emitter}"), &at(sequence), &entry, findings);
        }
        if page.next.is_none() {
            break;
        }
    }
    if before != *last && count > 0 {
        findings.add("chains that end before their last number", at(*last));
    }
    Ok((count, links))
}

/// Holds one chain against its checkpoints, and returns how many there are.
fn checkpoints(
    client: &Client,
    head: &Head,
    keys: &CheckpointKeys,
    links: &HashMap<i64, String>,
    findings: &mut Findings,
) -> Result<usize, SourceError> {
    let (mut after, mut count) = (0_i64, 0_usize);
    loop {
        let from = after.to_string();
        let query = [("gateway", head.gateway.as_str()), ("emitter", &head.emitter), ("after", &from)];
        let page: Checkpoints = client.get(&["v1", "checkpoints"], &query)?;
        let begun = after;
        for token in &page.checkpoints {
            count = count.saturating_add(1);
            let place = format!("{} {}", head.gateway, head.emitter);
            let Some(claims) = keys.claims(token) else {
                findings.add("checkpoints that the key has not signed", place);
                return Ok(count);
            };
            let said = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
            let sequence = claims.get("sequence").and_then(Value::as_i64).unwrap_or_default();
            let is_ours = said("gateway") == head.gateway && said("emitter") == head.emitter;
            let holds = links.get(&sequence).is_none_or(|link| link == said("link"));
            // What is older than everything that is kept has been forgotten with it.
            let is_kept = links.keys().min().is_some_and(|first| sequence >= *first);
            if !is_ours || !holds || (is_kept && !links.contains_key(&sequence)) {
                findings.add(
                    "checkpoints that the chain does not lead to: it was written anew",
                    format!("{place} {sequence}"),
                );
            }
            after = after.max(sequence);
        }
        if page.checkpoints.is_empty() || after == begun {
            return Ok(count);
        }
    }
}

fn keys(client: &Client, file: Option<&Path>) -> Result<(CheckpointKeys, &'static str), SourceError> {
    let (text, whose) = match file {
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| SourceError::Log(format!("{}: {error}", path.display())))?;
            (text, "the key that was given")
        }
        None => {
            let keys: Value = client.get(&["v1", "keys", "ledger"], &[])?;
            (keys.to_string(), "the key that the service names itself")
        }
    };
    let keys = CheckpointKeys::parse(&text);
    keys.map(|keys| (keys, whose))
        .ok_or_else(|| SourceError::Log("the key is no JWK set with an Ed25519 key".to_owned()))
}

/// Nothing ran without a permit, and of everything it is known what became of it.
fn outcome(record: &Value, findings: &mut Findings) {
    let id = || format!("{} {}", text(record, "/time"), text(record, "/id"));
    // What has yet to go on has none, and is held against its record; what is lost is no request.
    if matches!(text(record, "/stage").as_str(), "attempted" | "lost") {
        return;
    }
    if record.pointer("/executed/status").and_then(Value::as_i64).is_none() {
        findings.add("records without an outcome", id());
    }
    let decision = text(record, "/decided/decision");
    let is_permitted = matches!(decision.as_str(), "allow" | "observe");
    let has_plugin = text(record, "/stage") != "rejected_by_proxy";
    if has_plugin && !is_permitted && super::entry::is_executed(record) {
        findings.add("requests that reached an upstream without a permit", id());
    }
}

// === impl Findings ===

impl Findings {
    fn add(&mut self, what: &'static str, which: String) {
        self.0.entry(what).or_default().push(which);
    }
}
