//! The path of a request, in its one canonical form or not at all.

use std::borrow::Cow;

use crate::{
    error::CallError,
    escape::{self, is_pchar},
};

/// No tool API nests deeper; the ancestry of a resource grows with the square of it.
pub const MAX_SEGMENTS: usize = 64;

/// RFC 9110 section 4.1 asks everybody to support targets of 8000 bytes, and most backends stop there.
pub(crate) const MAX_TARGET_BYTES: usize = 8192;

/// A path in the canonical form of RFC 3986 section 6.2.2 about which no two readers disagree. It is what was sent:
/// nothing is repaired.
///
/// It begins with `/`, has no empty segment but the last (a trailing slash), no dot segments, no `;`, `\`, control
/// bytes or bytes above 0x7E, and every escape in it is needed, in upper case, valid UTF-8 when decoded and not itself
/// an escape. `%2F` can be in it, and then only a route that asks for it may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    raw: &'a str,
    escaped_slash: bool,
}

/// One segment of a canonical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a>(&'a str);

// === impl CanonicalPath ===

impl<'a> CanonicalPath<'a> {
    /// Reads a path without its query.
    ///
    /// # Errors
    /// [`CallError::PathNotCanonical`] for everything that is not canonical.
    pub fn parse(raw: &'a str) -> Result<Self, CallError> {
        if raw.len() > MAX_TARGET_BYTES {
            return Err(CallError::path("it is too long"));
        }
        // Absolute-form, authority-form and asterisk-form (RFC 9112 section 3.2) name something else than a path.
        let Some(relative) = raw.strip_prefix('/') else {
            return Err(CallError::path("it does not begin with `/`"));
        };
        let mut escaped_slash = false;
        let mut rest = Some(relative);
        let mut count = 0_usize;
        while let Some(text) = rest {
            let (segment, tail) = match text.split_once('/') {
                Some((segment, tail)) => (segment, Some(tail)),
                None => (text, None),
            };
            // INVARIANT: only the last segment may be empty. `//` is merged by some readers and begins an authority
            // for others.
            if segment.is_empty() && tail.is_some() {
                return Err(CallError::path("an empty segment"));
            }
            count = count.saturating_add(1);
            if count > MAX_SEGMENTS {
                return Err(CallError::path("too many segments"));
            }
            escaped_slash |= check_segment(segment).map_err(CallError::path)?;
            rest = tail;
        }
        Ok(Self { raw, escaped_slash })
    }

    /// The path as it was sent.
    pub const fn as_str(&self) -> &'a str {
        self.raw
    }

    /// Whether a segment contains `%2F`, which a backend may take for a separator.
    pub const fn has_escaped_slash(&self) -> bool {
        self.escaped_slash
    }

    /// The segments; a trailing slash adds none.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> {
        segments(self.raw)
    }

    /// What follows `prefix`, which ends on a segment: `/v1/x` after `/secrets` or `/secrets/`. It begins with `/` or
    /// is empty.
    pub(crate) fn after(&self, prefix: &str) -> Option<&'a str> {
        let rest = self.raw.strip_prefix(prefix.strip_suffix('/').unwrap_or(prefix))?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

// === impl Segment ===

impl<'a> Segment<'a> {
    /// The segment as sent.
    pub const fn raw(self) -> &'a str {
        self.0
    }

    /// The decoded segment, or `None` where it contains an escaped slash.
    pub fn decoded(self) -> Option<Cow<'a, str>> {
        if self.has_escaped_slash() { None } else { self.decoded_with_slash() }
    }

    /// The decoded segment, in which a `/` is an escaped slash.
    pub fn decoded_with_slash(self) -> Option<Cow<'a, str>> {
        escape::decode(self.0).ok()
    }

    /// Whether it contains `%2F`.
    pub fn has_escaped_slash(self) -> bool {
        has_escaped_slash(self.0)
    }
}

/// The segments of a canonical path or of its end from a `/` on.
pub(crate) fn segments(raw: &str) -> impl Iterator<Item = Segment<'_>> + Clone {
    raw.split('/').filter(|segment| !segment.is_empty()).map(Segment)
}

pub(crate) fn has_escaped_slash(raw: &str) -> bool {
    raw.contains("%2F")
}

/// Whether the segment has an escaped slash, if it is canonical.
fn check_segment(raw: &str) -> Result<bool, &'static str> {
    if let Some(byte) = raw.bytes().find(|byte| !is_pchar(*byte)) {
        return Err(match byte {
            b';' => "`;`",
            b'\\' => "`\\`",
            b'#' => "a fragment",
            b'?' => "`?`",
            _ => "a character that must be escaped",
        });
    }
    if is_dots(raw) {
        return Err("a dot segment");
    }
    if !raw.as_bytes().contains(&b'%') {
        return Ok(false);
    }
    let decoded = escape::decode(raw).map_err(escape::Flaw::reason)?;
    // What one reader decodes before it splits, another after: the characters that split or end something.
    if decoded.contains('\\') {
        return Err("an escaped `\\`");
    }
    if decoded.contains(';') {
        return Err("an escaped `;`");
    }
    if decoded.split('%').skip(1).any(begins_like_an_escape) {
        return Err("an escape of an escape");
    }
    let slash = decoded.contains('/');
    if slash && decoded.split('/').any(|piece| piece.is_empty() || is_dots(piece)) {
        return Err("an empty or dot segment behind an escaped slash");
    }
    Ok(slash)
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// Whether a reader that decodes twice would find an escape: `%XX`, or the `%uXXXX` of some.
fn begins_like_an_escape(after_percent: &str) -> bool {
    match after_percent.as_bytes() {
        [b'u' | b'U', ..] => true,
        [high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
