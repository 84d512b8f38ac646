//! What is made readable before the reader sees it: placeholders, and JSON's surrogate pairs.

/// Every `${NAME}` as `$_NAME_`: as long as before, so that every position stays true.
pub(super) fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        shown.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if is_name(name) => {
                shown.push_str("$_");
                shown.push_str(name);
                shown.push('_');
                rest = behind;
            }
            Some(_) | None => {
                shown.push_str("${");
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// JSON writes a character beyond U+FFFF as two escapes (RFC 8259 section 7), YAML as one. A lone surrogate
/// stays as it is, and the reader refuses it. Columns behind such a character move, lines do not.
pub(super) fn with_yaml_escapes(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        shown.push_str(before);
        if let Some((character, behind)) = surrogate_pair(escape) {
            shown.push_str(&format!("\\U{:08X}", u32::from(character)));
            rest = behind;
        } else {
            // Both characters of an escape at once, so that `\\u` is no `\u`.
            let length = escape.chars().take(2).map(char::len_utf8).sum();
            let (kept, behind) = escape.split_at_checked(length).unwrap_or((escape, ""));
            shown.push_str(kept);
            rest = behind;
        }
    }
    shown.push_str(rest);
    shown
}

fn surrogate_pair(escape: &str) -> Option<(char, &str)> {
    let (high, behind) = unit(escape)?;
    let (low, behind) = unit(behind)?;
    let character = char::decode_utf16([high, low]).next()?.ok()?;
    // Two ordinary characters are no pair.
    (u32::from(character) > 0xFFFF).then_some((character, behind))
}

fn unit(escape: &str) -> Option<(u16, &str)> {
    let (digits, behind) = escape.strip_prefix("\\u")?.split_at_checked(4)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten().map(|unit| (unit, behind))
}
