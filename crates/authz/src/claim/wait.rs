//! How long a client would wait for an answer (`Prefer`, RFC 7240 section 4.3).

use actgate_call::RequestHead;

/// The seconds that the client names; nothing where it names none that can be read. Only a preference: what is no
/// `Prefer` of that form says nothing.
pub(super) fn wanted(head: &RequestHead<'_>) -> Option<u64> {
    let values = head.headers().iter().filter(|(name, _)| *name == b"prefer").map(|(_, value)| *value);
    values.filter_map(|value| std::str::from_utf8(value).ok()).find_map(of)
}

/// The first `wait` among the preferences of one field.
fn of(field: &str) -> Option<u64> {
    field.split(',').find_map(|preference| {
        // Parameters follow a semicolon, and mean nothing here.
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let is_wait =
            name.trim().eq_ignore_ascii_case("wait") && value.bytes().all(|byte| byte.is_ascii_digit());
        if is_wait { value.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests;
