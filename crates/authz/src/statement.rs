//! Cedar text as separate policies, each small enough for a stack without a guard.

use crate::{document::TextDocument, fault::Fault};

/// Cedar's recursion guard does not work on wasm, where a V8 stack holds about 1 MiB. Both numbers keep the deepest
/// tree that a policy can become far below that; real policies have a tenth of either.
const MAX_OPERATORS: usize = 256;
const MAX_NESTING: usize = 24;
/// 64 KiB: the longest policy. Nothing a person reviews is longer.
const MAX_STATEMENT_BYTES: usize = 64 * 1024;
/// 8 MiB: ten thousand policies of ordinary length.
const MAX_TEXT_BYTES: usize = 8 * 1024 * 1024;

/// One policy's text and where it begins (at its first annotation or keyword).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    pub(crate) offset: usize,
    pub(crate) text: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    Comment,
    Text { escaped: bool },
}

/// Splits a file at the `;` that end policies.
///
/// # Errors
/// A policy that is too long or too deep.
pub(crate) fn statements(source: &TextDocument) -> Result<Vec<Statement<'_>>, Fault> {
    let text = source.text.as_str();
    if text.len() > MAX_TEXT_BYTES {
        return Err(Fault::whole(&source.file, format!("more than {MAX_TEXT_BYTES} bytes of policies")));
    }
    let mut found = Vec::new();
    let mut place = Place::Code;
    let mut start: Option<usize> = None;
    let mut nesting = 0usize;
    let mut operators = 0usize;
    let mut previous = b' ';
    for (offset, byte) in text.bytes().enumerate() {
        match place {
            Place::Comment => {
                if byte == b'\n' {
                    place = Place::Code;
                }
            }
            Place::Text { escaped } => {
                place = match byte {
                    b'"' if !escaped => Place::Code,
                    b'\\' if !escaped => Place::Text { escaped: true },
                    _ => Place::Text { escaped: false },
                };
            }
            Place::Code => {
                if byte == b'/' && text.as_bytes().get(offset.saturating_add(1)) == Some(&b'/') {
                    place = Place::Comment;
                } else {
                    if start.is_none() && !byte.is_ascii_whitespace() {
                        start = Some(offset);
                    }
                    match byte {
                        b'"' => place = Place::Text { escaped: false },
                        b'(' | b'[' | b'{' => nesting = nesting.saturating_add(1),
                        b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
                        _ => {}
                    }
                    if is_operator(previous, byte) {
                        operators = operators.saturating_add(1);
                    }
                    let length = offset.saturating_sub(start.unwrap_or(offset));
                    if nesting > MAX_NESTING || operators > MAX_OPERATORS || length > MAX_STATEMENT_BYTES {
                        return Err(Fault::at_offset(
                            &source.file,
                            start.unwrap_or(offset),
                            format!(
                                "this policy is larger than {MAX_OPERATORS} operators, {MAX_NESTING} levels of brackets or {MAX_STATEMENT_BYTES} bytes"
                            ),
                        )
                        .help("split it into several policies"));
                    }
                    if byte == b';' && nesting == 0 {
                        if let Some((from, statement)) =
                            start.and_then(|from| text.get(from..=offset).map(|statement| (from, statement)))
                        {
                            found.push(Statement { offset: from, text: statement });
                        }
                        start = None;
                        operators = 0;
                    }
                }
            }
        }
        previous = byte;
    }
    // What is left over is no whole policy: let the parser say what is missing.
    if let Some((offset, rest)) = start.and_then(|from| text.get(from..).map(|rest| (from, rest))) {
        found.push(Statement { offset, text: rest });
    }
    Ok(found)
}

/// Counts what can chain without brackets: `&&`, `||`, `.`, `!`, `-`, `+`, `*`, and `if` (by its `f` after `i`).
fn is_operator(previous: u8, byte: u8) -> bool {
    matches!((previous, byte), (b'&', b'&') | (b'|', b'|') | (b'i', b'f'))
        || matches!(byte, b'.' | b'!' | b'-' | b'+' | b'*')
}

#[cfg(test)]
mod tests;
