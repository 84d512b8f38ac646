//! The messages of MCP that ask for the calls of a record.
//!
//! What is put is a message of the versions with sessions, in which a client says nothing besides the message itself.

use actgate_authz::mcp::{ArgumentType, Catalog, CatalogRule, Section};
use serde_json::{Map, Value, json};

use super::{
    attempt::{Attempt, RecordedCall},
    rebuild::Rebuilt,
};

/// What a call is about: its type, and its name in the server.
struct Resource<'c> {
    kind: &'c str,
    name: String,
}

/// Requests one of which may be the record's: a message, a message with a list whose items are calls of their own, or
/// several messages.
///
/// # Errors
/// In a few words why there is none.
pub(super) fn requests(attempt: &Attempt, catalog: &Catalog) -> Result<Vec<Rebuilt>, String> {
    if attempt.method != "POST" {
        let accepts = ("accept".to_owned(), "text/event-stream".to_owned());
        return Ok(vec![Rebuilt { headers: vec![accepts], ..Rebuilt::default() }]);
    }
    let mut bodies: Vec<Value> = Vec::new();
    if attempt.calls.len() > 1 {
        bodies.extend(one_for_each(&attempt.calls, catalog));
    }
    let of_each: Vec<Vec<Value>> =
        attempt.calls.iter().map(|call| messages(call, catalog)).collect::<Result<_, _>>()?;
    match of_each.as_slice() {
        [one] => bodies.extend(one.iter().cloned()),
        several => bodies.push(several.iter().filter_map(|messages| messages.first().cloned()).collect()),
    }
    Ok(bodies.iter().map(request).collect())
}

fn request(body: &Value) -> Rebuilt {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Rebuilt {
        headers: vec![
            field("content-type", "application/json"),
            field("accept", "application/json, text/event-stream"),
        ],
        body: Some(body.to_string().into_bytes()),
        ..Rebuilt::default()
    }
}

/// The messages that may be a call: of a tool or prompt one for each rule of its action, since the record does not say
/// by which it was read.
fn messages(call: &RecordedCall, catalog: &Catalog) -> Result<Vec<Value>, String> {
    let resource = Resource::of(call)?;
    let told = |name: &str| call.arguments.get(name).and_then(Value::as_str);
    let section = match resource.kind {
        "Mcp::Tool" => Section::Tools,
        "Mcp::Prompt" if call.action != "mcp.complete" => Section::Prompts,
        "Mcp::Prompt" => {
            return Ok(vec![completion(&json!({ "type": "ref/prompt", "name": resource.name }))]);
        }
        "Mcp::Resource" if call.action == "mcp.complete" => {
            return Ok(vec![completion(&json!({ "type": "ref/resource", "uri": resource.name }))]);
        }
        "Mcp::Resource" => {
            let method = told("method").unwrap_or("resources/read");
            return Ok(vec![message(method, &json!({ "uri": resource.name }))]);
        }
        _ => {
            return Ok(vec![match told("method") {
                None => json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
                Some("initialize") => message("initialize", &hello()),
                Some(method) => match told("task_id") {
                    Some(task) => message(method, &json!({ "taskId": task })),
                    None => message(method, &json!({})),
                },
            }]);
        }
    };
    let given = call.arguments.get("args").and_then(Value::as_object).cloned().unwrap_or_default();
    let method = if section == Section::Tools { "tools/call" } else { "prompts/get" };
    let rules = rules(catalog, section, &call.action);
    let arguments = rules.map(|rule| arguments(rule, std::slice::from_ref(&given)));
    let named = |arguments: Map<String, Value>| {
        message(method, &json!({ "name": resource.name, "arguments": arguments }))
    };
    let mut candidates: Vec<Value> = arguments.map(named).collect();
    candidates.dedup();
    Ok(candidates)
}

/// One message for calls that differ in an argument whose items are calls of their own.
fn one_for_each(calls: &[RecordedCall], catalog: &Catalog) -> Vec<Value> {
    let Some(first) = calls.first() else { return Vec::new() };
    let Ok(resource) = Resource::of(first) else { return Vec::new() };
    if calls.iter().any(|call| call.action != first.action || call.resource != first.resource) {
        return Vec::new();
    }
    let given: Vec<Map<String, Value>> = calls
        .iter()
        .map(|call| call.arguments.get("args").and_then(Value::as_object).cloned().unwrap_or_default())
        .collect();
    rules(catalog, Section::Tools, &first.action)
        .filter(|rule| rule.arguments.iter().any(|argument| argument.kind == ArgumentType::Each))
        .map(|rule| {
            message("tools/call", &json!({ "name": resource.name, "arguments": arguments(rule, &given) }))
        })
        .collect()
}

fn rules<'c>(
    catalog: &'c Catalog,
    section: Section,
    action: &'c str,
) -> impl Iterator<Item = &'c CatalogRule> {
    let of_action = move |(own, rule): &(Section, &CatalogRule)| *own == section && *rule.action == *action;
    catalog.rules().filter(of_action).map(|(_, rule)| rule)
}

/// The arguments by the names that the tool has for them.
fn arguments(rule: &CatalogRule, given: &[Map<String, Value>]) -> Map<String, Value> {
    let mut arguments = Map::new();
    for argument in &rule.arguments {
        let values: Vec<Value> =
            given.iter().filter_map(|given| given.get(&argument.field).cloned()).collect();
        let value = match argument.kind {
            ArgumentType::Each => Some(Value::Array(values)).filter(|list| *list != json!([])),
            ArgumentType::Text
            | ArgumentType::Long
            | ArgumentType::Bool
            | ArgumentType::Texts
            | ArgumentType::Any => values.into_iter().next(),
        };
        arguments.extend(value.map(|value| (argument.name.clone(), value)));
    }
    arguments
}

fn message(method: &str, params: &Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.starts_with("notifications/") {
        super::place(&mut message, "/id", json!(1));
    }
    message
}

fn completion(reference: &Value) -> Value {
    message("completion/complete", &json!({ "ref": reference, "argument": { "name": "-", "value": "" } }))
}

fn hello() -> Value {
    json!({ "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "replay", "version": "1" } })
}

// === impl Resource ===

impl<'c> Resource<'c> {
    /// Of `Mcp::Tool::"mcp/read_file"`; a server has no name in itself.
    fn of(call: &'c RecordedCall) -> Result<Self, String> {
        let unknown = || format!("the record's resource `{}` is none of MCP", call.resource);
        let (kind, quoted) = call.resource.split_once("::\"").ok_or_else(unknown)?;
        let id: String = serde_json::from_str(&format!("\"{quoted}")).map_err(|_| unknown())?;
        let name = id.split_once('/').map_or("", |(_, name)| name).to_owned();
        Ok(Self { kind, name })
    }
}
