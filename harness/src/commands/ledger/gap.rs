//! What was attempted and what was executed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::entry::{decision, is_executed, text};

/// Different agents and actions that are told apart: more is no table. The rest is counted as one.
const MAX_ROWS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Gap {
    rows: BTreeMap<(String, String), Counts>,
    total: Counts,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    attempted: u64,
    allowed: u64,
    held: u64,
    refused: u64,
    approved: u64,
    executed: u64,
}

// === impl Gap ===

impl Gap {
    /// Counts each call of a record.
    pub(super) fn count(&mut self, record: &Value) {
        // What is lost is nobody's attempt.
        if text(record, "/stage") == "lost" {
            return;
        }
        let actor = text(record, "/attempted/actor");
        let calls =
            record.pointer("/attempted/calls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let actions: Vec<String> = if calls.is_empty() {
            vec!["-".to_owned()]
        } else {
            calls.iter().map(|call| text(call, "/action")).collect()
        };
        let decision = decision(record);
        let is_approved = record.pointer("/approved/approvers").is_some();
        for action in actions {
            let mut key = (actor.clone(), action);
            if self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&key) {
                key = ("others".to_owned(), "-".to_owned());
            }
            for counts in [self.rows.entry(key).or_default(), &mut self.total] {
                counts.add(&decision, is_approved, is_executed(record));
            }
        }
    }

    pub(super) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let heads = ["attempted", "allowed", "held", "refused", "approved", "executed", "not executed"];
        writeln!(out, "{}  agent, action", heads.map(|head| format!("{head:>9}")).join(" "))?;
        for ((actor, action), counts) in &self.rows {
            writeln!(out, "{}  {actor}, {action}", counts.columns())?;
        }
        writeln!(out, "{}  all", self.total.columns())
    }

    pub(super) fn json(&self) -> Value {
        let row = |((actor, action), counts): (&(String, String), &Counts)| {
            let mut row = counts.json();
            if let Some(members) = row.as_object_mut() {
                members.insert("agent".to_owned(), json!(actor));
                members.insert("action".to_owned(), json!(action));
            }
            row
        };
        json!({ "rows": self.rows.iter().map(row).collect::<Vec<_>>(), "total": self.total.json() })
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, decision: &str, is_approved: bool, is_executed: bool) {
        let one = |count: &mut u64| *count = count.saturating_add(1);
        one(&mut self.attempted);
        match decision {
            "allow" | "observe" => one(&mut self.allowed),
            "hold" => one(&mut self.held),
            _ => one(&mut self.refused),
        }
        if is_approved {
            one(&mut self.approved);
        }
        if is_executed {
            one(&mut self.executed);
        }
    }

    fn columns(&self) -> String {
        let Self { attempted, allowed, held, refused, approved, executed } = self;
        let gap = attempted.saturating_sub(*executed);
        format!("{attempted:>9} {allowed:>9} {held:>9} {refused:>9} {approved:>9} {executed:>9} {gap:>12}")
    }

    fn json(&self) -> Value {
        let Self { attempted, allowed, held, refused, approved, executed } = self;
        json!({
            "attempted": attempted, "allowed": allowed, "held": held, "refused": refused, "approved": approved,
            "executed": executed, "not_executed": attempted.saturating_sub(*executed),
        })
    }
}
