//! What one request involves: the entities that it brings, what is above them, and the slice of all that it can reach.

use std::collections::HashSet;

use cedar_policy_core::{
    ast::{Entity, EntityType, EntityUID, Literal, PartialValue, ValueKind},
    entities::{Entities, NoEntitiesSchema, TCComputation},
    extensions::Extensions,
};

use super::{Sayings, StaticEntities, packed::Attributes};

/// At most this many entities reach Cedar for one call, what is above them included: beyond it the hierarchy, not the
/// call, is at fault.
const MAX_SLICE: usize = 4096;

/// An entity that the request itself brings: who asks, or what is asked for.
#[derive(Debug, Clone)]
pub(crate) struct RequestEntity {
    pub(crate) uid: EntityUID,
    pub(crate) parents: Vec<EntityUID>,
    pub(crate) attributes: Attributes,
}

/// The entities of a request, each once, over the static ones.
#[derive(Debug)]
pub(crate) struct Involved<'s> {
    known: &'s StaticEntities,
    brought: Vec<Brought>,
}

#[derive(Debug)]
struct Brought {
    uid: EntityUID,
    /// Its number, where the bundle names it.
    number: Option<u32>,
    parents: Vec<Parent>,
    attributes: Attributes,
}

/// What the request puts an entity into.
#[derive(Debug)]
struct Parent {
    uid: EntityUID,
    number: Option<u32>,
    /// Where it stands itself among what the request brings.
    place: Option<usize>,
}

/// One entity as policies can name it: itself, its type, and what is above it.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// Its number, where the bundle names it: what has none, no policy names.
    pub(crate) own: Option<u32>,
    /// The numbers of what is above it, sorted.
    pub(crate) above: Vec<u32>,
    /// What is above it and has no number.
    unnamed: Vec<EntityUID>,
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
        entity: Box<EntityUID>,
        /// The attribute.
        attribute: String,
    },
    /// An entity would be above itself.
    #[error("`{0}` is above itself")]
    Cycle(Box<EntityUID>),
    /// Cedar refused the slice.
    #[error("{0}")]
    Refused(String),
}

/// Where a search for ancestors has to go on.
#[derive(Debug, Default)]
struct Search {
    visited: Vec<bool>,
    open: Vec<usize>,
    /// Where it began, if it is an entity of the request.
    start: Option<usize>,
    lineage: Lineage,
}

// === impl Involved ===

impl<'s> Involved<'s> {
    /// Unites what a request says of each of its entities.
    pub(crate) fn gather(
        known: &'s StaticEntities,
        request: impl IntoIterator<Item = RequestEntity>,
    ) -> Result<Self, SliceError> {
        let request = request.into_iter();
        let mut brought: Vec<Brought> = Vec::with_capacity(request.size_hint().0);
        for RequestEntity { uid, parents, attributes } in request {
            let number = known.find(&uid);
            let parents = parents.into_iter().map(|uid| {
                let number = known.find(&uid);
                Parent { uid, number, place: None }
            });
            match brought.iter_mut().find(|other| other.is(&uid, number)) {
                Some(other) => {
                    other.parents.extend(parents);
                    unite(&mut other.attributes, attributes, &uid)?;
                }
                None => brought.push(Brought { uid, number, parents: parents.collect(), attributes }),
            }
        }
        for at in 0..brought.len() {
            let mut parents =
                brought.get_mut(at).map(|own| std::mem::take(&mut own.parents)).unwrap_or_default();
            for parent in &mut parents {
                parent.place = brought.iter().position(|other| other.is(&parent.uid, parent.number));
            }
            if let Some(own) = brought.get_mut(at) {
                own.parents = parents;
            }
        }
        Ok(Self { known, brought })
    }

    /// What is above an entity, by the request and by the static entities together.
    pub(crate) fn lineage(&self, uid: &EntityUID) -> Result<Lineage, SliceError> {
        let mut search = Search { visited: vec![false; self.brought.len()], ..Search::default() };
        match self.brought.iter().position(|brought| brought.uid == *uid) {
            Some(place) => {
                search.lineage.own = self.brought.get(place).and_then(|brought| brought.number);
                search.start = Some(place);
                search.open.push(place);
            }
            None => {
                search.lineage.own = self.known.find(uid);
                if let Some(number) = search.lineage.own {
                    self.above(number, &mut search)?;
                }
            }
        }
        self.finish(search, uid)
    }

