//! Finds the route of a request among thousands: a tree of path segments per method.

mod leaf;
mod tail;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    leaf::{Leaf, Selector},
    tail::Tail,
};
use super::{rule::RouteRule, template::Piece};
use crate::path::has_escaped_slash;

/// The routes of a catalog by method, path, and what else tells them apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    methods: BTreeMap<String, Routes>,
    /// The decoded segments that end what stands for several segments, in any route.
    markers: BTreeSet<String>,
}

/// The routes of one method.
#[derive(Debug, Clone, Default)]
struct Routes {
    root: Node,
    /// Those in which something follows what stands for several segments. They are tried one by one.
    tails: Vec<Tail>,
}

/// What the index asks of a request besides its path.
pub(crate) trait Traits {
    /// Why a header cannot be told.
    type Error;

    /// The value of a header by which routes are told apart.
    ///
    /// # Errors
    /// A header that is there more than once.
    fn header(&self, name: &str) -> Result<Option<&[u8]>, Self::Error>;

    /// Whether the query has this parameter.
    fn has_parameter(&self, name: &str) -> bool;
}

/// A place in the tree, reached by the pieces of templates.
#[derive(Debug, Clone, Default)]
struct Node {
    literals: BTreeMap<String, Self>,
    one: Option<Box<Self>>,
    encoded: Option<Box<Self>>,
    /// The templates that end here.
    here: Ends,
    /// The templates that end here with the rest of the path.
    rest: Ends,
}

/// Templates that end in one place: without and with a trailing slash.
#[derive(Debug, Clone, Default)]
struct Ends {
    bare: Leaf,
    slash: Leaf,
}

// === impl Index ===

impl Index {
    /// Adds the route that comes after `others`, or says which of them already matches some request that it matches.
    pub(crate) fn insert<R: AsRef<RouteRule>>(
        &mut self,
        rule: &RouteRule,
        others: &[R],
    ) -> Result<(), usize> {
        let number = others.len();
        let selector = Selector::of(rule);
        let routes = self.methods.entry(rule.method.clone()).or_default();
        if let Some(marker) = rule.path.marker() {
            let others = others.iter().map(AsRef::as_ref).enumerate();
            let mut same_method = others.filter(|(_, other)| other.method == rule.method);
            if let Some((other, _)) = same_method.find(|(_, other)| tail::overlap(rule, other)) {
                return Err(other);
            }
            self.markers.insert(tail::decoded(marker));
            match routes.tails.iter_mut().find(|tail| tail.is_like(&rule.path)) {
                Some(tail) => tail.leaf.insert(number, selector),
                None => routes.tails.push(Tail::new(&rule.path, number, selector)),
            }
            return Ok(());
        }
        let (pieces, slash) = (rule.path.pieces(), rule.path.ends_with_slash());
        if let Some(other) = routes.root.overlap(pieces, slash, selector, true) {
            return Err(other);
        }
        let others = || others.iter().map(AsRef::as_ref).enumerate();
        let mut tails =
            others().filter(|(_, other)| other.method == rule.method && other.path.marker().is_some());
        if let Some((other, _)) = tails.find(|(_, other)| tail::overlap(rule, other)) {
            return Err(other);
        }
        routes.root.place(pieces, slash).insert(number, selector);
        Ok(())
    }

