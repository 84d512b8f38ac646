//! URIs of resources, in the one form about which servers do not disagree.

use crate::error::CallError;

/// As long as a path that is read from a request's head.
const MAX_URI_BYTES: usize = 2048;

/// Refuses a URI that a server could take for another one.
///
/// # Errors
/// What is not a scheme and printable ASCII, has dot segments or empty ones, or escapes what needs no escape or what
/// would separate. A template's braces are a part of the text.
pub(super) fn check(uri: &str) -> Result<(), CallError> {
    let invalid = |reason| CallError::argument("uri", reason);
    if uri.len() > MAX_URI_BYTES {
        return Err(invalid("is longer than 2048 bytes"));
    }
    if !uri.bytes().all(|b| {
        b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'|' | b'#' | b';')
    }) {
        return Err(invalid("has a character that must be escaped, or a fragment"));
    }
    let (scheme, rest) = uri.split_once(':').ok_or_else(|| invalid("has no scheme"))?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    if !is_scheme {
        return Err(invalid("has a scheme that is not in lower case"));
    }
    let path = rest.split('?').next().unwrap_or_default();
    // `scheme://` is followed by an authority, which may be empty; a path may end with a slash.
    let path = path.strip_prefix("//").unwrap_or(path);
    let mut segments = path.split('/').enumerate().peekable();
    while let Some((place, segment)) = segments.next() {
        if matches!(segment, "." | "..") {
            return Err(invalid("has a dot segment"));
        }
        if segment.is_empty() && place > 0 && segments.peek().is_some() {
            return Err(invalid("has an empty segment"));
        }
    }
    check_escapes(rest).map_err(invalid)
}

fn check_escapes(text: &str) -> Result<(), &'static str> {
    let mut pieces = text.split('%');
    pieces.next();
    for piece in pieces {
        let digits = piece.get(..2).ok_or("has a broken escape")?;
        let byte = u8::from_str_radix(digits, 16).map_err(|_| "has a broken escape")?;
        if !digits.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
            return Err("has an escape in lower case");
        }
        let is_unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if is_unreserved || matches!(byte, b'/' | b'\\' | b'%' | 0) {
            return Err("escapes what needs no escape, or what separates");
        }
    }
    Ok(())
}
