//! What a record says, as far as people search by it.

use std::{collections::BTreeMap, sync::LazyLock};

use chrono::DateTime;
use jsonschema::Validator;
use serde_json::Value;

/// The published schema of a record, and what it is checked by.
pub const RECORD_SCHEMA: &str = include_str!("../../../docs/ledger-record.schema.json");

/// An access-log line stays below 16 KiB; what is twice as long is no record.
pub const MAX_RECORD_BYTES: usize = 32 * 1024;

/// Different actions of one request under which it is found: more than any request of a person's own making.
const MAX_ACTIONS: usize = 64;

static SCHEMA: LazyLock<Option<Validator>> =
    LazyLock::new(|| jsonschema::validator_for(&serde_json::from_str(RECORD_SCHEMA).ok()?).ok());

/// What is searched by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The action id; none where the plugin never saw the request.
    pub id: Option<String>,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// The service.
    pub service: Option<String>,
    /// On whose behalf.
    pub subject: Option<String>,
    /// The agent.
    pub actor: Option<String>,
    /// The task.
    pub task: Option<String>,
    /// The different actions, in the order of the calls.
    pub actions: Vec<String>,
    /// How many calls of each action there were; of a request that was not understood as any, one of ``;
    /// of losses none.
    pub calls: BTreeMap<String, i64>,
    /// Whether people had approved it.
    pub approved: bool,
    /// Whether it reached an upstream.
    pub executed: bool,
    /// `allow`, `deny`, `hold`, `observe`, or the stage of a request of which nothing was decided.
    pub decision: String,
    /// Why not.
    pub reason: Option<String>,
    /// What the client was answered with.
    pub status: i64,
    /// Whether it is an attempt that has yet to go on, without an outcome.
    pub is_attempt: bool,
}

/// Why a record is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// It is longer than records are.
    #[error("it is longer than {MAX_RECORD_BYTES} bytes")]
    Length,
    /// It is not as the schema says.
    #[error("{0}")]
    Schema(String),
}

/// Checks a record, and reads what it is searched by.
///
/// # Errors
/// Any [`RecordFault`].
pub fn facts(record: &str) -> Result<Facts, RecordFault> {
    if record.len() > MAX_RECORD_BYTES {
        return Err(RecordFault::Length);
    }
    let fault = |what: &str| RecordFault::Schema(what.to_owned());
    let value: Value =
        serde_json::from_str(record).map_err(|error| RecordFault::Schema(error.to_string()))?;
    let schema = SCHEMA.as_ref().ok_or_else(|| fault("the schema cannot be read"))?;
    schema.validate(&value).map_err(|error| {
        // Where it is wrong, never what stands there.
        RecordFault::Schema(format!("at `{}` it is not as the schema says", error.instance_path()))
    })?;
    // PostgreSQL stores no NUL.
    if record.contains("\\u0000") {
        return Err(fault("it holds a NUL"));
    }
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let time = text("/time").unwrap_or_default();
    let at = DateTime::parse_from_rfc3339(&time).map_err(|_| fault("`time` is no time"))?.timestamp_millis();
    let mut actions: Vec<String> = Vec::new();
    let mut calls_of = BTreeMap::new();
    let calls = value.pointer("/attempted/calls").and_then(Value::as_array);
    for action in calls.into_iter().flatten().filter_map(|call| call.get("action")?.as_str()) {
        if actions.len() < MAX_ACTIONS && !actions.iter().any(|known| known == action) {
            actions.push(action.to_owned());
        }
        if calls_of.len() < MAX_ACTIONS || calls_of.contains_key(action) {
            let count: &mut i64 = calls_of.entry(action.to_owned()).or_default();
            *count = count.saturating_add(1);
        }
    }
    // A loss is nothing that somebody attempted.
    if calls_of.is_empty() && text("/stage").as_deref() != Some("lost") {
        calls_of.insert(String::new(), 1);
    }
    Ok(Facts {
        id: text("/id"),
        at,
        service: text("/service"),
        subject: text("/attempted/subject"),
        actor: text("/attempted/actor"),
        task: text("/attempted/task"),
        actions,
        calls: calls_of,
        approved: value.pointer("/approved/approvers").is_some(),
        executed: !matches!(text("/executed/upstream").as_deref(), None | Some("" | "-")),
        decision: text("/decided/decision").or_else(|| text("/stage")).unwrap_or_default(),
        reason: text("/decided/reason"),
        status: value.pointer("/executed/status").and_then(Value::as_i64).unwrap_or_default(),
        is_attempt: value.get("stage").and_then(Value::as_str) == Some("attempted"),
    })
}

#[cfg(test)]
mod tests;
