//! Static entities, and the slice of them that one request can reach.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema};
use serde_json::Value;

use crate::{document::Document, fault::Fault, schema::describe};

/// At most this many entities reach Cedar for one call: beyond it the hierarchy, not the call, is at fault.
const MAX_SLICE: usize = 4096;

/// The entities of every pack's `entities.json`.
#[derive(Debug, Default)]
pub struct StaticEntities {
    known: HashMap<EntityUid, StaticEntity>,
    /// What policies name inside conditions: reachable from any request.
    literals: Vec<EntityUid>,
}

#[derive(Debug)]
struct StaticEntity {
    attributes: HashMap<String, RestrictedExpression>,
    parents: HashSet<EntityUid>,
    /// Its ancestors and what its attributes refer to.
    reaches: Vec<EntityUid>,
}

/// An entity that the request itself brings: who asks, or what is asked for.
#[derive(Debug, Clone)]
pub(crate) struct RequestEntity {
    pub(crate) uid: EntityUid,
    pub(crate) parents: HashSet<EntityUid>,
    pub(crate) attributes: HashMap<String, RequestValue>,
}

/// A value that a request gives one of its own entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestValue {
    Text(String),
    Entity(EntityUid),
}

/// What a request says of one entity, gathered from all that it brings.
#[derive(Debug, Default)]
struct Brought {
    parents: HashSet<EntityUid>,
    attributes: HashMap<String, RestrictedExpression>,
}

/// The slice could not be made; the call is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SliceError {
    /// More than [`MAX_SLICE`] entities.
    #[error("the call reaches more than {MAX_SLICE} entities")]
    TooLarge,
    /// The request and the static entities, or the request itself, say different things.
    #[error("attribute `{attribute}` of `{entity}` has another value in the request")]
    Conflict {
        /// The entity.
        entity: Box<EntityUid>,
        /// The attribute.
        attribute: String,
    },
    /// Cedar refused the slice, such as for a cycle.
    #[error("{0}")]
    Refused(String),
}

// === impl StaticEntities ===

impl StaticEntities {
    /// Reads every `entities.json` and validates it against the schema. Packs that share people and groups each name
    /// them: parents unite.
    ///
    /// # Errors
    /// What does not fit the schema, or has another attribute in another file.
    pub(crate) fn load(documents: &[&Document], schema: &Schema) -> Result<Self, Vec<Fault>> {
        let mut known: HashMap<EntityUid, StaticEntity> = HashMap::new();
        let mut faults = Vec::new();
        for document in documents {
            let entities = match Entities::from_json_value(document.value.clone(), Some(schema)) {
                Ok(entities) => entities,
                Err(error) => {
                    faults.push(locate(document, &describe(&error)));
                    continue;
                }
            };
            for entity in entities.iter() {
                // The schema's own actions come along; they are not anybody's static entities.
                if entity.uid().type_name().basename() == "Action" {
                    continue;
                }
                match read(entity, &entities) {
                    Ok(read) => match known.entry(entity.uid()) {
                        Entry::Vacant(slot) => {
                            slot.insert(read);
                        }
                        Entry::Occupied(mut slot) => {
                            if let Err(attribute) = slot.get_mut().unite(read) {
                                let uid = entity.uid();
                                faults.push(locate(
                                    document,
                                    &format!("entity `{uid}` has another `{attribute}` in another file"),
                                ));
                            }
                        }
                    },
                    Err(message) => faults.push(locate(document, &message)),
                }
            }
        }
        if faults.is_empty() { Ok(Self { known, literals: Vec::new() }) } else { Err(faults) }
    }

    /// Adds the entities that policies name inside conditions.
    pub(crate) fn reachable_always(&mut self, literals: impl IntoIterator<Item = EntityUid>) {
        let mut literals: Vec<EntityUid> =
            literals.into_iter().filter(|uid| self.known.contains_key(uid)).collect();
        literals.sort_by_key(ToString::to_string);
        literals.dedup();
        self.literals = literals;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The request's entities, united with their static selves, and everything static that they reach.
    ///
    /// INVARIANT: a request never redefines a static entity: parents unite, and an attribute that is also static has
    /// the static value, or there is no slice.
    pub(crate) fn slice(&self, request: &[RequestEntity], action: &Entity) -> Result<Entities, SliceError> {
        let mut seen: HashSet<EntityUid> = HashSet::new();
        let mut queue: Vec<EntityUid> = self.literals.clone();
        let mut brought = gather(request, &mut queue)?;
        let mut slice = vec![action.clone()];
        while let Some(uid) = queue.pop() {
            if !seen.insert(uid.clone()) {
                continue;
            }
            if seen.len() > MAX_SLICE {
                return Err(SliceError::TooLarge);
            }
            let fresh = brought.remove(&uid);
            match (self.known.get(&uid), fresh) {
                (Some(known), fresh) => {
                    queue.extend(known.reaches.iter().cloned());
                    slice.push(known.with(uid, fresh.unwrap_or_default())?);
                }
                (None, Some(Brought { parents, attributes })) => {
                    slice.push(entity(uid, attributes, parents)?);
                }
                (None, None) => {}
            }
        }
        Entities::from_entities(slice, None).map_err(|error| SliceError::Refused(describe(&error)))
    }
}

// === impl StaticEntity ===

impl StaticEntity {
    /// Adds what another file says of the same entity, or names the attribute in which they differ.
    fn unite(&mut self, other: Self) -> Result<(), String> {
        let Self { attributes, parents, reaches } = other;
        let differs = |(name, value): &(&String, &RestrictedExpression)| {
            self.attributes.get(*name).is_some_and(|known| known != *value)
        };
        if let Some((name, _)) = attributes.iter().find(differs) {
            return Err(name.clone());
        }
        self.attributes.extend(attributes);
        self.parents.extend(parents);
        self.reaches.extend(reaches);
        Ok(())
    }

