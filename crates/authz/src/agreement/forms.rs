//! What an adapter makes by itself, against what a pack's schema declares.

use actgate_call::form::{ActionForm, TypeForm, ValueForm};
use serde_json::Value;

use super::{effect_fits, effect_message, is_of_type, list, principal_message, unasked_principals};
use crate::{
    bundle::PolicyBundle,
    fault::Fault,
    schema::{ActionRule, BundleSchema},
};

/// What an adapter makes of every request.
pub(super) struct Forms<'a> {
    /// The adapter's name.
    pub(super) adapter: &'a str,
    pub(super) actions: &'a [&'a ActionForm],
    pub(super) types: &'a [&'a TypeForm],
}

// === impl Forms ===

impl Forms<'_> {
    /// Everything in which a pack's groups or schema differ from them.
    pub(super) fn check(
        &self,
        catalog_file: &str,
        schema_file: &str,
        in_groups: impl Fn(&str) -> bool,
        bundle: &PolicyBundle,
    ) -> Vec<Fault> {
        let Self { adapter, actions, types } = self;
        let schema = &bundle.schema;
        let mut faults = Vec::new();
        for form in *actions {
            let Some(rule) = schema.actions.get(form.name) else {
                faults.push(
                    Fault::whole(
                        schema_file,
                        format!("the {adapter} adapter needs the action `{}`", form.name),
                    )
                    .nearest(form.name, schema.actions.keys().map(String::as_str)),
                );
                continue;
            };
            if !in_groups(form.name) {
                faults.push(left_out(catalog_file, form.name, rule));
            }
            let wrong = action(adapter, form, rule, schema);
            faults.extend(wrong.into_iter().map(|message| Fault::whole(&rule.file, message)));
        }
        for form in *types {
            let wrong = entity_type(adapter, form, schema);
            faults.extend(wrong.into_iter().map(|message| Fault::whole(schema_file, message)));
        }
        faults
    }
}

/// An action that a catalog makes and does not put in a group.
pub(super) fn left_out(catalog_file: &str, action: &str, rule: &ActionRule) -> Fault {
    let message = format!("the catalog's `groups` leave out action `{action}`");
    Fault::at_pointer(catalog_file, "/groups", message)
        .help(format!("the schema puts it in [{}]", list(&rule.parents)))
}

fn action(adapter: &str, form: &ActionForm, rule: &ActionRule, schema: &BundleSchema) -> Vec<String> {
    let name = form.name;
    let mut wrong = Vec::new();
    if !effect_fits(form.effect, rule) {
        wrong.push(effect_message(name, form.effect, rule));
    }
    wrong.extend(unasked_principals(rule).map(|principal| principal_message(name, principal)));
    for resource in form.resources.iter().filter(|resource| !rule.resources.contains(**resource)) {
        wrong.push(format!("the schema does not apply action `{name}` to resource type `{resource}`"));
    }
    for (field, value) in form.context {
        match rule.context.get(*field) {
            None => wrong.push(format!(
                "the schema declares no context `{field}: {}` for action `{name}`",
                text(*value)
            )),
            Some((declared, _)) if !fits(declared, *value, schema) => {
                wrong.push(format!("context `{field}` of action `{name}` is not `{}`", text(*value)));
            }
            Some(_) => {}
        }
    }
    for (field, (_, required)) in &rule.context {
        if *required && form.context.iter().all(|(known, _)| known != field) {
            wrong.push(format!(
                "the schema requires context `{field}` for action `{name}`, and the {adapter} adapter has none"
            ));
        }
    }
    wrong
}

/// INVARIANT: an entity of a request has a parent of every type that the schema lets it be in. The adapter's parents
/// are what they are, so the schema names exactly those.
fn entity_type(adapter: &str, form: &TypeForm, schema: &BundleSchema) -> Vec<String> {
    let name = form.name;
    let Some(rule) = schema.types.get(name) else {
        return vec![format!("the {adapter} adapter needs the entity type `{name}`")];
    };
    let mut wrong = Vec::new();
    let given = form.parents.iter().map(|parent| (*parent).to_owned()).collect();
    if rule.parents != given {
        wrong.push(format!(
            "the {adapter} adapter puts `{name}` in [{}], and the schema in [{}]",
            list(&given),
            list(&rule.parents)
        ));
    }
    for (attribute, value) in form.attributes {
        if !rule.attributes.get(*attribute).is_some_and(|declared| fits(declared, *value, schema)) {
            wrong.push(format!("`{name}` needs the attribute `{attribute}: {}`", text(*value)));
        }
    }
    wrong
}

fn text(value: ValueForm) -> String {
    match value {
        ValueForm::Text => "String".to_owned(),
        ValueForm::Texts => "Set<String>".to_owned(),
        ValueForm::Entity(type_name) => type_name.to_owned(),
    }
}

fn fits(declared: &Value, wanted: ValueForm, schema: &BundleSchema) -> bool {
    match wanted {
        ValueForm::Text => is_of_type(declared, "String"),
        ValueForm::Texts => {
            declared.get("type").and_then(Value::as_str) == Some("Set")
                && declared.get("element").is_some_and(|element| is_of_type(element, "String"))
        }
        ValueForm::Entity(type_name) => {
            let named = declared.get("name").and_then(Value::as_str);
            // Inside its own namespace a type may be written without it.
            let (namespace, base) = type_name.rsplit_once("::").unwrap_or(("", type_name));
            let is_own = named == Some(base) && schema.types.contains_key(&format!("{namespace}::{base}"));
            matches!(declared.get("type").and_then(Value::as_str), Some("EntityOrCommon" | "Entity"))
                && (named == Some(type_name) || is_own)
        }
    }
}
