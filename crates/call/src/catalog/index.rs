//! Finds the route of a request among thousands: a tree of path segments per method.

use std::collections::BTreeMap;

use super::{
    rule::{HeaderRule, RouteRule},
    template::Piece,
};
use crate::path::has_escaped_slash;

/// The routes of a catalog by method, path and header.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    methods: BTreeMap<String, Node>,
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

/// The routes of one template.
#[derive(Debug, Clone, Default)]
enum Leaf {
    #[default]
    Empty,
    Any(usize),
    /// Told apart by the value of one header.
    ByHeader {
        name: String,
        values: BTreeMap<String, usize>,
    },
}

// === impl Index ===

impl Index {
    /// Adds route number `number`, or says which one already matches some request that it matches.
    pub(crate) fn insert(&mut self, number: usize, rule: &RouteRule) -> Result<(), usize> {
        let root = self.methods.entry(rule.method.clone()).or_default();
        let (pieces, slash) = (rule.path.pieces(), rule.path.ends_with_slash());
        if let Some(other) = root.overlap(pieces, slash, rule.header.as_ref()) {
            return Err(other);
        }
        root.place(pieces, slash).insert(number, rule.header.as_ref());
        Ok(())
    }

    /// The route of a path (canonical, from the `/` behind the service's prefix on), given the values of headers.
    ///
    /// # Errors
    /// What `header` says of a header that tells routes apart.
    pub(crate) fn find<'v, E>(
        &self,
        method: &str,
        path: &str,
        mut header: impl FnMut(&str) -> Result<Option<&'v [u8]>, E>,
    ) -> Result<Option<usize>, E> {
        let (Some(root), Some(relative)) = (self.methods.get(method), path.strip_prefix('/')) else {
            return Ok(None);
        };
        match relative.strip_suffix('/') {
            Some(body) => root.find(body, true, &mut header),
            None => root.find(relative, relative.is_empty(), &mut header),
        }
    }
}

// === impl Node ===

impl Node {
    /// Looks for `body`: segments with `/` between them. A path meets each node once at most, so that the work is
    /// bounded by the tree, and in practice by the segments.
    fn find<'v, E>(
        &self,
        body: &str,
        slash: bool,
        header: &mut impl FnMut(&str) -> Result<Option<&'v [u8]>, E>,
    ) -> Result<Option<usize>, E> {
        if body.is_empty() {
            return self.here.get(slash).find(header);
        }
        let (segment, behind) = body.split_once('/').unwrap_or((body, ""));
        if let Some(node) = self.literals.get(segment)
            && let Some(found) = node.find(behind, slash, header)?
        {
            return Ok(Some(found));
        }
        if let Some(node) = &self.one
            && !has_escaped_slash(segment)
            && let Some(found) = node.find(behind, slash, header)?
        {
            return Ok(Some(found));
        }
        if let Some(node) = &self.encoded
            && let Some(found) = node.find(behind, slash, header)?
        {
            return Ok(Some(found));
        }
        let found = self.rest.get(slash).find(header)?;
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

    /// A route that matches some path that the template matches too, headers not telling them apart.
    fn overlap(&self, pieces: &[Piece], slash: bool, header: Option<&HeaderRule>) -> Option<usize> {
        let Some((piece, behind)) = pieces.split_first() else { return self.here.get(slash).overlap(header) };
        // Any segment can be one without an escaped slash, which every kind of place but another literal takes.
        let rest = || self.rest.get(slash).overlap(header);
        let places = || self.one.iter().chain(&self.encoded).map(AsRef::as_ref);
        match piece {
            Piece::Literal(text) => rest().or_else(|| {
                self.literals
                    .get(text)
                    .into_iter()
                    .chain(places())
                    .find_map(|node| node.overlap(behind, slash, header))
            }),
            Piece::One(_) | Piece::Encoded(_) => rest().or_else(|| {
                self.literals.values().chain(places()).find_map(|node| node.overlap(behind, slash, header))
            }),
            Piece::Rest(_) => rest().or_else(|| {
                self.literals.values().chain(places()).find_map(|node| node.overlap_below(slash, header))
            }),
        }
    }

    /// A route that ends here or anywhere below.
    fn overlap_below(&self, slash: bool, header: Option<&HeaderRule>) -> Option<usize> {
        let places = self.one.iter().chain(&self.encoded).map(AsRef::as_ref);
        self.here.get(slash).overlap(header).or_else(|| self.rest.get(slash).overlap(header)).or_else(|| {
            self.literals.values().chain(places).find_map(|node| node.overlap_below(slash, header))
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

// === impl Leaf ===

impl Leaf {
    fn find<'v, E>(
        &self,
        header: &mut impl FnMut(&str) -> Result<Option<&'v [u8]>, E>,
    ) -> Result<Option<usize>, E> {
        match self {
            Self::Empty => Ok(None),
            Self::Any(number) => Ok(Some(*number)),
            Self::ByHeader { name, values } => {
                let value = header(name)?.and_then(|value| str::from_utf8(value).ok());
                Ok(value.and_then(|value| values.get(value)).copied())
            }
        }
    }

    /// A route here that `header` does not tell apart.
    fn overlap(&self, header: Option<&HeaderRule>) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Any(number) => Some(*number),
            Self::ByHeader { name, values } => match header {
                Some(header) if header.name == *name => values.get(&header.value).copied(),
                // A request can have both headers.
                Some(_) | None => values.values().next().copied(),
            },
        }
    }

    /// Adds a route that overlaps with none here.
    fn insert(&mut self, number: usize, header: Option<&HeaderRule>) {
        match (self, header) {
            (Self::ByHeader { values, .. }, Some(header)) => {
                values.insert(header.value.clone(), number);
            }
            (leaf, Some(HeaderRule { name, value })) => {
                *leaf =
                    Self::ByHeader { name: name.clone(), values: BTreeMap::from([(value.clone(), number)]) };
            }
            (leaf, None) => *leaf = Self::Any(number),
        }
    }
}

#[cfg(test)]
mod tests;
