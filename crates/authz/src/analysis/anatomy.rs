//! Where the parts of a policy stand in its text. Cedar's syntax trees do not say.

use std::ops::Range;

/// The places of a policy's parts, as byte offsets into its own text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Anatomy {
    /// `permit` or `forbid`.
    pub(super) effect: usize,
    /// The three parts of the scope: principal, action, resource.
    pub(super) scope: Vec<usize>,
    /// From each `when` or `unless` to the closing brace.
    pub(super) conditions: Vec<Range<usize>>,
}

/// What the scanner is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Annotations, or between the parts.
    Open,
    Scope,
    Condition(usize),
}

// === impl Anatomy ===

impl Anatomy {
    /// Finds the parts of a policy that Cedar's parser has accepted.
    pub(super) fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut place = Place::Open;
        let mut depth = 0_usize;
        let mut named = false;
        let mut expects_part = false;
        let mut condition = None;
        for (offset, token) in tokens(text) {
            match token {
                Token::Word(word) if depth == 0 && !std::mem::take(&mut named) => match word {
                    "permit" | "forbid" => found.effect = offset,
                    "when" | "unless" => condition = Some(offset),
                    _ => {}
                },
                Token::Sign('@') if depth == 0 => named = true,
                Token::Sign('(') if depth == 0 && offset > found.effect && found.scope.is_empty() => {
                    // The first bracket behind the effect; those of annotations stand before it.
                    let is_scope = text
                        .get(found.effect..)
                        .is_some_and(|rest| rest.starts_with("permit") || rest.starts_with("forbid"));
                    if is_scope {
                        place = Place::Scope;
                        expects_part = true;
                    }
                    depth = 1;
                }
                Token::Sign('{') if depth == 0 => {
                    place = condition.take().map_or(Place::Open, Place::Condition);
                    depth = 1;
                }
                Token::Sign('(' | '[' | '{') => depth = depth.saturating_add(1),
                Token::Sign(')' | ']' | '}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        if let Place::Condition(start) = place {
                            found.conditions.push(start..offset.saturating_add(1));
                        }
                        place = Place::Open;
                    }
                }
                Token::Sign(',') if depth == 1 && place == Place::Scope => expects_part = true,
                Token::Word(_) if expects_part && place == Place::Scope => {
                    found.scope.push(offset);
                    expects_part = false;
                }
                Token::Word(_) | Token::Sign(_) => {}
            }
        }
        found
    }

    /// The place of a part of the scope; that of the effect where the text is not as it should be.
    pub(super) fn part(&self, number: usize) -> usize {
        self.scope.get(number).copied().unwrap_or(self.effect)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Sign(char),
}

/// Words and signs, without strings and comments.
fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let offset = text.len().saturating_sub(rest.len());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            string_length(rest)
        } else if is_word(first) {
            let length = rest.find(|next| !is_word(next)).unwrap_or(rest.len());
            found.push((offset, Token::Word(rest.get(..length).unwrap_or_default())));
            length
        } else {
            if !first.is_whitespace() {
                found.push((offset, Token::Sign(first)));
            }
            first.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The length of the string literal at the beginning of a text, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (offset, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return offset.saturating_add(1),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
