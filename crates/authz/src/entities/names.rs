//! Names of entities as numbers.

use std::hash::{BuildHasher as _, Hasher as _};

use cedar_policy_core::ast::{Eid, EntityType, EntityUID};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Every entity that a bundle names: its type and id once, and its number.
#[derive(Debug, Default)]
pub(crate) struct Names {
    types: Vec<EntityType>,
    /// All ids, one behind the other.
    ids: String,
    places: Vec<Place>,
    table: HashTable<u32>,
    hashing: FixedState,
}

/// Where a name is written.
#[derive(Debug, Clone, Copy)]
struct Place {
    kind: u32,
    id: Span,
}

/// A part of something long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

// === impl Names ===

impl Names {
    /// Numbers by a hash that `seed` keys, so that whoever may choose an id cannot aim at another.
    pub(super) fn seeded(seed: u64) -> Self {
        Self { hashing: FixedState::with_seed(seed), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The number of an entity, a new one if need be.
    pub(super) fn intern(&mut self, uid: &EntityUID) -> u32 {
        if let Some(number) = self.find(uid) {
            return number;
        }
        let kind = match self.types.iter().position(|known| known == uid.entity_type()) {
            Some(kind) => kind,
            None => {
                self.types.push(uid.entity_type().with_loc(None));
                self.types.len().saturating_sub(1)
            }
        };
        let start = length(self.ids.len());
        self.ids.push_str(text(uid));
        let number = length(self.places.len());
        self.places.push(Place { kind: length(kind), id: Span { start, end: length(self.ids.len()) } });
        let hash = self.hash(uid.entity_type(), text(uid));
        let Self { types, ids, places, table, hashing } = self;
        table.insert_unique(hash, number, |other| {
            read(types, ids, places, *other).map_or(0, |(kind, id)| hash_of(hashing, kind, id))
        });
        number
    }

    pub(super) fn find(&self, uid: &EntityUID) -> Option<u32> {
        let (kind, id) = (uid.entity_type(), text(uid));
        self.table
            .find(self.hash(kind, id), |number| {
                self.read(*number).is_some_and(|(own_kind, own_id)| own_id == id && own_kind == kind)
            })
            .copied()
    }

    pub(super) fn uid(&self, number: u32) -> Option<EntityUID> {
        let (kind, id) = self.read(number)?;
        Some(EntityUID::from_components(kind.clone(), Eid::new(id), None))
    }

    pub(super) fn bytes(&self) -> usize {
        // One byte of control for each place in the table besides the number.
        let table = self.table.capacity().saturating_mul(size_of::<u32>().saturating_add(1));
        let places = self.places.capacity().saturating_mul(size_of::<Place>());
        table.saturating_add(places).saturating_add(self.ids.capacity())
    }

    fn read(&self, number: u32) -> Option<(&EntityType, &str)> {
        read(&self.types, &self.ids, &self.places, number)
    }

    fn hash(&self, kind: &EntityType, id: &str) -> u64 {
        hash_of(&self.hashing, kind, id)
    }
}

fn read<'n>(
    types: &'n [EntityType],
    ids: &'n str,
    places: &[Place],
    number: u32,
) -> Option<(&'n EntityType, &'n str)> {
    let place = places.get(usize::try_from(number).ok()?)?;
    let kind = types.get(usize::try_from(place.kind).ok()?)?;
    Some((kind, ids.get(place.id.range())?))
}

/// Of the type's own name only: types of two namespaces with one name are rare, and compared in full.
fn hash_of(hashing: &FixedState, kind: &EntityType, id: &str) -> u64 {
    let mut hasher = hashing.build_hasher();
    hasher.write(AsRef::<str>::as_ref(kind.name().as_ref().basename()).as_bytes());
    hasher.write(id.as_bytes());
    hasher.finish()
}

fn text(uid: &EntityUID) -> &str {
    uid.eid().as_ref()
}

/// A bundle has no 4 GiB of anything: the plugin's memory ends at 1 GiB.
pub(super) fn length(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

// === impl Span ===

impl Span {
    pub(super) fn range(self) -> std::ops::Range<usize> {
        let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        place(self.start)..place(self.end)
    }

    pub(super) fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.range()).unwrap_or_default()
    }
}
