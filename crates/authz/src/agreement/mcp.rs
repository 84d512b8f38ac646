//! What the MCP adapter and its catalog make, against what an MCP pack's schema declares.

use actgate_call::mcp::{
    ArgumentType, Catalog, CatalogRule, Section,
    vocabulary::{ACTIONS, PROMPT, RESOURCE, TOOL, TYPES, field},
};
use serde_json::Value;

use super::{
    check_groups, effect_fits, effect_message,
    forms::{Forms, left_out},
    is_of_type, principal_message, unasked_principals,
};
use crate::{
    bundle::PolicyBundle,
    fault::Fault,
    schema::{ActionRule, BundleSchema},
};

/// Everything in which an MCP pack's catalog or schema differs from what the adapter makes.
pub(crate) fn check_mcp_catalog(
    catalog_file: &str,
    schema_file: &str,
    catalog: &Catalog,
    bundle: &PolicyBundle,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (action, groups) in catalog.groups() {
        check_groups(catalog_file, action, groups, &bundle.schema, &mut faults);
    }
    let in_groups = |action: &str| catalog.groups().contains_key(action);
    let forms = Forms { adapter: "mcp", actions: &ACTIONS, types: &TYPES };
    faults.extend(forms.check(catalog_file, schema_file, in_groups, bundle));
    for (section, rule) in catalog.rules() {
        match bundle.schema.actions.get(rule.action.as_ref()) {
            None => faults.push(unknown(catalog_file, rule, &bundle.schema)),
            Some(declared) => {
                if !in_groups(&rule.action) {
                    faults.push(left_out(catalog_file, &rule.action, declared));
                }
                let wrong = compare(section, rule, declared);
                let at = |(place, message)| {
                    Fault::at_pointer(catalog_file, format!("{}/{place}", rule.pointer), message)
                };
                faults.extend(wrong.into_iter().map(at));
            }
        }
    }
    faults
}

fn unknown(file: &str, rule: &CatalogRule, schema: &BundleSchema) -> Fault {
    let known = schema.actions.iter().filter(|(_, rule)| !rule.resources.is_empty());
    let message = format!("action `{}` is not in the schema", rule.action);
    Fault::at_pointer(file, format!("{}/action", rule.pointer), message)
        .nearest(&rule.action, known.map(|(id, _)| id.as_str()))
}

/// What is wrong with a rule: where in it, and what.
fn compare(section: Section, rule: &CatalogRule, declared: &ActionRule) -> Vec<(String, String)> {
    let action = rule.action.as_ref();
    let mut wrong = Vec::new();
    let mut add = |place: &str, message: String| wrong.push((place.to_owned(), message));
    if !effect_fits(rule.effect, declared) {
        add("effect", effect_message(action, rule.effect, declared));
    }
    for principal in unasked_principals(declared) {
        add("action", principal_message(action, principal));
    }
    let (resource, context) = match section {
        Section::Tools => (TOOL.name, field::ARGS),
        Section::Prompts => (PROMPT.name, field::ARGS),
        Section::Resources => (RESOURCE.name, field::METHOD),
    };
    if !declared.resources.contains(resource) {
        add("action", format!("the schema does not apply action `{action}` to resource type `{resource}`"));
    }
    for name in declared.context.iter().filter(|(name, (_, required))| *required && *name != context) {
        let name = name.0;
        add(
            "action",
            format!("the schema requires context `{name}` for action `{action}`, and there is none"),
        );
    }
    let Some((kind, _)) = declared.context.get(context) else {
        add("action", format!("the schema declares no context `{context}` for action `{action}`"));
        return wrong;
    };
    match section {
        Section::Resources if !is_of_type(kind, "String") => {
            add("action", format!("context `{context}` of action `{action}` is not `String`"));
        }
        Section::Resources => {}
        Section::Tools | Section::Prompts => wrong.extend(arguments(rule, kind)),
    }
    wrong
}

/// The arguments of a rule against the record that the schema declares.
fn arguments(rule: &CatalogRule, record: &Value) -> Vec<(String, String)> {
    let action = rule.action.as_ref();
    let attributes = record.get("attributes").and_then(Value::as_object);
    let is_record = record.get("type").and_then(Value::as_str) == Some("Record");
    let Some(attributes) = attributes.filter(|_| is_record) else {
        let message =
            format!("context `args` of action `{action}` is not a record that is written out there");
        return vec![("action".to_owned(), message)];
    };
    let mut wrong = Vec::new();
    let is_required = |declared: &Value| declared.get("required") != Some(&Value::Bool(false));
    for argument in &rule.arguments {
        let name = &argument.field;
        let Some(wanted) = cedar_type(argument.kind) else { continue };
        let place = format!("arguments/{}", argument.name.replace('~', "~0").replace('/', "~1"));
        let Some(declared) = attributes.get(name) else {
            wrong.push((
                place,
                format!("the schema declares no `args.{name}: {wanted}` for action `{action}`"),
            ));
            continue;
        };
        if !is_type(declared, argument.kind) {
            wrong.push((place.clone(), format!("`args.{name}` of action `{action}` is not `{wanted}`")));
        }
        if argument.optional && is_required(declared) {
            wrong.push((place, format!("`args.{name}` is optional here, and required in the schema")));
        }
    }
    let given = |name: &str| {
        rule.arguments.iter().any(|argument| argument.field == name && cedar_type(argument.kind).is_some())
    };
    for (name, declared) in attributes {
        if is_required(declared) && !given(name) {
            let message =
                format!("the schema requires `args.{name}` for action `{action}`, and the rule has none");
            wrong.push(("arguments".to_owned(), message));
        }
    }
    wrong
}

/// An argument's type in the policy context, if it is in it.
const fn cedar_type(kind: ArgumentType) -> Option<&'static str> {
    match kind {
        ArgumentType::Text | ArgumentType::Each => Some("String"),
        ArgumentType::Long => Some("Long"),
        ArgumentType::Bool => Some("Bool"),
        ArgumentType::Texts => Some("Set<String>"),
        ArgumentType::Any => None,
    }
}

fn is_type(declared: &Value, kind: ArgumentType) -> bool {
    match kind {
        ArgumentType::Texts => {
            declared.get("type").and_then(Value::as_str) == Some("Set")
                && declared.get("element").is_some_and(|element| is_of_type(element, "String"))
        }
        ArgumentType::Text
        | ArgumentType::Each
        | ArgumentType::Long
        | ArgumentType::Bool
        | ArgumentType::Any => cedar_type(kind).is_none_or(|name| is_of_type(declared, name)),
    }
}

#[cfg(test)]
mod tests;