    /// The route of a path (canonical, from the `/` behind the service's prefix on).
    ///
    /// # Errors
    /// What the request says of a header that tells routes apart.
    pub(crate) fn find<T: Traits>(
        &self,
        method: &str,
        path: &str,
        traits: &T,
    ) -> Result<Option<usize>, T::Error> {
        let (Some(routes), Some(relative)) = (self.methods.get(method), path.strip_prefix('/')) else {
            return Ok(None);
        };
        let (body, slash) = match relative.strip_suffix('/') {
            Some(body) => (body, true),
            None => (relative, relative.is_empty()),
        };
        if let Some(found) = routes.root.find(body, slash, traits)? {
            return Ok(Some(found));
        }
        if routes.tails.is_empty() {
            return Ok(None);
        }
        let segments: Vec<&str> = body.split('/').collect();
        for tail in &routes.tails {
            if tail.matches(&segments, slash, &self.markers)
                && let Some(found) = tail.leaf.find(traits)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

// === impl Node ===

impl Node {
    /// Looks for `body`: segments with `/` between them. A path meets each node once at most, so that the work is
    /// bounded by the tree, and in practice by the segments.
    fn find<T: Traits>(&self, body: &str, slash: bool, traits: &T) -> Result<Option<usize>, T::Error> {
        if body.is_empty() {
            return self.here.get(slash).find(traits);
        }
        let (segment, behind) = body.split_once('/').unwrap_or((body, ""));
        if let Some(node) = self.literals.get(segment)
            && let Some(found) = node.find(behind, slash, traits)?
        {
            return Ok(Some(found));
        }
        if let Some(node) = &self.one
            && !has_escaped_slash(segment)
            && let Some(found) = node.find(behind, slash, traits)?
        {
            return Ok(Some(found));
        }
        if let Some(node) = &self.encoded
            && let Some(found) = node.find(behind, slash, traits)?
        {
            return Ok(Some(found));
        }
        let found = self.rest.get(slash).find(traits)?;
        Ok(found.filter(|_| !has_escaped_slash(body)))
    }

    fn place(&mut self, pieces: &[Piece], slash: bool) -> &mut Leaf {
        let Some((piece, behind)) = pieces.split_first() else { return self.here.get_mut(slash) };
        let node = match piece {
            Piece::Literal(text) => self.literals.entry(text.clone()).or_default(),
            Piece::One(_) => self.one.get_or_insert_default(),
            Piece::Encoded(_) => self.encoded.get_or_insert_default(),
            Piece::Rest(_) => return self.rest.get_mut(slash),
        };
        node.place(behind, slash)
    }

    /// A route that matches some path that the template matches too, nothing else telling them apart. `alike` says
    /// whether the way here is the template's own.
    fn overlap(&self, pieces: &[Piece], slash: bool, selector: Selector<'_>, alike: bool) -> Option<usize> {
        let Some((piece, behind)) = pieces.split_first() else {
            return self.here.get(slash).overlap(selector, alike);
        };
        // Any segment can be one without an escaped slash, which every kind of place but another literal takes.
        let rest = || self.rest.get(slash).overlap(selector, alike && matches!(piece, Piece::Rest(_)));
        let one = self.one.as_deref().map(|node| (node, matches!(piece, Piece::One(_))));
        let encoded = self.encoded.as_deref().map(|node| (node, matches!(piece, Piece::Encoded(_))));
        let mut places = one.into_iter().chain(encoded);
        match piece {
            Piece::Literal(text) => rest().or_else(|| {
                let literal = self.literals.get(text).map(|node| (node, true));
                literal
                    .into_iter()
                    .chain(places)
                    .find_map(|(node, same)| node.overlap(behind, slash, selector, alike && same))
            }),
            Piece::One(_) | Piece::Encoded(_) => rest().or_else(|| {
                let literals = self.literals.values().map(|node| (node, false));
                literals
                    .chain(places)
                    .find_map(|(node, same)| node.overlap(behind, slash, selector, alike && same))
            }),
            Piece::Rest(_) => rest().or_else(|| {
                let mut literals = self.literals.values();
                literals
                    .find_map(|node| node.overlap_below(slash, selector))
                    .or_else(|| places.find_map(|(node, _)| node.overlap_below(slash, selector)))
            }),
        }
    }

    /// A route that ends here or anywhere below.
    fn overlap_below(&self, slash: bool, selector: Selector<'_>) -> Option<usize> {
        let places = self.one.iter().chain(&self.encoded).map(AsRef::as_ref);
        let here = self.here.get(slash).overlap(selector, false);
        here.or_else(|| self.rest.get(slash).overlap(selector, false)).or_else(|| {
            self.literals.values().chain(places).find_map(|node| node.overlap_below(slash, selector))
        })
    }
}

// === impl Ends ===

impl Ends {
    const fn get(&self, slash: bool) -> &Leaf {
        if slash { &self.slash } else { &self.bare }
    }

    const fn get_mut(&mut self, slash: bool) -> &mut Leaf {
        if slash { &mut self.slash } else { &mut self.bare }
    }
}

#[cfg(test)]
mod tests;
