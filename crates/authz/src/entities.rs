//! Static entities in a compact form, and the slice of them that one request can reach.

mod involved;
mod load;
mod names;
mod packed;

use cedar_policy_core::ast::{Eid, EntityType, EntityUID, Value};

pub(crate) use self::{
    involved::{Involved, Lineage, Placed, RequestEntity},
    names::Names,
};
use self::{
    names::Span,
    packed::{Attributes, Packed},
};

/// The entities of every pack's `entities.json`. Each has a number, as has every entity that a policy names, and is
/// otherwise some bytes: a hundred thousand of Cedar's own would take 294 MiB.
#[derive(Debug, Default)]
pub struct StaticEntities {
    names: Names,
    /// By number. An entity that is only named, by a policy or as a parent, says nothing.
    nodes: Vec<Node>,
    /// What is above each, however far, in one row.
    ancestors: Vec<u32>,
    packed: Packed,
    known: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    known: bool,
    /// In [`StaticEntities::ancestors`].
    ancestors: Span,
    /// In [`StaticEntities::packed`].
    attributes: Span,
    tags: Span,
}

/// What a static entity says of itself.
#[derive(Debug, Default)]
struct Sayings {
    attributes: Attributes,
    tags: Attributes,
    /// The entities that it names.
    names: Vec<u32>,
}

// === impl StaticEntities ===

impl StaticEntities {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.known
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known == 0
    }

    /// About the memory that they take.
    pub fn bytes(&self) -> usize {
        let (node, number) = (size_of::<Node>(), size_of::<u32>());
        let nodes = self.nodes.capacity().saturating_mul(node);
        let ancestors = self.ancestors.capacity().saturating_mul(number);
        nodes.saturating_add(ancestors).saturating_add(self.names.bytes()).saturating_add(self.packed.bytes())
    }

    /// Gives an entity that a policy names its number.
    pub(crate) fn number(&mut self, uid: &EntityUID) -> u32 {
        let number = self.names.intern(uid);
        let count = self.names.len();
        if self.nodes.len() < count {
            self.nodes.resize(count, Node::default());
        }
        number
    }

    /// The number of an entity that the bundle knows.
    pub(crate) fn find(&self, uid: &EntityUID) -> Option<u32> {
        self.names.find(uid)
    }

    fn uid(&self, number: u32) -> Option<EntityUID> {
        self.names.uid(number)
    }

    fn node(&self, number: u32) -> Node {
        usize::try_from(number).ok().and_then(|at| self.nodes.get(at)).copied().unwrap_or_default()
    }

    fn ancestors(&self, number: u32) -> &[u32] {
        self.node(number).ancestors.of(&self.ancestors)
    }

    fn sayings(&self, node: Node) -> Option<Sayings> {
        let mut names = Vec::new();
        let attributes = self.packed.record(node.attributes, &self.names, &mut names)?;
        let tags = self.packed.record(node.tags, &self.names, &mut names)?;
        Some(Sayings { attributes, tags, names })
    }
}

/// An entity id of a type that the schema has.
pub(crate) fn uid(kind: &EntityType, id: &str) -> EntityUID {
    EntityUID::from_components(kind.clone(), Eid::new(id), None)
}

/// An entity as a value.
pub(crate) fn entity_value(uid: EntityUID) -> Value {
    Value::new(uid, None)
}

#[cfg(test)]
mod tests;
