//! Which policies a call can concern at all, by what their scope names.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
};
use cedar_policy_core::ast::EntityType;

use crate::entities::{Lineage, Placed, StaticEntities};

/// A policy's scope, in numbers of entities.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) principal: Constraint,
    pub(super) action: ActionScope,
    pub(super) resource: Constraint,
}

#[derive(Debug)]
pub(super) enum Constraint {
    Any,
    Eq(u32),
    In(u32),
    Is(EntityType),
    IsIn(EntityType, u32),
}

#[derive(Debug)]
pub(super) enum ActionScope {
    Any,
    Eq(u32),
    In(Box<[u32]>),
}

/// The policies, each under what is rarest in its scope, so that a call meets few that do not concern it.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Those whose scope names nothing: every call meets them.
    any: Vec<u32>,
    principal: Buckets,
    action: HashMap<u32, Vec<u32>, ByNumber>,
    resource: Buckets,
}

#[derive(Debug, Default)]
struct Buckets {
    entities: HashMap<u32, Vec<u32>, ByNumber>,
    /// There are few types.
    types: Vec<(EntityType, Vec<u32>)>,
}

/// Numbers are the bundle's own, counted up: nobody can choose them to collide.
type ByNumber = BuildHasherDefault<NumberHasher>;

#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

/// What a policy can be found under.
enum Key<'s> {
    Principal(u32),
    PrincipalType(&'s EntityType),
    Actions(&'s [u32]),
    Resource(u32),
    ResourceType(&'s EntityType),
}

// === impl Index ===

impl Index {
    pub(super) fn new(scopes: &[Scope]) -> Self {
        // First under everything, to see what is rare; then under that only.
        let mut all = Self::default();
        for scope in scopes {
            for key in scope.keys() {
                all.put(&key, 0);
            }
        }
        let mut index = Self::default();
        for (number, scope) in (0u32..).zip(scopes) {
            match scope.keys().min_by_key(|key| all.commonness(key)) {
                Some(key) => index.put(&key, number),
                None => index.any.push(number),
            }
        }
        index
    }

    /// How many policies every call meets.
    pub(super) fn any_count(&self) -> usize {
        self.any.len()
    }

    /// The policies whose scope fits the call, in the order of their ids.
    pub(super) fn candidates(
        &self,
        scopes: &[Scope],
        principal: Placed<'_>,
        action: &Lineage,
        resource: Placed<'_>,
    ) -> Vec<u32> {
        let mut found = self.any.clone();
        self.principal.find(principal, &mut found);
        self.resource.find(resource, &mut found);
        found.extend(action.numbers().filter_map(|number| self.action.get(&number)).flatten());
        found.retain(|number| {
            usize::try_from(*number)
                .ok()
                .and_then(|at| scopes.get(at))
                .is_some_and(|scope| scope.fits(principal, action, resource))
        });
        found.sort_unstable();
        // A policy for several actions can be found under more than one.
        found.dedup();
        found
    }

    fn put(&mut self, key: &Key<'_>, policy: u32) {
        match key {
            Key::Principal(entity) => self.principal.entities.entry(*entity).or_default().push(policy),
            Key::Resource(entity) => self.resource.entities.entry(*entity).or_default().push(policy),
            Key::PrincipalType(kind) => self.principal.of_type(kind).push(policy),
            Key::ResourceType(kind) => self.resource.of_type(kind).push(policy),
            Key::Actions(actions) => {
                for action in *actions {
                    self.action.entry(*action).or_default().push(policy);
                }
            }
        }
    }

    fn commonness(&self, key: &Key<'_>) -> usize {
        let count = |bucket: Option<&Vec<u32>>| bucket.map_or(0, Vec::len);
        match key {
            Key::Principal(entity) => count(self.principal.entities.get(entity)),
            Key::Resource(entity) => count(self.resource.entities.get(entity)),
            Key::PrincipalType(kind) => count(self.principal.type_bucket(kind)),
            Key::ResourceType(kind) => count(self.resource.type_bucket(kind)),
            Key::Actions(actions) => {
                actions.iter().map(|action| count(self.action.get(action))).fold(0, usize::saturating_add)
            }
        }
    }
}

// === impl Buckets ===

impl Buckets {
    fn find(&self, placed: Placed<'_>, found: &mut Vec<u32>) {
        if !self.entities.is_empty() {
            found.extend(placed.lineage.numbers().filter_map(|number| self.entities.get(&number)).flatten());
        }
        found.extend(self.type_bucket(placed.kind).into_iter().flatten());
    }

    fn type_bucket(&self, kind: &EntityType) -> Option<&Vec<u32>> {
        self.types.iter().find(|(known, _)| known == kind).map(|(_, policies)| policies)
    }

    fn of_type(&mut self, kind: &EntityType) -> &mut Vec<u32> {
        let place = self.types.iter().position(|(known, _)| known == kind).unwrap_or(self.types.len());
        if place == self.types.len() {
            self.types.push((kind.clone(), Vec::new()));
        }
        match self.types.get_mut(place) {
            Some((_, policies)) => policies,
            None => self.entities.entry(u32::MAX).or_default(),
        }
    }
}

// === impl Scope ===

impl Scope {
    pub(super) fn of(policy: &Policy, entities: &mut StaticEntities) -> Self {
        let action = match policy.action_constraint() {
            ActionConstraint::Any => ActionScope::Any,
            ActionConstraint::Eq(uid) => ActionScope::Eq(entities.number(uid.as_ref())),
            ActionConstraint::In(all) => {
                ActionScope::In(all.iter().map(|uid| entities.number(uid.as_ref())).collect())
            }
        };
        let kind = |name: &EntityTypeName| name.as_ref().with_loc(None);
        let mut number = |uid: &EntityUid| entities.number(uid.as_ref());
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any => Constraint::Any,
            PrincipalConstraint::Eq(uid) => Constraint::Eq(number(&uid)),
            PrincipalConstraint::In(uid) => Constraint::In(number(&uid)),
            PrincipalConstraint::Is(name) => Constraint::Is(kind(&name)),
            PrincipalConstraint::IsIn(name, uid) => Constraint::IsIn(kind(&name), number(&uid)),
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any => Constraint::Any,
            ResourceConstraint::Eq(uid) => Constraint::Eq(number(&uid)),
            ResourceConstraint::In(uid) => Constraint::In(number(&uid)),
            ResourceConstraint::Is(name) => Constraint::Is(kind(&name)),
            ResourceConstraint::IsIn(name, uid) => Constraint::IsIn(kind(&name), number(&uid)),
        };
        Self { principal, action, resource }
    }

    /// What Cedar's scope means: `is`, `==`, `in`, and any of several actions.
    fn fits(&self, principal: Placed<'_>, action: &Lineage, resource: Placed<'_>) -> bool {
        self.action.fits(action) && self.principal.fits(principal) && self.resource.fits(resource)
    }

    /// The same of a resource of which nothing is known but its type: what names an entity may name it, or what it is in.
    pub(super) fn may_fit(&self, principal: Placed<'_>, action: &Lineage, resource: &EntityType) -> bool {
        let of_type = match &self.resource {
            Constraint::Any | Constraint::Eq(_) | Constraint::In(_) => true,
            Constraint::Is(kind) | Constraint::IsIn(kind, _) => kind == resource,
        };
        of_type && self.action.fits(action) && self.principal.fits(principal)
    }

    /// The most telling first: of two that are equally rare, the first is taken.
    fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        let actions = match &self.action {
            ActionScope::Any => None,
            ActionScope::Eq(number) => Some(Key::Actions(std::slice::from_ref(number))),
            ActionScope::In(numbers) => Some(Key::Actions(numbers)),
        };
        let (resource, resource_type) = (self.resource.entity(), self.resource.kind());
        let (principal, principal_type) = (self.principal.entity(), self.principal.kind());
        resource
            .map(Key::Resource)
            .into_iter()
            .chain(principal.map(Key::Principal))
            .chain(actions)
            .chain(resource_type.map(Key::ResourceType))
            .chain(principal_type.map(Key::PrincipalType))
    }
}

