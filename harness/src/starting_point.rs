//! A pack for an MCP server, written from what the server lists, for somebody to review. What the server says of itself
//! decides nothing: effects are left open, so that `actgate check` refuses the catalog until a person has stated them.

use std::fmt::Write as _;

use actgate_authz::definition_digest;
use serde_json::{Map, Value};

/// What a server lists, each thing as it lists it.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// `tools/list`
    pub tools: Vec<Value>,
    /// `prompts/list`
    pub prompts: Vec<Value>,
    /// `resources/list`
    pub resources: Vec<Value>,
    /// `resources/templates/list`
    pub templates: Vec<Value>,
}

/// The files of the pack, but for policies and entities, which are nobody's but the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartingPoint {
    /// `catalog.yaml`
    pub catalog: String,
    /// `schema.cedarschema`
    pub schema: String,
}

/// The schema of what the adapter makes by itself (docs/architecture.md).
const OWN_SCHEMA: &str = r#"// Of the entities, and of the actions that say so, the adapter makes what is declared here for every server.
namespace Mcp {
  entity Server;
  entity Tool in [Server] = { name: String };
  entity Prompt in [Server] = { name: String };
  entity Resource in [Server] = { uri: String };
}

// --- the adapter's own ---

action "mcp.connect" in [Action::"read"] appliesTo {
  principal: [User, Agent], resource: [Mcp::Server], context: { method: String },
};
action "mcp.list" in [Action::"read"] appliesTo {
  principal: [User, Agent], resource: [Mcp::Server], context: { method: String },
};
action "mcp.answer" in [Action::"write"] appliesTo {
  principal: [User, Agent], resource: [Mcp::Server],
};
action "mcp.complete" in [Action::"read"] appliesTo {
  principal: [User, Agent], resource: [Mcp::Prompt, Mcp::Resource],
};
action "mcp.task.get" in [Action::"read"] appliesTo {
  principal: [User, Agent], resource: [Mcp::Server], context: { method: String, task_id: String },
};
action "mcp.task.update" in [Action::"write"] appliesTo {
  principal: [User, Agent], resource: [Mcp::Server], context: { method: String, task_id: String },
};

// --- the catalog's ---
// TODO: the group of each is its effect, `read`, `write` or `destroy`, as in the catalog.
"#;

/// The groups of the adapter's own actions.
const OWN_GROUPS: &str = "\
groups:
  mcp.connect: [read]
  mcp.list: [read]
  mcp.complete: [read]
  mcp.task.get: [read]
  mcp.answer: [write]
  mcp.task.update: [write]
";

/// An argument as the catalog and the schema have it.
struct Argument {
    name: String,
    kind: &'static str,
    cedar: Option<&'static str>,
    optional: bool,
    header: Option<String>,
    /// What only a person can say of it.
    note: &'static str,
}

/// One entry of the catalog, and its action.
struct Entry {
    key: &'static str,
    name: String,
    action: String,
    digest: Option<String>,
    output_schema: bool,
    arguments: Vec<Argument>,
    context: String,
    resource: &'static str,
    description: String,
}

// === impl StartingPoint ===

