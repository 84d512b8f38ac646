//! Templates in which fixed segments follow what stands for several: `/{name...}/tags/list`.

use std::collections::BTreeSet;

use super::leaf::{Leaf, Selector};
use crate::{
    catalog::{PathTemplate, Piece, RouteRule},
    escape,
    path::has_escaped_slash,
};

/// The routes of one such template.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    pieces: Vec<Piece>,
    slash: bool,
    pub(super) leaf: Leaf,
}

/// A template cut at what stands for several segments.
struct Cut<'t> {
    before: &'t [Piece],
    behind: &'t [Piece],
    is_open: bool,
}

// === impl Tail ===

impl Tail {
    pub(super) fn new(path: &PathTemplate, number: usize, selector: Selector<'_>) -> Self {
        let mut leaf = Leaf::Empty;
        leaf.insert(number, selector);
        Self { pieces: path.pieces().to_vec(), slash: path.ends_with_slash(), leaf }
    }

    /// Whether the template is this one but for its names.
    pub(super) fn is_like(&self, path: &PathTemplate) -> bool {
        self.slash == path.ends_with_slash() && are_alike(&self.pieces, path.pieces())
    }

    /// Whether a path of these segments matches.
    ///
    /// INVARIANT: no segment of what stands for several is a marker, so that a reader who cuts the path at the first
    /// marker and one who cuts it at the last find the same.
    pub(super) fn matches(&self, segments: &[&str], slash: bool, markers: &BTreeSet<String>) -> bool {
        let Cut { before, behind, .. } = cut(&self.pieces);
        let count = segments.len().checked_sub(before.len()).and_then(|left| left.checked_sub(behind.len()));
        let Some(count) = count.filter(|count| *count > 0 && slash == self.slash) else { return false };
        let (head, rest) = segments.split_at_checked(before.len()).unwrap_or_default();
        let (rest, end) = rest.split_at_checked(count).unwrap_or_default();
        before.iter().zip(head).chain(behind.iter().zip(end)).all(|(piece, segment)| fits(piece, segment))
            && rest.iter().all(|segment| !has_escaped_slash(segment) && !markers.contains(&decoded(segment)))
    }
}

/// Whether some request is both rules', one of which has such a template. Markers are not looked at: this may say yes
/// too often, never too seldom.
pub(super) fn overlap(one: &RouteRule, other: &RouteRule) -> bool {
    let (a, b) = (one.path.pieces(), other.path.pieces());
    let slash = one.path.ends_with_slash();
    if slash != other.path.ends_with_slash() {
        return false;
    }
    let (cut_a, cut_b) = (cut(a), cut(b));
    // What is open takes as many segments as the other needs; what is not has all of them before the cut.
    let is_long_enough = |open: &Cut<'_>, closed: &Cut<'_>| {
        closed.is_open || closed.before.len() > open.before.len().saturating_add(open.behind.len())
    };
    if !is_long_enough(&cut_a, &cut_b) && cut_a.is_open || !is_long_enough(&cut_b, &cut_a) && cut_b.is_open {
        return false;
    }
    let ends = |cut: &Cut<'_>, all: &[Piece]| if cut.is_open { cut.behind.to_vec() } else { all.to_vec() };
    let (end_a, end_b) = (ends(&cut_a, a), ends(&cut_b, b));
    let meets = cut_a.before.iter().zip(cut_b.before).all(|(x, y)| can_meet(x, y))
        && end_a.iter().rev().zip(end_b.iter().rev()).all(|(x, y)| can_meet(x, y));
    meets && !Selector::of(one).excludes(Selector::of(other), are_alike(a, b))
}

/// The segment without escapes: a marker is one however it is written.
pub(super) fn decoded(segment: &str) -> String {
    escape::decode(segment).map_or_else(|_| segment.to_owned(), std::borrow::Cow::into_owned)
}

fn cut(pieces: &[Piece]) -> Cut<'_> {
    let place = pieces.iter().position(|piece| matches!(piece, Piece::Rest(_)));
    let is_open = place.is_some();
    let place = place.unwrap_or(pieces.len());
    let before = pieces.get(..place).unwrap_or_default();
    let behind = pieces.get(place.saturating_add(1)..).unwrap_or_default();
    Cut { before, behind, is_open }
}

fn fits(piece: &Piece, segment: &str) -> bool {
    match piece {
        Piece::Literal(text) => text == segment,
        Piece::One(_) => !has_escaped_slash(segment),
        Piece::Encoded(_) => true,
        Piece::Rest(_) => false,
    }
}

/// Whether some segment fits both.
fn can_meet(one: &Piece, other: &Piece) -> bool {
    match (one, other) {
        (Piece::Literal(one), Piece::Literal(other)) => one == other,
        (Piece::Literal(_) | Piece::One(_) | Piece::Encoded(_) | Piece::Rest(_), _) => true,
    }
}

fn are_alike(one: &[Piece], other: &[Piece]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| match (one, other) {
            (Piece::Literal(one), Piece::Literal(other)) => one == other,
            (Piece::One(_), Piece::One(_))
            | (Piece::Encoded(_), Piece::Encoded(_))
            | (Piece::Rest(_), Piece::Rest(_)) => true,
            (Piece::Literal(_) | Piece::One(_) | Piece::Encoded(_) | Piece::Rest(_), _) => false,
        })
}
