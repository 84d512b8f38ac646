//! Groups of actions: every name is known, and nothing is in itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Faults, NOT_A_WORD, is_word, token};

type Groups = BTreeMap<String, Vec<String>>;

pub(super) fn check<'r>(groups: &'r Groups, actions: impl Iterator<Item = &'r str>, faults: &mut Faults) {
    let parents = groups.values().flatten().map(String::as_str);
    let known: BTreeSet<&str> = actions.chain(parents).collect();
    for (name, parents) in groups {
        let pointer = format!("/groups/{}", token(name));
        if !known.contains(name.as_str()) {
            faults.unknown(
                pointer.clone(),
                format!("no route has the action `{name}`, and nothing is in such a group"),
                name,
                known.iter().copied(),
            );
        }
        for (number, parent) in parents.iter().enumerate() {
            if !is_word(parent) {
                faults.add(format!("{pointer}/{number}"), format!("group `{parent}` {NOT_A_WORD}"));
            } else if parents.iter().take(number).any(|other| other == parent) {
                faults.add(format!("{pointer}/{number}"), format!("group `{parent}` is there twice"));
            }
        }
        if ancestors(groups, name).contains(name.as_str()) {
            faults.add(pointer, format!("`{name}` is in itself"));
        }
    }
}

fn ancestors<'g>(groups: &'g Groups, name: &str) -> BTreeSet<&'g str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = groups.get(name).into_iter().flatten().map(String::as_str).collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(groups.get(next).into_iter().flatten().map(String::as_str));
        }
    }
    found
}
