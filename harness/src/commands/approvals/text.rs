//! Approvals for a terminal.

use std::io::{self, Write};

use chrono::DateTime;
use serde_json::Value;

use crate::commands::visible::visible;

#[cfg(test)]
mod tests;

/// One line each, and one for each call.
pub(super) fn list(out: &mut dyn Write, answer: &Value) -> io::Result<()> {
    let rows = items(answer, "approvals");
    if rows.is_empty() {
        return writeln!(out, "nothing");
    }
    for row in rows {
        writeln!(
            out,
            "{}  {}  {} for {}  until {}",
            text(row, "id"),
            text(row, "state"),
            text(row, "actor"),
            text(row, "subject"),
            time(row, "expires"),
        )?;
        for call in items(row, "calls") {
            writeln!(out, "    {} {}", text(call, "action"), text(call, "resource"))?;
        }
    }
    Ok(())
}

/// Everything, the envelope as it was hashed.
pub(super) fn full(out: &mut dyn Write, row: &Value) -> io::Result<()> {
    for (label, member) in [
        ("state", "state"),
        ("subject", "subject"),
        ("actor", "actor"),
        ("service", "service"),
        ("gateway", "audience"),
        ("digest", "digest"),
        ("link", "url"),
    ] {
        writeln!(out, "{label:<9}{}", text(row, member))?;
    }
    for (label, member) in [("groups", "groups"), ("policies", "policies"), ("chain", "chain")] {
        let names: Vec<String> = items(row, member).iter().filter_map(Value::as_str).map(visible).collect();
        writeln!(out, "{label:<9}{}", names.join(", "))?;
    }
    writeln!(out, "{:<9}{}", "until", time(row, "expires"))?;
    let asks = row.get("asks").and_then(Value::as_i64).unwrap_or_default();
    writeln!(out, "{:<9}{asks}", "tried")?;
    block(out, "what the agent says of it (not part of the approval)", row.get("context"))?;
    block(out, "the call, as it was hashed", row.get("envelope"))?;
    writeln!(out, "\nwhat happened")?;
    for event in items(row, "events") {
        let comment = match event.get("comment").and_then(Value::as_str) {
            Some(comment) => format!(": {}", visible(comment)),
            None => String::new(),
        };
        writeln!(out, "  {}  {} by {}{comment}", time(event, "at"), text(event, "what"), text(event, "who"))?;
    }
    Ok(())
}

/// How it stands after a decision.
pub(super) fn decided(out: &mut dyn Write, row: &Value) -> io::Result<()> {
    let next = match row.get("state").and_then(Value::as_str) {
        Some("pending") => ": it needs another person",
        Some("approved") => ": the agent can use it once",
        _ => "",
    };
    writeln!(out, "{} {}{next}", text(row, "id"), text(row, "state"))
}

fn block(out: &mut dyn Write, title: &str, value: Option<&Value>) -> io::Result<()> {
    let Some(value) = value.filter(|value| value.as_object().is_none_or(|members| !members.is_empty()))
    else {
        return Ok(());
    };
    writeln!(out, "\n{title}")?;
    // JSON escapes control characters; the line ends are its own.
    for line in format!("{value:#}").lines() {
        writeln!(out, "  {}", visible(line))?;
    }
    Ok(())
}

fn items<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, member: &str) -> String {
    visible(value.get(member).and_then(Value::as_str).unwrap_or("?"))
}

fn time(value: &Value, member: &str) -> String {
    value
        .get(member)
        .and_then(Value::as_i64)
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%SZ").to_string())
}