impl StartingPoint {
    /// Writes a pack for the service `service`. The second value says what of the listing was left out, and why.
    pub fn of(service: &str, listing: &Listing) -> (Self, Vec<String>) {
        let mut left_out = Vec::new();
        let tools = entries(service, Kind::Tool, &listing.tools, &mut left_out);
        let prompts = entries(service, Kind::Prompt, &listing.prompts, &mut left_out);
        let mut resources = entries(service, Kind::Resource, &listing.resources, &mut left_out);
        resources.extend(entries(service, Kind::Template, &listing.templates, &mut left_out));
        // Templates with the same beginning are one rule.
        let mut seen: Vec<String> = Vec::new();
        resources.retain(|entry| {
            let is_new = !seen.contains(&entry.name);
            seen.push(entry.name.clone());
            is_new
        });
        let mut catalog = format!(
            "# Written from what the server lists. Review every line: a description is the server's own word.\n\
             # Where it says TODO, say what you know of the tool: effect read or write.\nservice: {service}\n\
             # A definition that is not the reviewed one is reported; `hide` shows it to nobody until you review it.\n\
             drift: report\n"
        );
        let mut schema = OWN_SCHEMA.to_owned();
        let mut groups = OWN_GROUPS.to_owned();
        let mut actions: Vec<&str> = Vec::new();
        for (section, entries) in [("tools", &tools), ("prompts", &prompts), ("resources", &resources)] {
            if entries.is_empty() {
                continue;
            }
            put(&mut catalog, format_args!("\n{section}:\n"));
            for entry in entries {
                entry.write(&mut catalog);
                if actions.contains(&entry.action.as_str()) {
                    continue;
                }
                actions.push(&entry.action);
                put(&mut groups, format_args!("  {}: [TODO]\n", entry.action));
                put(
                    &mut schema,
                    format_args!(
                        "action {} in [Action::\"TODO\"] appliesTo {{\n  principal: [User, Agent], resource: [{}], context: {{ {} }},\n}};\n",
                        quoted(&entry.action),
                        entry.resource,
                        entry.context
                    ),
                );
            }
        }
        put(&mut catalog, format_args!("\n{groups}"));
        (Self { catalog, schema }, left_out)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Tool,
    Prompt,
    Resource,
    Template,
}

fn entries(service: &str, kind: Kind, listed: &[Value], left_out: &mut Vec<String>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for definition in listed {
        match Entry::of(service, kind, definition, &entries) {
            Ok(entry) => entries.push(entry),
            Err(why) => left_out.push(why),
        }
    }
    entries
}

// === impl Entry ===

impl Entry {
    fn of(service: &str, kind: Kind, definition: &Value, before: &[Self]) -> Result<Self, String> {
        let text = |name: &str| definition.get(name).and_then(Value::as_str);
        let key = match kind {
            Kind::Tool | Kind::Prompt => "name",
            Kind::Resource => "uri",
            Kind::Template => "uriTemplate",
        };
        let name = text(key).ok_or_else(|| format!("something without `{key}`"))?;
        let shown: String = name.chars().take(80).filter(|c| !c.is_control()).collect();
        let name = match kind {
            Kind::Template => format!("{}*", name.split('{').next().unwrap_or_default()),
            Kind::Tool | Kind::Prompt | Kind::Resource => name.to_owned(),
        };
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(format!("`{shown}`: no catalog can name it"));
        }
        if !matches!(kind, Kind::Template) && name.contains('*') {
            return Err(format!("`{shown}`: a name with `*` would stand for others too"));
        }
        if before.iter().any(|entry| entry.name == name) && !matches!(kind, Kind::Template) {
            return Err(format!("`{shown}`: it is listed twice"));
        }
        let (action, resource) = match kind {
            Kind::Tool => (format!("{service}.{}", word(&name)), "Mcp::Tool"),
            Kind::Prompt => (format!("{service}.prompt.{}", word(&name)), "Mcp::Prompt"),
            Kind::Resource | Kind::Template => (format!("{service}.resource.read"), "Mcp::Resource"),
        };
        // Two tools whose names are written alike as actions still are two.
        let twin = before.iter().filter(|entry| entry.action == action).count();
        let action = match kind {
            Kind::Tool | Kind::Prompt if twin > 0 => format!("{action}.{}", before.len()),
            Kind::Tool | Kind::Prompt | Kind::Resource | Kind::Template => action,
        };
        let arguments = match kind {
            Kind::Tool => tool_arguments(definition),
            Kind::Prompt => prompt_arguments(definition),
            Kind::Resource | Kind::Template => Vec::new(),
        };
        let context = match kind {
            Kind::Tool | Kind::Prompt => format!("args: {{ {} }}", fields(&arguments)),
            Kind::Resource | Kind::Template => "method: String".to_owned(),
        };
        let digest = match kind {
            Kind::Tool | Kind::Prompt => definition_digest(&definition.to_string()),
            Kind::Resource | Kind::Template => None,
        };
        Ok(Self {
            key: if matches!(kind, Kind::Tool | Kind::Prompt) { "name" } else { "uri" },
            name,
            action,
            digest,
            output_schema: definition.get("outputSchema").is_some(),
            arguments,
            context,
            resource,
            description: text("description").unwrap_or_default().to_owned(),
        })
    }