// === impl ActionScope ===

impl ActionScope {
    fn fits(&self, action: &Lineage) -> bool {
        match self {
            Self::Any => true,
            Self::Eq(number) => action.own == Some(*number),
            Self::In(numbers) => numbers.iter().any(|number| action.is_in(*number)),
        }
    }
}

// === impl Constraint ===

impl Constraint {
    fn fits(&self, placed: Placed<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Eq(number) => placed.lineage.own == Some(*number),
            Self::In(number) => placed.lineage.is_in(*number),
            Self::Is(kind) => placed.kind == kind,
            Self::IsIn(kind, number) => placed.kind == kind && placed.lineage.is_in(*number),
        }
    }

    fn entity(&self) -> Option<u32> {
        match self {
            Self::Eq(number) | Self::In(number) | Self::IsIn(_, number) => Some(*number),
            Self::Any | Self::Is(_) => None,
        }
    }

    fn kind(&self) -> Option<&EntityType> {
        match self {
            Self::Is(kind) => Some(kind),
            Self::Any | Self::Eq(_) | Self::In(_) | Self::IsIn(..) => None,
        }
    }
}

// === impl NumberHasher ===

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // 2^64 divided by the golden ratio: neighbours come to lie far apart (Knuth, volume 3, section 6.4).
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}
