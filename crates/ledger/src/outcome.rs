//! What became of a request.

use serde_json::Value;

use crate::record::Record;

/// What became of a request, as far as a gateway can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered, and its answer reports no failure.
    Succeeded,
    /// The upstream answered with an error.
    Failed,
    /// It reached the upstream, whose answer never came or was not passed on: it may have been done or not.
    Unknown,
    /// It was to go on, and the record that tells what became of it has not come.
    Open,
    /// It reached no upstream.
    NotExecuted,
}

// === impl Outcome ===

impl Outcome {
    /// Of a record.
    pub fn of(record: &Record) -> Self {
        let executed = &record.executed;
        if record.stage == "attempted" {
            let is_written_off = executed.outcome.as_deref() == Some("unknown");
            return if is_written_off { Self::Unknown } else { Self::Open };
        }
        if executed.upstream().is_none() {
            return Self::NotExecuted;
        }
        // Only an answer that came from the upstream tells what became of the call there.
        let details = executed.details.as_deref().filter(|details| !matches!(*details, "" | "-"));
        if executed.status == 0 || details.is_some_and(|details| details != "via_upstream") {
            return Self::Unknown;
        }
        // What a protocol says within a successful answer. What is not known is no success.
        let answered = record.answered.get("outcome").and_then(Value::as_str);
        match answered {
            _ if executed.status >= 400 => Self::Failed,
            Some("result" | "input_required") | None => Self::Succeeded,
            Some("tool_error" | "error") => Self::Failed,
            Some(_) => Self::Unknown,
        }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Open => "open",
            Self::NotExecuted => "not_executed",
        }
    }
}