    fn write(&self, into: &mut String) {
        let line: String =
            self.description.chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect();
        if !line.trim().is_empty() {
            put(into, format_args!("  # The server: {}\n", line.trim()));
        }
        put(
            into,
            format_args!(
                "  - {}: {}\n    action: {}\n    effect: TODO\n",
                self.key,
                quoted(&self.name),
                self.action
            ),
        );
        if let Some(digest) = &self.digest {
            put(into, format_args!("    digest: {digest}\n"));
        }
        if self.output_schema {
            into.push_str("    output_schema: true\n");
        }
        if self.arguments.is_empty() {
            return;
        }
        into.push_str("    arguments:\n");
        for argument in &self.arguments {
            let optional = if argument.optional { ", optional: true" } else { "" };
            let header = argument.header.as_ref().map(|header| format!(", header: {}", quoted(header)));
            put(
                into,
                format_args!(
                    "      {}: {{ type: {}{optional}{} }}{}\n",
                    quoted(&argument.name),
                    argument.kind,
                    header.unwrap_or_default(),
                    argument.note
                ),
            );
        }
    }
}

fn fields(arguments: &[Argument]) -> String {
    let fields = arguments.iter().filter_map(|argument| {
        let optional = if argument.optional { "?" } else { "" };
        Some(format!("{}{optional}: {}", quoted(&argument.name), argument.cedar?))
    });
    fields.collect::<Vec<_>>().join(", ")
}

fn tool_arguments(definition: &Value) -> Vec<Argument> {
    let schema = definition.get("inputSchema");
    let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    let none = Map::new();
    let required: Vec<&str> = schema
        .and_then(|schema| schema.get("required"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    properties
        .unwrap_or(&none)
        .iter()
        .map(|(name, property)| {
            let (kind, cedar) = typed(property);
            let header = property.get("x-mcp-header").and_then(Value::as_str).map(str::to_ascii_lowercase);
            let lower = name.to_ascii_lowercase();
            let is_path =
                kind == "string" && ["path", "file", "folder", "dir"].iter().any(|part| lower.contains(part));
            let note = match kind {
                "any" => " # policies do not see it",
                _ if is_path => " # TODO? path: relative | absolute",
                _ => "",
            };
            Argument {
                name: name.clone(),
                kind,
                cedar,
                optional: !required.contains(&name.as_str()),
                header,
                note,
            }
        })
        .collect()
}

/// MCP has texts only as arguments of prompts.
fn prompt_arguments(definition: &Value) -> Vec<Argument> {
    let listed = definition.get("arguments").and_then(Value::as_array);
    let arguments = listed.into_iter().flatten().filter_map(|argument| {
        Some(Argument {
            name: argument.get("name")?.as_str()?.to_owned(),
            kind: "string",
            cedar: Some("String"),
            optional: argument.get("required") != Some(&Value::Bool(true)),
            header: None,
            note: "",
        })
    });
    arguments.collect()
}

/// The type of an argument for the catalog and for Cedar. What may be several things, or nothing, is any to both.
fn typed(property: &Value) -> (&'static str, Option<&'static str>) {
    let is = |value: &Value, name: &str| value.get("type").and_then(Value::as_str) == Some(name);
    if is(property, "string") {
        ("string", Some("String"))
    } else if is(property, "integer") {
        ("long", Some("Long"))
    } else if is(property, "boolean") {
        ("bool", Some("Bool"))
    } else if is(property, "array") && property.get("items").is_some_and(|items| is(items, "string")) {
        ("strings", Some("Set<String>"))
    } else {
        ("any", None)
    }
}

/// A name as a part of an action's.
fn word(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .take(64)
        .collect()
}

/// A text in quotes, as JSON, YAML and Cedar all read it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn put(into: &mut String, text: std::fmt::Arguments<'_>) {
    // INVARIANT: writing to a `String` does not fail.
    into.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests;
