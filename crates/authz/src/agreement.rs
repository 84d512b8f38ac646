//! Catalog and schema say the same of every action and resource: else a forbid over a group or a folder could miss.

mod forms;
mod git;
mod mcp;

use std::collections::BTreeSet;

use actgate_call::{
    Effect,
    catalog::{CallRule, Catalog, FieldType, IdTemplate, Lineage, ParentRule, RouteRule},
};
use serde_json::Value;

pub(crate) use self::{git::check_git_catalog, mcp::check_mcp_catalog};
use crate::{
    bundle::PolicyBundle,
    fault::Fault,
    schema::{ActionRule, BundleSchema, RESERVED_CONTEXT},
};

/// The base action groups: what any pack's policies may rely on.
const READ: &str = "read";
const WRITE: [&str; 2] = ["write", "destroy"];

/// Everything in which a catalog and the bundle's schema disagree.
pub(crate) fn check_catalog(file: &str, catalog: &Catalog, bundle: &PolicyBundle) -> Vec<Fault> {
    let schema = &bundle.schema;
    let mut faults = Vec::new();
    for (action, groups) in catalog.groups() {
        check_groups(file, action, groups, schema, &mut faults);
    }
    for call in catalog.routes().flat_map(RouteRule::calls) {
        check_call(file, catalog, &call, schema, &mut faults);
    }
    faults
}

fn check_call(
    file: &str,
    catalog: &Catalog,
    call: &CallRule<'_>,
    schema: &BundleSchema,
    faults: &mut Vec<Fault>,
) {
    let at = |field: &str| format!("{}/{field}", call.pointer);
    let action = call.action.as_ref();
    let Some(rule) = schema.actions.get(action) else {
        let known = schema.actions.iter().filter(|(_, rule)| !rule.resources.is_empty());
        faults.push(
            Fault::at_pointer(file, at("action"), format!("action `{action}` is not in the schema"))
                .nearest(action, known.map(|(id, _)| id.as_str())),
        );
        return;
    };
    if !catalog.groups().contains_key(action) {
        faults.push(
            Fault::at_pointer(
                file,
                at("action"),
                format!("the catalog's `groups` leave out action `{action}`"),
            )
            .help(format!("the schema puts it in [{}]", list(&rule.parents))),
        );
    }
    let effect = Fault::at_pointer(file, at("effect"), effect_message(action, call.effect, rule));
    faults.extend((!effect_fits(call.effect, rule)).then_some(effect));
    let unasked = unasked_principals(rule)
        .map(|principal| Fault::at_pointer(file, at("action"), principal_message(action, principal)));
    faults.extend(unasked);
    check_resource(file, call, rule, schema, faults);
    check_context(file, call, rule, faults);
}

fn check_groups(file: &str, action: &str, groups: &[String], schema: &BundleSchema, faults: &mut Vec<Fault>) {
    let pointer = format!("/groups/{}", action.replace('~', "~0").replace('/', "~1"));
    let Some(rule) = schema.actions.get(action) else {
        faults.push(
            Fault::at_pointer(file, pointer, format!("action `{action}` is not in the schema"))
                .nearest(action, schema.actions.keys().map(String::as_str)),
        );
        return;
    };
    let declared: BTreeSet<String> = groups.iter().cloned().collect();
    for missing in rule.parents.difference(&declared) {
        faults.push(Fault::at_pointer(
            file,
            pointer.clone(),
            format!("the catalog leaves out group `{missing}`, in which the schema puts action `{action}`"),
        ));
    }
    for extra in declared.difference(&rule.parents) {
        faults.push(
            Fault::at_pointer(
                file,
                pointer.clone(),
                format!("the schema does not put action `{action}` in group `{extra}`, as the catalog does"),
            )
            .nearest(extra, rule.parents.iter().map(String::as_str)),
        );
    }
}

/// A rule for all that writes must see every writing action, so effect and group say the same.
fn effect_fits(effect: Effect, rule: &ActionRule) -> bool {
    let reads = rule.ancestors.contains(READ);
    let writes = WRITE.iter().any(|group| rule.ancestors.contains(*group));
    match effect {
        Effect::Read => reads && !writes,
        Effect::Write => writes && !reads,
    }
}

fn effect_message(action: &str, effect: Effect, rule: &ActionRule) -> String {
    let wanted = match effect {
        Effect::Read => "`read` and in neither `write` nor `destroy`",
        Effect::Write => "`write` or `destroy` and not in `read`",
    };
    format!(
        "its effect is `{}`, so the schema must put action `{action}` in {wanted}; it puts it in [{}]",
        effect.code(),
        list(&rule.ancestors)
    )
}

/// Who acts and for whom are both asked about every call (the meet).
fn unasked_principals(rule: &ActionRule) -> impl Iterator<Item = &'static str> {
    ["User", "Agent"].into_iter().filter(|principal| !rule.principals.contains(*principal))
}

fn principal_message(action: &str, principal: &str) -> String {
    format!(
        "the schema does not apply action `{action}` to principal `{principal}`: every call is decided for the \
         subject and for the actor"
    )
}

fn check_resource(
    file: &str,
    call: &CallRule<'_>,
    rule: &ActionRule,
    schema: &BundleSchema,
    faults: &mut Vec<Fault>,
) {
    let resource = call.resource;
    if !rule.resources.contains(resource.type_name.as_ref()) {
        faults.push(
            Fault::at_pointer(
                file,
                format!("{}/type", resource.pointer),
                format!(
                    "the schema does not apply action `{}` to resource type `{}`",
                    call.action, resource.type_name
                ),
            )
            .nearest(&resource.type_name, rule.resources.iter().map(String::as_str)),
        );
        return;
    }
    let one = Described {
        type_name: &resource.type_name,
        parents: &resource.parents,
        pointer: &resource.pointer,
        is_constant: is_constant(&resource.id),
    };
    check_parents(file, &one, schema, faults);
}