    fn with(&self, uid: EntityUid, fresh: Brought) -> Result<Entity, SliceError> {
        let Brought { mut parents, attributes: mut all } = fresh;
        for (name, value) in &self.attributes {
            if all.get(name).is_some_and(|brought| brought != value) {
                return Err(SliceError::Conflict { entity: Box::new(uid), attribute: name.clone() });
            }
            all.insert(name.clone(), value.clone());
        }
        parents.extend(self.parents.iter().cloned());
        entity(uid, all, parents)
    }
}

// === impl RequestValue ===

impl RequestValue {
    fn expression(&self) -> RestrictedExpression {
        match self {
            Self::Text(text) => RestrictedExpression::new_string(text.clone()),
            Self::Entity(uid) => RestrictedExpression::new_entity_uid(uid.clone()),
        }
    }
}

/// Unites what a request says of each of its entities, and queues all that it names.
fn gather(
    request: &[RequestEntity],
    queue: &mut Vec<EntityUid>,
) -> Result<HashMap<EntityUid, Brought>, SliceError> {
    let mut gathered: HashMap<EntityUid, Brought> = HashMap::new();
    for RequestEntity { uid, parents, attributes } in request {
        queue.push(uid.clone());
        queue.extend(parents.iter().cloned());
        let all = gathered.entry(uid.clone()).or_default();
        all.parents.extend(parents.iter().cloned());
        for (name, value) in attributes {
            if let RequestValue::Entity(other) = value {
                queue.push(other.clone());
            }
            let value = value.expression();
            if all.attributes.get(name).is_some_and(|other| *other != value) {
                return Err(SliceError::Conflict { entity: Box::new(uid.clone()), attribute: name.clone() });
            }
            all.attributes.insert(name.clone(), value);
        }
    }
    Ok(gathered)
}

fn entity(
    uid: EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, SliceError> {
    if attributes.is_empty() {
        return Ok(Entity::new_no_attrs(uid, parents));
    }
    Entity::new(uid, attributes, parents).map_err(|error| SliceError::Refused(describe(&error)))
}

/// An entity id of a type whose name is already parsed.
pub(crate) fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}

fn read(entity: &Entity, all: &Entities) -> Result<StaticEntity, String> {
    let uid = entity.uid();
    let mut reaches: Vec<EntityUid> = all.ancestors(&uid).into_iter().flatten().cloned().collect();
    let parents: HashSet<EntityUid> = reaches.iter().cloned().collect();
    let json = entity.to_json_value().map_err(|error| describe(&error))?;
    if let Some(attributes) = json.get("attrs") {
        references(attributes, &mut reaches)?;
    }
    let (_, attributes, _) = entity.clone().into_inner();
    Ok(StaticEntity { attributes, parents, reaches })
}

/// Every `{"__entity": {"type": .., "id": ..}}` in an attribute value.
fn references(value: &Value, found: &mut Vec<EntityUid>) -> Result<(), String> {
    match value {
        Value::Object(fields) => {
            if let Some(entity) = fields.get("__entity") {
                let field = |name: &str| entity.get(name).and_then(Value::as_str).unwrap_or_default();
                let type_name: EntityTypeName =
                    field("type").parse().map_err(|_| format!("`{}` is no entity type", field("type")))?;
                found.push(uid(&type_name, field("id")));
                return Ok(());
            }
            fields.values().try_for_each(|field| references(field, found))
        }
        Value::Array(members) => members.iter().try_for_each(|member| references(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Cedar names the entity in backticks; the nearest place is the array member with that id.
fn locate(document: &Document, message: &str) -> Fault {
    let members = document.value.as_array().into_iter().flatten().enumerate();
    for (index, member) in members {
        let Some(id) = member.pointer("/uid/id").and_then(Value::as_str) else { continue };
        let Some(kind) = member.pointer("/uid/type").and_then(Value::as_str) else { continue };
        if message.contains(&format!("{kind}::\"{id}\"")) {
            return Fault::at_pointer(&document.file, format!("/{index}"), message);
        }
    }
    Fault::whole(&document.file, message)
}

#[cfg(test)]
mod tests;