    fn finish(&self, mut search: Search, uid: &EntityUID) -> Result<Lineage, SliceError> {
        while let Some(place) = search.open.pop() {
            if search.visited.get(place).copied().unwrap_or(true) {
                continue;
            }
            if let Some(visited) = search.visited.get_mut(place) {
                *visited = true;
            }
            let Some(brought) = self.brought.get(place) else { continue };
            if let Some(number) = brought.number {
                self.above(number, &mut search)?;
            }
            for parent in &brought.parents {
                match parent.number {
                    Some(number) => {
                        search.lineage.above.push(number);
                        self.above(number, &mut search)?;
                    }
                    None => search.lineage.unnamed.push(parent.uid.clone()),
                }
                if let Some(place) = parent.place {
                    if search.start == Some(place) {
                        return Err(SliceError::Cycle(Box::new(uid.clone())));
                    }
                    search.open.push(place);
                }
            }
        }
        let mut lineage = search.lineage;
        lineage.above.sort_unstable();
        lineage.above.dedup();
        if lineage.own.is_some_and(|own| lineage.has(own)) {
            return Err(SliceError::Cycle(Box::new(uid.clone())));
        }
        Ok(lineage)
    }

    /// What the static entities put above one of theirs; the request may know more of some of it.
    fn above(&self, number: u32, search: &mut Search) -> Result<(), SliceError> {
        let ancestors = self.known.ancestors(number);
        if search.lineage.above.len().saturating_add(ancestors.len()) > MAX_SLICE {
            return Err(SliceError::TooLarge);
        }
        search.lineage.above.extend(ancestors);
        for (place, brought) in self.brought.iter().enumerate() {
            if brought.number.is_some_and(|own| ancestors.binary_search(&own).is_ok()) {
                search.open.push(place);
            }
        }
        Ok(())
    }

    /// Whether what the request says can be united with what is known at all, for a call of which nobody needs the slice:
    /// it is refused where that would have no slice. `searched` are entities whose lineage is known.
    pub(crate) fn agree(&self, searched: &[&EntityUID]) -> Result<(), SliceError> {
        for brought in &self.brought {
            if !brought.attributes.is_empty()
                && let Some(said) = brought.number.and_then(|number| self.said(number))
            {
                unite(&mut brought.attributes.clone(), said.attributes, &brought.uid)?;
            }
            // What is static is free of cycles: one would lead through an entity to which the request gives a parent.
            if !brought.parents.is_empty() && !searched.contains(&&brought.uid) {
                self.lineage(&brought.uid)?;
            }
        }
        Ok(())
    }

    /// The request's entities, united with their static selves, `literals`, and everything that attributes of these
    /// reach. What is only above them is in their ancestry and says nothing by itself: Cedar's expressions reach an
    /// entity through an attribute, or by its name.
    ///
    /// INVARIANT: a request never redefines a static entity: parents unite, and an attribute that is also static has
    /// the static value, or there is no slice.
    pub(crate) fn slice(
        &self,
        action: &Entity,
        literals: impl IntoIterator<Item = u32>,
        mut lineage: impl FnMut(&EntityUID) -> Option<Lineage>,
    ) -> Result<Entities, SliceError> {
        let mut slice = vec![action.clone()];
        let mut size = 0usize;
        let mut queue: Vec<u32> = literals.into_iter().collect();
        for brought in &self.brought {
            let mut own = brought.attributes.clone();
            named(&own, self.known, &mut queue);
            let mut tags = Attributes::new();
            if let Some(said) = brought.number.and_then(|number| self.said(number)) {
                let Sayings { attributes, tags: said_tags, names } = said;
                queue.extend(names);
                unite(&mut own, attributes, &brought.uid)?;
                tags = said_tags;
            }
            let above = match lineage(&brought.uid) {
                Some(above) => above,
                None => self.lineage(&brought.uid)?,
            };
            self.push(&mut slice, &mut size, brought.uid.clone(), own, tags, above)?;
        }
        let mut seen: Vec<u32> = Vec::new();
        while let Some(number) = queue.pop() {
            if seen.contains(&number) || self.brought.iter().any(|brought| brought.number == Some(number)) {
                continue;
            }
            seen.push(number);
            let (Some(said), Some(uid)) = (self.said(number), self.known.uid(number)) else { continue };
            queue.extend(said.names);
            let mut search = Search { visited: vec![false; self.brought.len()], ..Search::default() };
            search.lineage.own = Some(number);
            self.above(number, &mut search)?;
            let above = self.finish(search, &uid)?;
            self.push(&mut slice, &mut size, uid, said.attributes, said.tags, above)?;
        }
        Entities::from_entities(
            slice,
            None::<&NoEntitiesSchema>,
            // Lineages are complete and free of cycles.
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        )
        .map_err(|error| SliceError::Refused(crate::schema::describe(&error)))
    }