/// An entity as a catalog describes it.
struct Described<'a> {
    type_name: &'a str,
    parents: &'a [ParentRule],
    pointer: &'a str,
    is_constant: bool,
}

/// INVARIANT: an entity that a request makes has a parent of every type that the schema lets it be in, so that a forbid
/// over any of them sees it. Only a constant id may have none: its place is a fact that the catalog's author knows.
fn check_parents(file: &str, entity: &Described<'_>, schema: &BundleSchema, faults: &mut Vec<Fault>) {
    let Some(rule) = schema.types.get(entity.type_name) else {
        faults.push(
            Fault::at_pointer(
                file,
                format!("{}/type", entity.pointer),
                format!("entity type `{}` is not in the schema", entity.type_name),
            )
            .nearest(entity.type_name, schema.types.keys().map(String::as_str)),
        );
        return;
    };
    let given: BTreeSet<&str> = entity.parents.iter().map(|parent| parent.type_name.as_ref()).collect();
    for wanted in &rule.parents {
        if !given.contains(wanted.as_str()) && !entity.is_constant {
            faults.push(
                Fault::at_pointer(
                    file,
                    entity.pointer,
                    format!(
                        "`{}` is in `{wanted}` by the schema, and the catalog gives it no such parent: a policy over \
                         `{wanted}` would not see it",
                        entity.type_name
                    ),
                )
                .help("add it to `parents`; `folders_of` makes a whole chain of folders"),
            );
        }
    }
    for parent in entity.parents {
        if !rule.parents.contains(parent.type_name.as_ref()) {
            faults.push(
                Fault::at_pointer(
                    file,
                    format!("{}/type", parent.pointer),
                    format!("the schema does not let `{}` be in `{}`", entity.type_name, parent.type_name),
                )
                .nearest(&parent.type_name, rule.parents.iter().map(String::as_str)),
            );
            continue;
        }
        match &parent.lineage {
            Lineage::Entity { id, parents } => {
                let above = Described {
                    type_name: &parent.type_name,
                    parents,
                    pointer: &parent.pointer,
                    is_constant: is_constant(id),
                };
                check_parents(file, &above, schema, faults);
            }
            Lineage::FoldersOf(_) => check_chain(file, parent, schema, faults),
        }
    }
}

/// A chain of folders is complete if folders are only ever in folders.
fn check_chain(file: &str, chain: &ParentRule, schema: &BundleSchema, faults: &mut Vec<Fault>) {
    let Some(rule) = schema.types.get(chain.type_name.as_ref()) else { return };
    if rule.parents.iter().any(|parent| parent != chain.type_name.as_ref()) || rule.parents.is_empty() {
        faults.push(Fault::at_pointer(
            file,
            &chain.pointer,
            format!(
                "`folders_of` makes `{0}` in `{0}`, and the schema says that it is in [{1}]",
                chain.type_name,
                list(&rule.parents)
            ),
        ));
    }
}

fn check_context(file: &str, call: &CallRule<'_>, rule: &ActionRule, faults: &mut Vec<Fault>) {
    let fields = || call.context.iter().map(|(_, field)| *field);
    for field in fields() {
        if RESERVED_CONTEXT.contains(&field.name.as_str()) {
            faults.push(Fault::at_pointer(
                file,
                &field.pointer,
                format!("context `{}` is reserved: Actgate adds it to every action", field.name),
            ));
            continue;
        }
        let Some((declared, required)) = rule.context.get(&field.name) else {
            faults.push(
                Fault::at_pointer(
                    file,
                    &field.pointer,
                    format!("the schema declares no context `{}` for action `{}`", field.name, call.action),
                )
                .nearest(&field.name, rule.context.keys().map(String::as_str)),
            );
            continue;
        };
        let wanted = match field.kind {
            FieldType::String => "String",
            FieldType::Long => "Long",
            FieldType::Bool => "Bool",
        };
        if !is_of_type(declared, wanted) {
            faults.push(Fault::at_pointer(
                file,
                &field.pointer,
                format!("context `{}` is of type `{wanted}` here, and of another in the schema", field.name),
            ));
        }
        if *required && field.optional {
            faults.push(Fault::at_pointer(
                file,
                &field.pointer,
                format!("context `{}` is optional here, and required in the schema", field.name),
            ));
        }
    }
    for (name, (_, required)) in &rule.context {
        if *required && fields().all(|field| &field.name != name) {
            faults.push(Fault::at_pointer(
                file,
                format!("{}/context", call.pointer),
                format!(
                    "the schema requires context `{name}` for action `{}`, and the route has none",
                    call.action
                ),
            ));
        }
    }
}

/// Cedar's JSON schema writes a primitive as its own type, or as a name that may be a common type's.
fn is_of_type(declared: &Value, wanted: &str) -> bool {
    let text = |key: &str| declared.get(key).and_then(Value::as_str);
    let same = |name: &str| {
        name == wanted
            || name.strip_prefix("__cedar::") == Some(wanted)
            || (wanted == "Bool" && name == "Boolean")
    };
    match text("type") {
        Some("EntityOrCommon") => text("name").is_some_and(same),
        Some(name) => same(name),
        None => false,
    }
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// An id without captured names is the same for every request.
fn is_constant(id: &IdTemplate) -> bool {
    !id.as_str().contains('{')
}
