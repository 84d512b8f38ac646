//! A replay in words, and in JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Change, Replay, Verdict};
use crate::diagnostic::{Style, printable};

const RED: &str = "1;31";
const BOLD: &str = "1";
const YELLOW: &str = "33";

/// Rows of one policy that differ in nothing but their decision ids.
#[derive(Debug)]
struct Row<'r> {
    change: &'r Change,
    count: usize,
}

/// Writes every changed verdict, grouped by policy, then what did not change and what cannot be said.
pub fn write_text(out: &mut dyn Write, replay: &Replay, style: Style) -> io::Result<()> {
    let mut groups: BTreeMap<String, Vec<Row<'_>>> = BTreeMap::new();
    for change in &replay.changes {
        let policies: Vec<&str> = change.policies().iter().map(String::as_str).collect();
        let name = if policies.is_empty() { "(no policy)".to_owned() } else { policies.join(", ") };
        let rows = groups.entry(name).or_default();
        let same = |row: &&mut Row<'_>| {
            Change { id: String::new(), time: String::new(), ..row.change.clone() }
                == Change { id: String::new(), time: String::new(), ..change.clone() }
        };
        match rows.iter_mut().find(same) {
            Some(row) => row.count = row.count.saturating_add(1),
            None => rows.push(Row { change, count: 1 }),
        }
    }
    for (policy, rows) in &groups {
        writeln!(out, "{}", style.paint(BOLD, &printable(policy)))?;
        let width = rows.iter().map(|row| asked(row.change).chars().count()).max().unwrap_or_default();
        rows.iter().try_for_each(|row| write_row(out, row, width, style))?;
        writeln!(out)?;
    }
    let (changed, records) = (replay.changes.len(), replay.records);
    let unknown: usize = replay.unknown.values().map(Vec::len).sum();
    writeln!(
        out,
        "{records} records: {} unchanged ({} on other grounds), {changed} changed, {unknown} not replayed",
        replay.unchanged, replay.other_grounds
    )?;
    for (why, ids) in &replay.unknown {
        writeln!(out, "  not replayed: {:>5}  {}", ids.len(), printable(why))?;
    }
    Ok(())
}

/// Writes a replay for machines: one document, version 1.
pub fn write_json(out: &mut dyn Write, replay: &Replay) -> io::Result<()> {
    let verdict = |verdict: &Verdict| json!({ "decision": verdict.decision, "reason": verdict.reason, "policies": verdict.policies });
    let changed: Vec<Value> = replay
        .changes
        .iter()
        .map(|change| {
            json!({
                "id": change.id,
                "time": change.time,
                "subject": change.subject,
                "actor": change.actor,
                "asked": change.asked,
                "policies": change.policies(),
                "before": verdict(&change.before),
                "after": verdict(&change.after),
                "loosened": change.is_loosened(),
                "accepted": change.accepted,
            })
        })
        .collect();
    let document = json!({
        "version": 1,
        "records": replay.records,
        "unchanged": replay.unchanged,
        "other_grounds": replay.other_grounds,
        "changed": changed,
        "not_replayed": replay.unknown.iter().map(|(why, ids)| json!({ "why": why, "ids": ids })).collect::<Vec<_>>(),
    });
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn write_row(out: &mut dyn Write, row: &Row<'_>, width: usize, style: Style) -> io::Result<()> {
    let Row { change, count } = row;
    let Change { id, subject, actor, before, after, accepted, .. } = change;
    let verdicts = format!("{:>7} -> {:<7}", before.decision, after.decision);
    let verdicts = match (change.is_loosened(), accepted) {
        (true, false) => style.paint(RED, &verdicts),
        (true, true) => style.paint(YELLOW, &verdicts),
        (false, _) => verdicts,
    };
    let who = if subject == actor { subject.clone() } else { format!("{subject} through {actor}") };
    let times = if *count == 1 { String::new() } else { format!(" and {} more", count.saturating_sub(1)) };
    let accepted = if *accepted && change.is_loosened() { "  accepted" } else { "" };
    let asked = asked(change);
    writeln!(out, "{verdicts}  {asked:width$}  {}  {}{times}{accepted}", printable(&who), printable(id))
}

fn asked(change: &Change) -> String {
    printable(&change.asked.join(", "))
}
