//! The resource of a call, with its complete ancestry.

use std::{collections::BTreeMap, sync::Arc};

use super::argument::Values;
use crate::{
    catalog::{IdTemplate, Lineage, ParentRule, ResourceRule},
    error::CallError,
    path::MAX_SEGMENTS,
    tool_call::Entity,
};

/// # Errors
/// [`CallError::ArgumentInvalid`] where the values could make the id of another resource.
pub(super) fn entity(rule: &ResourceRule, values: &Values) -> Result<Entity, CallError> {
    Ok(Entity {
        type_name: Arc::clone(&rule.type_name),
        id: id(&rule.id, values)?,
        attributes: BTreeMap::new(),
        parents: parents(&rule.parents, values)?,
    })
}

fn parents(rules: &[ParentRule], values: &Values) -> Result<Vec<Entity>, CallError> {
    let mut found = Vec::with_capacity(rules.len());
    for rule in rules {
        match &rule.lineage {
            Lineage::Entity { id: template, parents: rules } => found.push(Entity {
                type_name: Arc::clone(&rule.type_name),
                id: id(template, values)?,
                attributes: BTreeMap::new(),
                parents: parents(rules, values)?,
            }),
            Lineage::FoldersOf(path) => found.extend(folders(&rule.type_name, &id(path, values)?)?),
        }
    }
    Ok(found)
}

/// The innermost folder of a slash path, which is in the one above it, and so on. A path without a slash has none.
fn folders(type_name: &Arc<str>, path: &str) -> Result<Option<Entity>, CallError> {
    // Escaped slashes are not counted where the path of the request is.
    if path.matches('/').count() >= MAX_SEGMENTS {
        return Err(CallError::argument(type_name, "has too many folders"));
    }
    let mut innermost = None;
    for (end, _) in path.match_indices('/') {
        let Some(id) = path.get(..end).filter(|id| !id.is_empty()) else { continue };
        let parents = innermost.into_iter().collect();
        innermost = Some(Entity {
            type_name: Arc::clone(type_name),
            id: id.to_owned(),
            attributes: BTreeMap::new(),
            parents,
        });
    }
    Ok(innermost)
}

fn id(template: &IdTemplate, values: &Values) -> Result<String, CallError> {
    template
        .render(|part| values.named(part))
        .ok_or_else(|| CallError::argument(template.as_str(), "could mean another resource"))
}
