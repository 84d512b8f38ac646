//! Header names and the values of those headers that frame a message.

use crate::error::CallError;

/// The longest registered method (`UPDATEREDIRECTREF`) has 17 letters.
const MAX_METHOD_BYTES: usize = 32;

/// A token (RFC 9110 section 5.6.2) without upper-case letters (RFC 9113 section 8.2).
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| NAME.get(usize::from(*byte)).is_some_and(|letter| *letter))
}

/// The bytes of which names are made: every header has one to be looked at.
const NAME: [bool; 256] = letters(b"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

const fn letters(mut all: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    while let [letter, rest @ ..] = all {
        #[expect(clippy::indexing_slicing, reason = "a byte is below 256, and this runs in the compiler")]
        {
            table[*letter as usize] = true;
        }
        all = rest;
    }
    table
}

/// Methods are case-sensitive (RFC 9110 section 9.1), but some backends shout them before they compare.
pub(crate) fn is_method(method: &str) -> bool {
    method.len() <= MAX_METHOD_BYTES
        && method.starts_with(|first: char| first.is_ascii_uppercase())
        && method.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// RFC 9110 section 5.5: no control characters but the tab.
pub(super) fn has_controls(value: &[u8]) -> bool {
    // Without a way out of the loop, so that it is done for many bytes at once: tokens are long.
    value.iter().fold(false, |found, byte| found | ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7F))
}

/// RFC 9113 section 8.2.1: a value neither begins nor ends with white space. Readers that trim would see another one.
pub(super) fn is_padded(value: &[u8]) -> bool {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    value.first().is_some_and(blank) || value.last().is_some_and(blank)
}

/// Digits only, in one spelling: no sign, no list, no leading zero.
pub(super) fn content_length(value: &[u8]) -> Result<u64, CallError> {
    let error = CallError::malformed("content-length is not a number");
    let text = str::from_utf8(value).map_err(|_| error.clone())?;
    let is_plain = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
    if is_plain { text.parse().map_err(|_| error) } else { Err(error) }
}

pub(super) fn transfer_encoding(value: &[u8]) -> Result<(), CallError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        Ok(())
    } else {
        Err(CallError::malformed("transfer-encoding is not `chunked`"))
    }
}

/// RFC 9110 section 8.3 has one media type. Envoy joins a header that is there twice with a comma before anybody sees
/// it; a comma outside a quoted string is that and nothing else.
pub(super) fn content_type(value: &[u8]) -> Result<(), CallError> {
    let mut quoted = false;
    let mut escaped = false;
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return Err(CallError::duplicate(b"content-type")),
            _ => {}
        }
    }
    if quoted { Err(CallError::malformed("an open quote in content-type")) } else { Ok(()) }
}

/// RFC 9110 section 7.6.1: the names in `Connection` are headers that the next hop drops, so that a client could
/// take away what was decided on.
pub(super) fn connection(value: &[u8]) -> Result<(), CallError> {
    for option in value.split(|byte| *byte == b',') {
        let option = option.trim_ascii();
        if option.eq_ignore_ascii_case(b"upgrade") || option.eq_ignore_ascii_case(b"http2-settings") {
            return Err(CallError::UpgradeRefused { reason: "`connection: upgrade`" });
        }
        let is_known =
            [&b"keep-alive"[..], b"close", b"te"].iter().any(|known| option.eq_ignore_ascii_case(known));
        if !is_known {
            return Err(CallError::refused(b"connection", "it takes other headers away"));
        }
    }
    Ok(())
}

pub(super) fn expect(value: &[u8]) -> Result<(), CallError> {
    if value.eq_ignore_ascii_case(b"100-continue") {
        Ok(())
    } else {
        Err(CallError::refused(b"expect", "only `100-continue` is known"))
    }
}
