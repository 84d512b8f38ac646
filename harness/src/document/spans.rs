//! Where each part of a value was written: RFC 6901 pointer -> place of its key and of its value.

use std::collections::BTreeMap;

use crate::text::Position;

/// The places of one document's parts.
#[derive(Debug, Clone)]
pub struct Spans {
    root: Node,
}

/// The place of one part. A tree, so that the nearest part of a pointer that leads nowhere is known.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) key: Option<Position>,
    pub(super) value: Position,
    pub(super) parts: Parts,
}

#[derive(Debug, Clone)]
pub(super) enum Parts {
    None,
    Members(BTreeMap<String, Node>),
    Items(Vec<Node>),
}

/// What a pointer led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Where the key stands, if the part is a member of a mapping.
    pub key: Option<Position>,
    /// Where the value begins.
    pub value: Position,
    /// Whether the value is a mapping or a list.
    pub collection: bool,
    /// False when the pointer leads nowhere and this is the nearest part on its way.
    pub exact: bool,
}

// === impl Spans ===

impl Spans {
    pub(super) fn new(root: Node) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// What the pointer leads to, or the nearest part that is there.
    pub fn find(&self, pointer: &str) -> Found {
        let mut node = &self.root;
        let mut exact = true;
        for token in pointer.split('/').skip(1) {
            let Some(next) = node.part(&unescape(token)) else {
                exact = false;
                break;
            };
            node = next;
        }
        let collection = !matches!(node.parts, Parts::None);
        Found { key: node.key, value: node.value, collection, exact }
    }
}

// === impl Node ===

impl Node {
    pub(super) fn part(&self, token: &str) -> Option<&Self> {
        match &self.parts {
            Parts::None => None,
            Parts::Members(members) => members.get(token),
            Parts::Items(items) => items.get(token.parse::<usize>().ok()?),
        }
    }
}

/// One reference token as it stands in a pointer (RFC 6901 section 3).
pub(super) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// The name that a reference token means (RFC 6901 section 4: `~1` first).
pub(super) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
