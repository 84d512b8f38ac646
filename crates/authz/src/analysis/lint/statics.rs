//! The static entities as they are written: which there are, and what they are in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::document::BundleDocument;

/// The entities of every `entities.json`, by type and id.
#[derive(Debug, Default)]
pub(crate) struct Statics {
    known: BTreeSet<Name>,
    /// What has something directly in it, and that.
    members: BTreeMap<Name, BTreeSet<Name>>,
    /// The aliases of the issuers, and whether their tokens name groups.
    issuers: BTreeMap<String, bool>,
}

/// Type and id.
type Name = (String, String);

// === impl Statics ===

impl Statics {
    pub(crate) fn of(document: &BundleDocument) -> Self {
        let mut known = BTreeSet::new();
        let mut members: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
        let written = document.packs.values().filter_map(|pack| pack.entities.as_ref());
        for entity in written.flat_map(|entities| entities.value.as_array()).flatten() {
            let Some(uid) = entity.get("uid").and_then(name) else { continue };
            let above = entity.get("parents").and_then(Value::as_array).into_iter().flatten();
            for parent in above.filter_map(name) {
                members.entry(parent).or_default().insert(uid.clone());
            }
            known.insert(uid);
        }
        let issuers = document.config.value.get("issuers").and_then(Value::as_array).into_iter().flatten();
        let issuers = issuers.filter_map(|issuer| {
            let alias = issuer.get("alias")?.as_str()?.to_owned();
            Some((alias, issuer.pointer("/claims/groups").is_some()))
        });
        Self { known, members, issuers: issuers.collect() }
    }

    pub(super) fn knows(&self, type_name: &str, id: &str) -> bool {
        self.known.contains(&(type_name.to_owned(), id.to_owned()))
    }

    /// The ids of all groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.known.iter().filter(|(kind, _)| kind == "Group").map(|(_, id)| id.as_str())
    }

    /// Everything that is in this entity, however far down.
    pub(super) fn below(&self, type_name: &str, id: &str) -> BTreeSet<Name> {
        let mut found = BTreeSet::new();
        let mut queue = vec![(type_name.to_owned(), id.to_owned())];
        while let Some(outer) = queue.pop() {
            for inner in self.members.get(&outer).into_iter().flatten() {
                if found.insert(inner.clone()) {
                    queue.push(inner.clone());
                }
            }
        }
        found
    }

    /// Whether an id is one that an issuer's tokens can name: `<alias>/<name>`.
    pub(super) fn is_of_an_issuer(&self, id: &str) -> bool {
        self.alias(id).is_some()
    }

    /// Whether an id is one of a group that an issuer's tokens can name.
    pub(super) fn is_claimed_group(&self, id: &str) -> bool {
        self.alias(id).is_some_and(|names_groups| names_groups)
    }

    pub(super) fn aliases(&self) -> impl Iterator<Item = &str> {
        self.issuers.keys().map(String::as_str)
    }

    /// Whether the issuer of an id names groups.
    fn alias(&self, id: &str) -> Option<bool> {
        let of =
            |alias: &str| id.strip_prefix(alias).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1);
        self.issuers.iter().find(|(alias, _)| of(alias)).map(|(_, names_groups)| *names_groups)
    }
}

/// `{"type": .., "id": ..}`, or the same inside `__entity`.
fn name(value: &Value) -> Option<Name> {
    let value = value.get("__entity").unwrap_or(value);
    Some((value.get("type")?.as_str()?.to_owned(), value.get("id")?.as_str()?.to_owned()))
}
