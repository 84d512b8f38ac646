//! A record as one line for people.

use serde_json::Value;

/// Shown of a path or a resource; what is longer is cut.
const MAX: usize = 200;

pub(super) fn of(record: &str, colour: bool) -> String {
    let record: Value = serde_json::from_str(record).unwrap_or_default();
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let clock = text("/time").get(11..19).unwrap_or_default();
    let verdict = match (text("/decided/decision"), text("/stage")) {
        ("", "rejected_by_proxy") => "reject",
        ("", "") => "?",
        ("", stage) => stage,
        (decision, _) => decision,
    };
    let who = match (name(text("/attempted/subject")), name(text("/attempted/actor"))) {
        ("", "") => "nobody".to_owned(),
        (subject, actor) if subject == actor => subject.to_owned(),
        (subject, actor) => format!("{subject} by {actor}"),
    };
    let calls: Vec<String> = record
        .pointer("/attempted/calls")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|call| format!("{} {}", member(call, "action"), member(call, "resource")))
        .collect();
    let what = match calls.as_slice() {
        [] => format!("{} {}", text("/attempted/method"), text("/attempted/path")),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    let reason = match (text("/decided/reason"), groups(&record)) {
        ("", _) => String::new(),
        (reason, groups) if groups.is_empty() => format!("  {reason}"),
        (reason, groups) => format!("  {reason} ({groups})"),
    };
    let number = |pointer: &str| record.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let (status, milliseconds) = (number("/executed/status"), number("/executed/duration_ms"));
    let outcome = match (text("/executed/upstream"), text("/executed/details")) {
        ("", details) if reason.is_empty() => format!("{status} {details}"),
        ("", _) => status.to_string(),
        (_, "via_upstream") => format!("{status} from the upstream"),
        (_, details) => format!("{status} {details}"),
    };
    let shown = if colour { painted(verdict) } else { format!("{verdict:<7}") };
    let what = plain(&what);
    format!("{clock} {shown} {}: {what}{reason}  {outcome}, {milliseconds} ms", plain(&who))
}

fn member<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An identity without the alias of its issuer.
fn name(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, name)| name)
}

fn groups(record: &Value) -> String {
    let groups = record.pointer("/decided/groups").and_then(Value::as_array);
    let groups: Vec<&str> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
    groups.join(", ")
}

/// What a client sent must not move somebody's cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MAX).collect()
}

fn painted(verdict: &str) -> String {
    let code = match verdict {
        "allow" => "32",
        "deny" => "31",
        "hold" => "33",
        "observe" => "36",
        _ => "2",
    };
    format!("\u{1b}[{code}m{verdict:<7}\u{1b}[0m")
}

#[cfg(test)]
mod tests;
