//! One record, as people read it.

use serde_json::Value;

use crate::commands::visible::visible;

/// A record, and where it stands in the service's store.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Byte for byte.
    pub(super) raw: String,
    pub(super) record: Value,
    /// Gateway, emitter and number.
    pub(super) place: Option<(String, String, i64)>,
}

// === impl Entry ===

impl Entry {
    /// A line of a log.
    pub(super) fn of_log(line: &str) -> Result<Self, serde_json::Error> {
        Ok(Self { raw: line.to_owned(), record: serde_json::from_str(line)?, place: None })
    }

    /// One line for a person.
    pub(super) fn line(&self) -> String {
        let record = &self.record;
        if text(record, "/stage") == "lost" {
            let count = record.pointer("/lost/count").and_then(Value::as_u64).unwrap_or_default();
            let cause = text(record, "/lost/cause");
            return format!("{}  lost     {count} of a gateway's records ({cause})", text(record, "/time"));
        }
        let calls =
            record.pointer("/attempted/calls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let asked = match calls.first() {
            Some(call) => format!("{} {}", text(call, "/action"), text(call, "/resource")),
            None => format!("{} {}", text(record, "/attempted/method"), text(record, "/attempted/path")),
        };
        let more = match calls.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let why = match text(record, "/decided/reason").as_str() {
            "-" => String::new(),
            reason => format!(" ({reason})"),
        };
        format!(
            "{}  {:<8} {} for {}  {asked}{more}{why}  {}",
            text(record, "/time"),
            decision(record),
            text(record, "/attempted/actor"),
            text(record, "/attempted/subject"),
            outcome(record),
        )
    }
}

/// What was decided, or why nothing was.
pub(super) fn decision(record: &Value) -> String {
    match text(record, "/decided/decision").as_str() {
        "-" => match text(record, "/stage").as_str() {
            "rejected_by_proxy" => "rejected".to_owned(),
            stage => stage.to_owned(),
        },
        decision => decision.to_owned(),
    }
}

/// Whether the upstream had it.
pub(super) fn is_executed(record: &Value) -> bool {
    record.pointer("/executed/upstream").and_then(Value::as_str).is_some_and(|to| !to.is_empty() && to != "-")
}

fn outcome(record: &Value) -> String {
    match record.pointer("/executed/status").and_then(Value::as_i64) {
        Some(status) if is_executed(record) => format!("executed {status}"),
        Some(status) => format!("answered {status}"),
        // An attempt whose record has not come.
        None if text(record, "/executed/outcome") == "open" => "under way".to_owned(),
        None => "unknown".to_owned(),
    }
}

/// A text that somebody else wrote; `-` where there is none.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => visible(text),
        Some(_) | None => "-".to_owned(),
    }
}
