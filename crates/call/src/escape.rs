//! Percent-encoding in its one canonical form (RFC 3986 sections 2.1 and 6.2.2).

use std::borrow::Cow;

/// Why an escaped text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// `%` without two hexadecimal digits.
    Broken,
    /// Lower-case hexadecimal digits.
    LowerCase,
    /// An escape of a character that needs none.
    Unreserved,
    /// An escaped control character: it ends the text for some readers.
    Control,
    /// The escapes do not give UTF-8: readers replace, drop or keep such bytes.
    NotUtf8,
}

/// Decodes `raw`, once, if it is canonical. Borrows what has no escapes.
pub(crate) fn decode(raw: &str) -> Result<Cow<'_, str>, Flaw> {
    if !raw.as_bytes().contains(&b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = if *first == b'%' {
            let [high, low, tail @ ..] = tail else { return Err(Flaw::Broken) };
            decoded.push(escaped_byte(*high, *low)?);
            tail
        } else {
            decoded.push(*first);
            tail
        };
    }
    let decoded = String::from_utf8(decoded).map_err(|_| Flaw::NotUtf8)?;
    // C1 controls (U+0080 to U+009F) can only show once the bytes are characters.
    if decoded.chars().any(char::is_control) {
        return Err(Flaw::Control);
    }
    Ok(Cow::Owned(decoded))
}

fn escaped_byte(high: u8, low: u8) -> Result<u8, Flaw> {
    let byte = hex(high)? << 4 | hex(low)?;
    if is_unreserved(byte) { Err(Flaw::Unreserved) } else { Ok(byte) }
}

fn hex(digit: u8) -> Result<u8, Flaw> {
    match digit {
        b'0'..=b'9' => Ok(digit.wrapping_sub(b'0')),
        b'A'..=b'F' => Ok(digit.wrapping_sub(b'A').wrapping_add(10)),
        b'a'..=b'f' => Err(Flaw::LowerCase),
        _ => Err(Flaw::Broken),
    }
}

/// RFC 3986 section 2.3.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 section 3.3, and `%`, but for `;`: servlet containers and older form parsers end a name there.
pub(crate) const fn is_pchar(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
        )
}

// === impl Flaw ===

impl Flaw {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Broken => "`%` without two hexadecimal digits",
            Self::LowerCase => "an escape in lower case",
            Self::Unreserved => "an escape of a character that needs none",
            Self::Control => "an escaped control character",
            Self::NotUtf8 => "escapes that are not UTF-8",
        }
    }
}
