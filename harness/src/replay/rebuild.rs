//! A request that asks for the calls of a record.

use actgate_authz::catalog::{Catalog, RouteRule, Source};
use serde_json::{Map, Value};

use super::attempt::Attempt;
use super::place;
use crate::case::{PUSH_TYPE, RefChange, push_body};

/// What a request has besides its method and path.
#[derive(Debug, Clone, Default)]
pub(super) struct Rebuilt {
    pub(super) query: Vec<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
}

/// A request for each route of a catalog that may be the record's. Which one it is says the gate, by what it makes of it.
pub(super) fn rest(attempt: &Attempt, catalog: &Catalog) -> Result<Vec<Rebuilt>, String> {
    let Some(first) = attempt.calls.first() else { return Ok(Vec::new()) };
    let fits = |rule: &&RouteRule| rule.method == attempt.method && *rule.action == *first.action;
    catalog.routes().filter(fits).map(|rule| by_rule(rule, &first.arguments)).collect()
}

fn by_rule(rule: &RouteRule, arguments: &Map<String, Value>) -> Result<Rebuilt, String> {
    let mut rebuilt = Rebuilt::default();
    let mut document = Value::Object(Map::new());
    if let Some(header) = &rule.header {
        rebuilt.headers.push((header.name.clone(), header.value.clone()));
    }
    for field in &rule.context {
        let Some(value) = arguments.get(&field.name) else { continue };
        match &field.source {
            Source::Path(_) => {}
            Source::Query(name) => {
                rebuilt.query.push(format!("{}={}", escaped(name), escaped(&plain(value))))
            }
            Source::Header(name) => rebuilt.headers.push((name.clone(), plain(value))),
            Source::Json(pointer) => place(&mut document, &pointer.to_string(), value.clone()),
        }
    }
    let asked = |name: &String| {
        rule.context.iter().any(|field| {
            matches!(&field.source, Source::Query(own) if own == name) && arguments.contains_key(&field.name)
        })
    };
    rebuilt.query.extend(rule.present.iter().filter(|name| !asked(name)).map(|name| escaped(name)));
    if rule.body.json {
        rebuilt.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        rebuilt.body = Some(document.to_string().into_bytes());
    }
    Ok(rebuilt)
}

/// What git would send.
pub(super) fn git(attempt: &Attempt) -> Result<Rebuilt, String> {
    let action = attempt.calls.first().map_or("", |call| call.action.as_str());
    if attempt.method == "GET" {
        let service = if action == "git.fetch" { "git-upload-pack" } else { "git-receive-pack" };
        return Ok(Rebuilt { query: vec![format!("service={service}")], ..Rebuilt::default() });
    }
    if attempt.path.ends_with("/git-upload-pack") {
        let media = "application/x-git-upload-pack-request".to_owned();
        return Ok(Rebuilt {
            headers: vec![("content-type".to_owned(), media)],
            body: Some(b"0000".to_vec()),
            ..Rebuilt::default()
        });
    }
    let mut changes = Vec::new();
    let mut options = Vec::new();
    for call in attempt.calls.iter().filter(|call| call.action != "git.push.probe") {
        let text = |name: &str| {
            let value = call.arguments.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("the record does not show its argument `{name}`"))
        };
        changes.push(RefChange { name: text("ref")?, old: text("old")?, new: text("new")? });
        let listed = call.arguments.get("push_options").and_then(Value::as_array);
        options =
            listed.into_iter().flatten().filter_map(|option| Some(option.as_str()?.to_owned())).collect();
    }
    Ok(Rebuilt {
        headers: vec![("content-type".to_owned(), PUSH_TYPE.to_owned())],
        body: Some(push_body(&changes, &options)),
        ..Rebuilt::default()
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Canonical escapes (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                shown.push(char::from(byte))
            }
            _ => shown.push_str(&format!("%{byte:02X}")),
        }
    }
    shown
}