    fn said(&self, number: u32) -> Option<Sayings> {
        let node = self.known.node(number);
        if node.known { self.known.sayings(node) } else { None }
    }

    fn push(
        &self,
        slice: &mut Vec<Entity>,
        size: &mut usize,
        uid: EntityUID,
        attributes: Attributes,
        tags: Attributes,
        above: Lineage,
    ) -> Result<(), SliceError> {
        let Lineage { own: _, above, unnamed } = above;
        *size = size.saturating_add(above.len()).saturating_add(unnamed.len()).saturating_add(1);
        if *size > MAX_SLICE {
            return Err(SliceError::TooLarge);
        }
        // An entity of which nothing is known is, to Cedar, as one that is not there.
        if attributes.is_empty() && tags.is_empty() && above.is_empty() && unnamed.is_empty() {
            return Ok(());
        }
        let parents: HashSet<EntityUID> =
            above.iter().filter_map(|number| self.known.uid(*number)).chain(unnamed).collect();
        let values = |all: Attributes| {
            all.into_iter().map(|(name, value)| (name.as_ref().into(), PartialValue::Value(value)))
        };
        slice.push(Entity::new_with_attr_partial_value(
            uid,
            values(attributes),
            HashSet::new(),
            parents,
            values(tags),
        ));
        Ok(())
    }
}

// === impl Brought ===

impl Brought {
    /// Whether this is that entity. One that the bundle names is its number's.
    fn is(&self, uid: &EntityUID, number: Option<u32>) -> bool {
        match (self.number, number) {
            (Some(own), Some(other)) => own == other,
            (None, None) => self.uid == *uid,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// Adds attributes that must not say anything else than what is there.
fn unite(own: &mut Attributes, more: Attributes, uid: &EntityUID) -> Result<(), SliceError> {
    for (name, value) in more {
        if own.get(&name).is_some_and(|other| *other != value) {
            return Err(SliceError::Conflict {
                entity: Box::new(uid.clone()),
                attribute: name.as_ref().to_owned(),
            });
        }
        own.insert(name, value);
    }
    Ok(())
}

/// The static entities that a request's attributes name: adapters give texts and entities only.
fn named(attributes: &Attributes, known: &StaticEntities, queue: &mut Vec<u32>) {
    for value in attributes.values() {
        if let ValueKind::Lit(Literal::EntityUID(uid)) = value.value_kind() {
            queue.extend(known.find(uid));
        }
    }
}

// === impl Lineage ===

impl Lineage {
    /// Of an action, whose ancestry the schema says.
    pub(crate) fn of_action(own: u32, mut above: Vec<u32>) -> Self {
        above.sort_unstable();
        Self { own: Some(own), above, unnamed: Vec::new() }
    }

    /// Whether an entity is above this one.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.above.binary_search(&number).is_ok()
    }

    /// Whether this is that entity, or below it.
    pub(crate) fn is_in(&self, number: u32) -> bool {
        self.own == Some(number) || self.has(number)
    }

    /// Itself and what is above it.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.own.into_iter().chain(self.above.iter().copied())
    }
}

/// The type of an entity and its lineage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'q> {
    pub(crate) kind: &'q EntityType,
    pub(crate) lineage: &'q Lineage,
}
