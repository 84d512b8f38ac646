//! Whether one JSON value has everything that another one asks for.

use serde_json::Value;

/// A part that is not as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) pointer: String,
    pub(super) expected: String,
    pub(super) came: String,
}

/// Every part of `asked` that `there` does not have. Of an object the members that are asked for count, a list has to
/// be as long as asked for, and `null` asks for nothing to be there.
pub(super) fn missing(asked: &Value, there: &Value) -> Vec<Gap> {
    let mut gaps = Vec::new();
    search(asked, Some(there), String::new(), &mut gaps);
    gaps
}

fn search(asked: &Value, there: Option<&Value>, pointer: String, gaps: &mut Vec<Gap>) {
    let there = there.unwrap_or(&Value::Null);
    match (asked, there) {
        (Value::Object(asked), Value::Object(there)) => {
            for (name, part) in asked {
                search(part, there.get(name), format!("{pointer}/{}", escape(name)), gaps);
            }
        }
        (Value::Array(asked), Value::Array(there)) if asked.len() == there.len() => {
            for (index, (part, own)) in asked.iter().zip(there).enumerate() {
                search(part, Some(own), format!("{pointer}/{index}"), gaps);
            }
        }
        (asked, there) if asked == there => {}
        (asked, there) => {
            gaps.push(Gap { pointer, expected: asked.to_string(), came: there.to_string() });
        }
    }
}

/// One reference token of a pointer (RFC 6901 section 3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
