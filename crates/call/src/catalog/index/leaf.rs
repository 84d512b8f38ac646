//! The routes of one path template, told apart by a header or by what is in the query.

use std::collections::BTreeMap;

use super::Traits;
use crate::catalog::rule::{HeaderRule, RouteRule};

/// The routes of one template.
#[derive(Debug, Clone, Default)]
pub(super) enum Leaf {
    #[default]
    Empty,
    Any(usize),
    /// Told apart by the value of one header.
    ByHeader {
        name: String,
        values: BTreeMap<String, usize>,
    },
    /// Told apart by which of some query parameters are there. Each route has its own set of them, and a request
    /// belongs to the route whose set is exactly what it has.
    ByQuery(Vec<(Vec<String>, usize)>),
}

/// By what a route is told apart from others of its path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Selector<'r> {
    Nothing,
    Header {
        name: &'r str,
        value: &'r str,
    },
    /// Names without duplicates, at least one.
    Query(&'r [String]),
}

// === impl Selector ===

impl<'r> Selector<'r> {
    pub(super) fn of(rule: &'r RouteRule) -> Self {
        match (&rule.header, rule.present.as_slice()) {
            (Some(HeaderRule { name, value }), _) => Self::Header { name, value },
            (None, names) => Self::query(names),
        }
    }

    const fn query(names: &'r [String]) -> Self {
        if names.is_empty() { Self::Nothing } else { Self::Query(names) }
    }

    /// Whether no request can be both routes'. `alike` says whether they have the same template.
    pub(super) fn excludes(self, other: Selector<'_>, alike: bool) -> bool {
        match (self, other) {
            (Self::Header { name, value }, Selector::Header { name: other, value: than }) => {
                name == other && value != than
            }
            (Self::Query(one), Selector::Query(other)) => alike && !is_same_set(one, other),
            (Self::Query(_), Selector::Nothing) | (Self::Nothing, Selector::Query(_)) => alike,
            // A request can have both headers, or a header and a query.
            (Self::Nothing | Self::Header { .. }, Selector::Nothing | Selector::Header { .. })
            | (Self::Header { .. }, Selector::Query(_))
            | (Self::Query(_), Selector::Header { .. }) => false,
        }
    }
}

// === impl Leaf ===

impl Leaf {
    pub(super) fn find<T: Traits>(&self, traits: &T) -> Result<Option<usize>, T::Error> {
        match self {
            Self::Empty => Ok(None),
            Self::Any(number) => Ok(Some(*number)),
            Self::ByHeader { name, values } => {
                let value = traits.header(name)?.and_then(|value| str::from_utf8(value).ok());
                Ok(value.and_then(|value| values.get(value)).copied())
            }
            Self::ByQuery(routes) => {
                let is_as_in =
                    |set: &[String], name: &String| traits.has_parameter(name) == set.contains(name);
                let names = || routes.iter().flat_map(|(names, _)| names);
                let found = routes.iter().find(|(set, _)| names().all(|name| is_as_in(set, name)));
                Ok(found.map(|(_, number)| *number))
            }
        }
    }

    /// A route here that some request of `selector` could be too. `alike` says whether the template is the same.
    pub(super) fn overlap(&self, selector: Selector<'_>, alike: bool) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Any(number) => (!Selector::Nothing.excludes(selector, alike)).then_some(*number),
            Self::ByHeader { name, values } => match selector {
                Selector::Header { name: other, value } if name == other => values.get(value).copied(),
                Selector::Header { .. } | Selector::Nothing | Selector::Query(_) => {
                    values.values().next().copied()
                }
            },
            Self::ByQuery(routes) => {
                let own = |names: &'_ [String]| !Selector::query(names).excludes(selector, alike);
                routes.iter().find(|(names, _)| own(names)).map(|(_, number)| *number)
            }
        }
    }

    /// Adds a route that overlaps with none here.
    pub(super) fn insert(&mut self, number: usize, selector: Selector<'_>) {
        let names = match selector {
            Selector::Header { name, value } => {
                if let Self::ByHeader { values, .. } = self {
                    values.insert(value.to_owned(), number);
                } else {
                    let values = BTreeMap::from([(value.to_owned(), number)]);
                    *self = Self::ByHeader { name: name.to_owned(), values };
                }
                return;
            }
            Selector::Nothing => Vec::new(),
            Selector::Query(names) => names.to_vec(),
        };
        match self {
            Self::Empty | Self::ByHeader { .. } if names.is_empty() => *self = Self::Any(number),
            Self::Empty | Self::ByHeader { .. } => *self = Self::ByQuery(vec![(names, number)]),
            Self::Any(other) => *self = Self::ByQuery(vec![(Vec::new(), *other), (names, number)]),
            Self::ByQuery(routes) => routes.push((names, number)),
        }
    }
}

/// Whether two lists without duplicates hold the same names.
fn is_same_set(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}
