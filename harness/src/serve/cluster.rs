//! The clusters that a configuration makes the plugin ask: an Envoy has them in its own configuration.

use std::collections::BTreeMap;

use crate::document::{Document, Place};

/// The clusters by name, each with the place that first names it.
pub(super) fn named(config: &Document) -> BTreeMap<&str, Place<'_>> {
    let mut clusters = BTreeMap::new();
    let root = config.root();
    // What is below `services` is about what is behind the gate.
    for (name, part) in root.members() {
        if name != "services" {
            collect(&part, &mut clusters);
        }
    }
    clusters
}

/// INVARIANT: ends, since a document is a tree whose depth its reader bounds.
fn collect<'a>(part: &Place<'a>, clusters: &mut BTreeMap<&'a str, Place<'a>>) {
    for (name, member) in part.members() {
        match member.as_str() {
            Some(cluster) if name == "cluster" => {
                clusters.entry(cluster).or_insert(member);
            }
            _ => collect(&member, clusters),
        }
    }
    for item in part.items() {
        collect(&item, clusters);
    }
}

#[cfg(test)]
mod tests;
