//! What the git adapter makes, against what a git pack's schema declares.

use actgate_call::git::{
    Catalog,
    vocabulary::{ACTIONS, ActionForm, TYPES, TypeForm, ValueForm},
};
use serde_json::Value;

use super::{
    check_groups, effect_fits, effect_message, is_of_type, list, principal_message, unasked_principals,
};
use crate::{
    bundle::PolicyBundle,
    fault::Fault,
    schema::{ActionRule, BundleSchema},
};

/// Everything in which a git pack's catalog or schema differs from what the adapter makes.
pub(crate) fn check_git_catalog(
    catalog_file: &str,
    schema_file: &str,
    catalog: &Catalog,
    bundle: &PolicyBundle,
) -> Vec<Fault> {
    let schema = &bundle.schema;
    let mut faults = Vec::new();
    for (action, groups) in catalog.groups() {
        check_groups(catalog_file, action, groups, schema, &mut faults);
    }
    for form in ACTIONS {
        match schema.actions.get(form.name) {
            None => faults.push(
                Fault::whole(schema_file, format!("the git adapter needs the action `{}`", form.name))
                    .nearest(form.name, schema.actions.keys().map(String::as_str)),
            ),
            Some(rule) => {
                if !catalog.groups().contains_key(form.name) {
                    faults.push(
                        Fault::at_pointer(
                            catalog_file,
                            "/groups",
                            format!("the catalog's `groups` leave out action `{}`", form.name),
                        )
                        .help(format!("the schema puts it in [{}]", list(&rule.parents))),
                    );
                }
                faults.extend(
                    action(form, rule, schema).into_iter().map(|message| Fault::whole(&rule.file, message)),
                );
            }
        }
    }
    for form in TYPES {
        faults
            .extend(entity_type(form, schema).into_iter().map(|message| Fault::whole(schema_file, message)));
    }
    faults
}

fn action(form: &ActionForm, rule: &ActionRule, schema: &BundleSchema) -> Vec<String> {
    let name = form.name;
    let mut wrong = Vec::new();
    if !effect_fits(form.effect, rule) {
        wrong.push(effect_message(name, form.effect, rule));
    }
    wrong.extend(unasked_principals(rule).map(|principal| principal_message(name, principal)));
    if !rule.resources.contains(form.resource) {
        wrong.push(format!("the schema does not apply action `{name}` to resource type `{}`", form.resource));
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
                "the schema requires context `{field}` for action `{name}`, and the git adapter has none"
            ));
        }
    }
    wrong
}

/// INVARIANT: an entity of a request has a parent of every type that the schema lets it be in. The adapter's parents
/// are what they are, so the schema names exactly those.
fn entity_type(form: &TypeForm, schema: &BundleSchema) -> Vec<String> {
    let name = form.name;
    let Some(rule) = schema.types.get(name) else {
        return vec![format!("the git adapter needs the entity type `{name}`")];
    };
    let mut wrong = Vec::new();
    let given = form.parents.iter().map(|parent| (*parent).to_owned()).collect();
    if rule.parents != given {
        wrong.push(format!(
            "the git adapter puts `{name}` in [{}], and the schema in [{}]",
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

#[cfg(test)]
mod tests;
