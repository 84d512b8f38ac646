//! An action as a decision needs it: everything that can be known before a request.

use cedar_policy::EntityUid;
use cedar_policy_core::ast::{Entity, EntityType, EntityUID, Value as CedarValue};
use serde_json::{Map, Value};

use crate::{
    entities::{Lineage, StaticEntities},
    fault::Fault,
    schema::{ActionRule, BundleSchema, describe},
};

/// One action of the schema.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) uid: EntityUID,
    /// With its ancestors, as Cedar gets it.
    pub(crate) entity: Entity,
    pub(crate) lineage: Lineage,
    /// The principal types it applies to, but for those of which only some ids exist.
    principals: Vec<EntityType>,
    /// Its resource types, likewise.
    resources: Vec<EntityType>,
    /// Its own context, if all of it is of types that are checked here; any other is Cedar's to check.
    arguments: Option<Vec<Argument>>,
}

#[derive(Debug)]
struct Argument {
    name: String,
    kind: Kind,
    required: bool,
}

/// A type of which a value is or is not, without Cedar's help.
#[derive(Debug)]
enum Kind {
    Text,
    Long,
    Bool,
    Set(Box<Self>),
    Record(Vec<Argument>),
}

// === impl Action ===

impl Action {
    pub(crate) fn new(
        rule: &ActionRule,
        schema: &BundleSchema,
        entities: &mut StaticEntities,
    ) -> Result<Self, Vec<Fault>> {
        let all = schema
            .cedar
            .action_entities()
            .map_err(|error| vec![Fault::whole(&rule.file, describe(&error))])?;
        let uid: EntityUID = AsRef::<EntityUID>::as_ref(&rule.uid).clone();
        let above: Vec<EntityUID> = all
            .ancestors(&rule.uid)
            .into_iter()
            .flatten()
            .map(|uid: &EntityUid| AsRef::<EntityUID>::as_ref(uid).clone())
            .collect();
        let numbers = above.iter().map(|uid| entities.number(uid)).collect();
        let lineage = Lineage::of_action(entities.number(&uid), numbers);
        let entity = Entity::new_with_attr_partial_value(
            uid.clone(),
            [],
            std::collections::HashSet::new(),
            above.into_iter().collect(),
            [],
        );
        let kinds = |names: &std::collections::BTreeSet<String>| {
            let rules = names.iter().filter_map(|name| schema.types.get(name));
            rules.filter(|rule| !rule.enumerated).map(|rule| rule.kind.clone()).collect()
        };
        Ok(Self {
            uid,
            entity,
            lineage,
            principals: kinds(&rule.principals),
            resources: kinds(&rule.resources),
            arguments: arguments(rule, schema),
        })
    }

    /// Whether the schema lets the action apply to these types. What is not found here may still be right by Cedar.
    pub(crate) fn applies_to(&self, principal: &EntityType, resource: &EntityType) -> bool {
        self.principals.contains(principal) && self.resources.contains(resource)
    }

    /// Whether these are the arguments that the schema wants. What is not found right here may still be by Cedar.
    pub(crate) fn takes(&self, given: &Map<String, Value>) -> bool {
        self.arguments.as_ref().is_some_and(|arguments| are(arguments, given))
    }
}

/// Whether a record has what it must have and nothing else.
fn are(declared: &[Argument], given: &Map<String, Value>) -> bool {
    given.keys().all(|name| declared.iter().any(|argument| argument.name == *name))
        && declared.iter().all(|argument| match given.get(&argument.name) {
            Some(value) => argument.kind.is_of(value),
            None => !argument.required,
        })
}

fn arguments(rule: &ActionRule, schema: &BundleSchema) -> Option<Vec<Argument>> {
    rule.context
        .iter()
        .map(|(name, (kind, required))| {
            Some(Argument { name: name.clone(), kind: Kind::of(kind, schema)?, required: *required })
        })
        .collect()
}

// === impl Kind ===

impl Kind {
    fn of(declared: &Value, schema: &BundleSchema) -> Option<Self> {
        let name = declared.get("type").and_then(Value::as_str)?;
        match name {
            "Set" => return Some(Self::Set(Box::new(Self::of(declared.get("element")?, schema)?))),
            "Record" => return Self::record(declared, schema),
            _ => {}
        }
        let name = match name {
            "EntityOrCommon" => declared.get("name").and_then(Value::as_str)?,
            name => name,
        };
        // An entity type may be called as a primitive type is; it is Cedar's to tell them apart then.
        if schema.types.keys().any(|full| full.rsplit("::").next() == Some(name)) {
            return None;
        }
        match name {
            "String" => Some(Self::Text),
            "Long" => Some(Self::Long),
            "Bool" | "Boolean" => Some(Self::Bool),
            _ => None,
        }
    }

    /// A record that is closed, which is what a record is where nothing else is said.
    fn record(declared: &Value, schema: &BundleSchema) -> Option<Self> {
        if declared.get("additionalAttributes").is_some_and(|more| *more != Value::Bool(false)) {
            return None;
        }
        let members = declared.get("attributes")?.as_object()?.iter().map(|(name, member)| {
            let required = member.get("required").is_none_or(|required| *required != Value::Bool(false));
            Some(Argument { name: name.clone(), kind: Self::of(member, schema)?, required })
        });
        members.collect::<Option<_>>().map(Self::Record)
    }

    fn is_of(&self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Long => value.is_i64(),
            Self::Bool => value.is_boolean(),
            Self::Set(kind) => {
                value.as_array().is_some_and(|members| members.iter().all(|member| kind.is_of(member)))
            }
            Self::Record(members) => value.as_object().is_some_and(|given| are(members, given)),
        }
    }
}

/// A JSON value as Cedar has it. What Cedar has no value for is refused.
pub(crate) fn cedar_value(value: &Value) -> Result<CedarValue, String> {
    match value {
        Value::Bool(truth) => Ok(CedarValue::new(*truth, None)),
        Value::String(text) => Ok(CedarValue::new(text.as_str(), None)),
        Value::Number(number) => number
            .as_i64()
            .map(|long| CedarValue::new(long, None))
            .ok_or_else(|| "an argument is not a whole number".to_owned()),
        Value::Array(members) => {
            Ok(CedarValue::set(members.iter().map(cedar_value).collect::<Result<Vec<_>, _>>()?, None))
        }
        Value::Object(fields) => Ok(CedarValue::record(
            fields
                .iter()
                .map(|(name, field)| Ok((name.as_str(), cedar_value(field)?)))
                .collect::<Result<Vec<_>, String>>()?,
            None,
        )),
        Value::Null => Err("an argument is null".to_owned()),
    }
}

#[cfg(test)]
mod tests;
