//! Static entities, and the slice of them that one request can reach.

use std::collections::{HashMap, HashSet};

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
}

/// The slice could not be made; the call is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SliceError {
    /// More than [`MAX_SLICE`] entities.
    #[error("the call reaches more than {MAX_SLICE} entities")]
    TooLarge,
    /// Cedar refused the slice, such as for a cycle.
    #[error("{0}")]
    Refused(String),
}

// === impl StaticEntities ===

impl StaticEntities {
    /// Reads every `entities.json` and validates it against the schema.
    ///
    /// # Errors
    /// What does not fit the schema, or stands in two files.
    pub(crate) fn load(documents: &[&Document], schema: &Schema) -> Result<Self, Vec<Fault>> {
        let mut known = HashMap::new();
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
                    Ok(read) => {
                        if known.insert(entity.uid(), read).is_some() {
                            faults.push(locate(
                                document,
                                &format!("entity `{}` stands in two files", entity.uid()),
                            ));
                        }
                    }
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
    /// INVARIANT: a request never redefines a static entity: parents unite, attributes are the static ones (request
    /// entities carry none of their own).
    pub(crate) fn slice(&self, request: &[RequestEntity], action: &Entity) -> Result<Entities, SliceError> {
        let mut parents: HashMap<EntityUid, HashSet<EntityUid>> = HashMap::new();
        for entity in request {
            parents.entry(entity.uid.clone()).or_default().extend(entity.parents.iter().cloned());
        }
        let mut seen: HashSet<EntityUid> = HashSet::new();
        let mut queue: Vec<EntityUid> = self.literals.clone();
        for (uid, above) in &parents {
            queue.push(uid.clone());
            queue.extend(above.iter().cloned());
        }
        let mut slice = vec![action.clone()];
        while let Some(uid) = queue.pop() {
            if !seen.insert(uid.clone()) {
                continue;
            }
            if seen.len() > MAX_SLICE {
                return Err(SliceError::TooLarge);
            }
            let fresh = parents.remove(&uid);
            match self.known.get(&uid) {
                Some(known) => {
                    queue.extend(known.reaches.iter().cloned());
                    let mut above = known.parents.clone();
                    above.extend(fresh.into_iter().flatten());
                    let entity = Entity::new(uid, known.attributes.clone(), above)
                        .map_err(|error| SliceError::Refused(describe(&error)))?;
                    slice.push(entity);
                }
                None => {
                    if let Some(above) = fresh {
                        slice.push(Entity::new_no_attrs(uid, above));
                    }
                }
            }
        }
        Entities::from_entities(slice, None).map_err(|error| SliceError::Refused(describe(&error)))
    }
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
