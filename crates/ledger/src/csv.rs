//! A line for each call, as spreadsheets read it (RFC 4180).

use serde_json::Value;

const COLUMNS: [(&str, &str); 13] = [
    ("id", "/id"),
    ("time", "/time"),
    ("service", "/service"),
    ("subject", "/attempted/subject"),
    ("actor", "/attempted/actor"),
    ("task", "/attempted/task"),
    ("decision", "/decided/decision"),
    ("reason", "/decided/reason"),
    ("stage", "/stage"),
    ("status", "/executed/status"),
    ("upstream", "/executed/upstream"),
    ("duration_ms", "/executed/duration_ms"),
    ("trace", "/trace"),
];

/// The names of the columns.
pub(crate) fn head() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).chain(["action", "resource"]).collect();
    format!("{}\r\n", names.join(","))
}

/// The lines of a record. A loss is of no call, and has none.
pub(crate) fn lines(record: &Value) -> String {
    if record.get("lost").is_some() {
        return String::new();
    }
    let first: Vec<String> = COLUMNS.iter().map(|(_, pointer)| cell(record.pointer(pointer))).collect();
    let calls = record.pointer("/attempted/calls").and_then(Value::as_array);
    let calls = calls.filter(|calls| !calls.is_empty()).map_or(&[Value::Null][..], Vec::as_slice);
    let line = |call: &Value| {
        format!("{},{},{}\r\n", first.join(","), cell(call.get("action")), cell(call.get("resource")))
    };
    calls.iter().map(line).collect()
}

/// A cell. A text that a spreadsheet would take for a formula begins with an apostrophe.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if is_formula && text.parse::<f64>().is_err() && text != "-" { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) || !mark.is_empty() {
        return format!("\"{mark}{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_text_and_nothing_else() {
        for (value, expected) in [
            (json!("plain"), "plain"),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"no\""), "\"say \"\"no\"\"\""),
            (json!("=1+1"), "\"'=1+1\""),
            (json!("@SUM(A1)"), "\"'@SUM(A1)\""),
            (json!(-5), "-5"),
            (json!(null), ""),
            (json!(200), "200"),
        ] {
            assert_eq!(cell(Some(&value)), expected);
        }
    }
}
