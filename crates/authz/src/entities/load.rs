//! Reading `entities.json`: one entity at a time, so that Cedar's own form of all of them is never in memory.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use cedar_policy::{Entity, Schema};
use cedar_policy_core::ast::Entity as CoreEntity;

use super::{
    Node, StaticEntities,
    names::{Names, Span, length},
    packed::{Attributes, attributes},
};
use crate::{document::Document, fault::Fault, schema::describe};

/// All ancestors of all entities together: 64 MiB of numbers. A hierarchy that has more is a chain of thousands, in
/// which no call could be decided.
const MAX_ANCESTORS: usize = 16 * 1024 * 1024;

/// How far the search for ancestors has come with an entity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Not,
    /// It is below what is looked at: to meet it again is a cycle.
    Open,
    Done,
}

/// What is above what, directly.
type Edges = HashMap<u32, Vec<u32>>;

impl StaticEntities {
    /// Reads every `entities.json` and validates it against the schema. Packs that share people and groups each name
    /// them: parents unite. `seed` is anything that outsiders do not know.
    ///
    /// # Errors
    /// What does not fit the schema, or has another attribute in another file.
    pub(crate) fn load(documents: &[&Document], schema: &Schema, seed: u64) -> Result<Self, Vec<Fault>> {
        let mut all = Self { names: Names::seeded(seed), ..Self::default() };
        let mut edges = Edges::new();
        let mut faults = Vec::new();
        for document in documents {
            let Some(members) = document.value.as_array() else {
                faults.push(Fault::whole(&document.file, "entities are a list"));
                continue;
            };
            let mut seen = HashSet::new();
            for (index, member) in members.iter().enumerate() {
                let read = Entity::from_json_value(member.clone(), Some(schema))
                    .map_err(|error| describe(&error))
                    .and_then(|entity| all.add(entity.as_ref(), &mut edges, &mut seen));
                if let Err(message) = read {
                    faults.push(Fault::at_pointer(&document.file, format!("/{index}"), message));
                }
            }
        }
        if faults.is_empty()
            && let Err(message) = all.close(&edges)
        {
            let file = documents.first().map_or("entities.json", |document| document.file.as_str());
            faults.push(Fault::whole(file, message));
        }
        all.packed.shrink();
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    fn add(&mut self, entity: &CoreEntity, edges: &mut Edges, seen: &mut HashSet<u32>) -> Result<(), String> {
        // The schema says what is above an action; an entry has to say the same, and adds nothing.
        if entity.uid().entity_type().is_action() {
            return Ok(());
        }
        let number = self.number(entity.uid());
        let mut own = attributes(entity.attrs()).ok_or("an attribute is not a value")?;
        let mut tags = attributes(entity.tags()).ok_or("a tag is not a value")?;
        let mut parents: Vec<u32> = entity.parents().map(|parent| self.number(parent)).collect();
        parents.sort_unstable();
        parents.dedup();

        let before = self.node(number);
        let again = !seen.insert(number);
        let above = edges.entry(number).or_default();
        if before.known {
            let said = self.sayings(before).ok_or("an attribute cannot be read back")?;
            let same = said.attributes == own && said.tags == tags && *above == parents;
            if again {
                let uid = entity.uid();
                return if same { Ok(()) } else { Err(format!("duplicate entity entry `{uid}`")) };
            }
            let differs = |(said, own): (&Attributes, &Attributes)| {
                said.iter()
                    .find(|(name, value)| own.get(*name).is_some_and(|other| other != *value))
                    .map(|(name, _)| Arc::clone(name))
            };
            if let Some(name) = differs((&said.attributes, &own)).or_else(|| differs((&said.tags, &tags))) {
                return Err(format!("entity `{}` has another `{name}` in another file", entity.uid()));
            }
            own.extend(said.attributes);
            tags.extend(said.tags);
        } else {
            self.known = self.known.saturating_add(1);
        }
        above.extend(parents);
        above.sort_unstable();
        above.dedup();
        let attributes = self.packed.write(&own, &mut self.names);
        let tags = self.packed.write(&tags, &mut self.names);
        let count = self.names.len();
        self.nodes.resize(count, Node::default());
        if let Some(node) = usize::try_from(number).ok().and_then(|at| self.nodes.get_mut(at)) {
            *node = Node { known: true, ancestors: Span::default(), attributes, tags };
        }
        Ok(())
    }

    /// Finds all ancestors of all entities, without recursion: a hierarchy may be deep.
    fn close(&mut self, edges: &Edges) -> Result<(), String> {
        let mut visits = vec![Visit::Not; self.nodes.len()];
        for start in 0..length(self.nodes.len()) {
            let mut stack = vec![start];
            while let Some(number) = stack.last().copied() {
                let parents = edges.get(&number).map(Vec::as_slice).unwrap_or_default();
                match visit(&visits, number) {
                    Visit::Done => {
                        stack.pop();
                    }
                    Visit::Not => {
                        set(&mut visits, number, Visit::Open);
                        for parent in parents {
                            match visit(&visits, *parent) {
                                Visit::Not => stack.push(*parent),
                                Visit::Done => {}
                                Visit::Open => {
                                    let uid =
                                        self.uid(*parent).map(|uid| uid.to_string()).unwrap_or_default();
                                    return Err(format!("entity `{uid}` is above itself"));
                                }
                            }
                        }
                    }
                    Visit::Open => {
                        stack.pop();
                        set(&mut visits, number, Visit::Done);
                        self.settle(number, parents)?;
                    }
                }
            }
        }
        self.ancestors.shrink_to_fit();
        self.nodes.shrink_to_fit();
        Ok(())
    }

    /// Writes down the ancestors of an entity whose parents have theirs.
    fn settle(&mut self, number: u32, parents: &[u32]) -> Result<(), String> {
        let mut above: Vec<u32> = parents
            .iter()
            .flat_map(|parent| self.ancestors(*parent))
            .copied()
            .chain(parents.iter().copied())
            .collect();
        above.sort_unstable();
        above.dedup();
        let start = length(self.ancestors.len());
        self.ancestors.extend(above);
        if self.ancestors.len() > MAX_ANCESTORS {
            return Err(format!("the entities have more than {MAX_ANCESTORS} ancestors together"));
        }
        let span = Span { start, end: length(self.ancestors.len()) };
        if let Some(node) = usize::try_from(number).ok().and_then(|at| self.nodes.get_mut(at)) {
            node.ancestors = span;
        }
        Ok(())
    }
}

fn visit(visits: &[Visit], number: u32) -> Visit {
    usize::try_from(number).ok().and_then(|at| visits.get(at)).copied().unwrap_or(Visit::Done)
}

fn set(visits: &mut [Visit], number: u32, to: Visit) {
    if let Some(visit) = usize::try_from(number).ok().and_then(|at| visits.get_mut(at)) {
        *visit = to;
    }
}
