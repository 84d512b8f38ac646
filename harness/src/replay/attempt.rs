//! A record, as far as it says what was asked.

use serde_json::{Map, Value};

use super::Verdict;

/// Who asked for what, and what was decided.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) id: String,
    pub(super) time: String,
    /// Seconds since 1970.
    pub(super) now: i64,
    pub(super) method: String,
    pub(super) authority: String,
    pub(super) path: String,
    /// Whether it had a query, which no record shows.
    pub(super) had_query: bool,
    pub(super) subject: String,
    pub(super) actor: String,
    /// What the token said besides, by the names of the record.
    pub(super) claims: Vec<(String, Value)>,
    pub(super) calls: Vec<RecordedCall>,
    /// The groups that had approved it.
    pub(super) approved: Vec<String>,
    pub(super) before: Verdict,
}

/// A call as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecordedCall {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) arguments: Map<String, Value>,
}

/// What policies and narrowing read of a token.
const CLAIMS: [&str; 7] = ["task", "purpose", "ticket", "groups", "risk", "scope", "authorization_details"];

/// What stands at the end of a text that was cut.
const CUT: char = '…';

// === impl Attempt ===

impl Attempt {
    /// Reads a record; in a few words why it cannot be replayed otherwise.
    pub(super) fn read(record: &Value) -> Result<Self, String> {
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        match text("/stage") {
            "decided" => {}
            "rejected_by_proxy" => return Err("the proxy rejected it before the gate".to_owned()),
            "aborted" => return Err("the client left before it was decided".to_owned()),
            "lost" => return Err("it tells of records that were lost".to_owned()),
            "attempted" => return Err("nobody knows what became of it".to_owned()),
            other => return Err(format!("its stage is `{other}`")),
        }
        let reason = text("/decided/reason");
        let (subject, actor) = (text("/attempted/subject"), text("/attempted/actor"));
        if subject.is_empty() || actor.is_empty() {
            return Err(format!("refused before it was known who asks ({reason})"));
        }
        let calls = calls(record)?;
        if calls.is_empty() && reason != "route_unknown" {
            return Err(format!("refused before its calls were known ({reason})"));
        }
        if reason == "definition_changed" {
            return Err(format!("refused for what a list had shown, whatever the policies say ({reason})"));
        }
        let path = text("/attempted/path");
        if path.ends_with(CUT) {
            return Err("the record has only the beginning of its path".to_owned());
        }
        let time = text("/time");
        let now = chrono::DateTime::parse_from_rfc3339(time).map_err(|_| "the record has no time")?;
        let claims: Vec<(String, Value)> = CLAIMS
            .iter()
            .filter_map(|name| {
                Some(((*name).to_owned(), record.pointer(&format!("/attempted/{name}"))?.clone()))
            })
            .collect();
        if claims.iter().any(|(_, value)| is_cut(value)) {
            return Err("the record has only the beginning of a claim".to_owned());
        }
        Ok(Self {
            id: text("/id").to_owned(),
            time: time.to_owned(),
            now: now.timestamp(),
            method: text("/attempted/method").to_owned(),
            authority: text("/attempted/authority").to_owned(),
            path: path.to_owned(),
            had_query: record.pointer("/attempted/query") == Some(&Value::Bool(true)),
            subject: subject.to_owned(),
            actor: actor.to_owned(),
            claims,
            calls,
            approved: texts(record.pointer("/approved/groups")),
            before: Verdict::of(record),
        })
    }

    /// What was asked, in words.
    pub(super) fn asked(&self) -> Vec<String> {
        if self.calls.is_empty() {
            return vec![format!("{} {}", self.method, self.path)];
        }
        self.calls.iter().map(|call| format!("{} {}", call.action, call.resource)).collect()
    }

    /// Whether the record of the replay asks for the same calls with the same arguments.
    pub(super) fn is_what_was_asked(&self, replayed: &Value) -> bool {
        // What the catalog has come to call secret is still the same argument.
        let names = |call: &RecordedCall| call.arguments.keys().cloned().collect::<Vec<_>>();
        let same = |one: &RecordedCall, other: &RecordedCall| {
            one.action == other.action && one.resource == other.resource && names(one) == names(other)
        };
        let replayed = read_calls(replayed);
        replayed.len() == self.calls.len()
            && self.calls.iter().zip(&replayed).all(|(one, other)| same(one, other))
    }
}

fn calls(record: &Value) -> Result<Vec<RecordedCall>, String> {
    if record.pointer("/attempted/calls_total").is_some() {
        return Err("the record has only the first of its calls".to_owned());
    }
    let calls = read_calls(record);
    for (name, value) in calls.iter().flat_map(|call| &call.arguments) {
        // The arguments of a tool of MCP are together in one.
        match value.as_object() {
            Some(members) => members.iter().try_for_each(|(name, value)| is_shown(name, value))?,
            None => is_shown(name, value)?,
        }
    }
    Ok(calls)
}

fn is_shown(name: &str, value: &Value) -> Result<(), String> {
    if value == "[redacted]" {
        return Err(format!("the record does not show its argument `{name}`"));
    }
    if is_cut(value) {
        return Err(format!("the record has only the beginning of its argument `{name}`"));
    }
    Ok(())
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn read_calls(record: &Value) -> Vec<RecordedCall> {
    let calls = record.pointer("/attempted/calls").and_then(Value::as_array);
    let read = |call: &Value| {
        let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let arguments = call.get("arguments").and_then(Value::as_object).cloned().unwrap_or_default();
        RecordedCall { action: text("action"), resource: text("resource"), arguments }
    };
    calls.into_iter().flatten().map(read).collect()
}

fn is_cut(value: &Value) -> bool {
    match value {
        Value::String(text) => text.ends_with(CUT),
        Value::Array(items) => items.iter().any(is_cut),
        Value::Object(members) => members.values().any(is_cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
