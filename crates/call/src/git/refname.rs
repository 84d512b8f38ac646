//! Names of refs: the rules of git-check-ref-format(1), and those by which everybody reads one name in one way.

/// Ref names become entity ids, policy context and lines in a ledger. File systems end a path at 4096 bytes, hosting
/// services a branch at 255; this is between.
const MAX_BYTES: usize = 1024;

/// What a ref is, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefKind {
    /// Below `refs/heads/`.
    Branch,
    /// Below `refs/tags/`.
    Tag,
    /// Anywhere else: notes, a hosting service's own refs.
    Other,
}

/// Why a name is refused.
pub(super) type Flaw = &'static str;

/// Checks the name of a ref that a command creates, moves or deletes.
///
/// # Errors
/// Every name that git itself would refuse in a push, and names that look or are stored like another.
pub(super) fn check(name: &[u8]) -> Result<&str, Flaw> {
    if name.len() > MAX_BYTES {
        return Err("it is longer than 1024 bytes");
    }
    let name = str::from_utf8(name).map_err(|_| "it is not UTF-8")?;
    let Some(below) = name.strip_prefix("refs/") else { return Err("it does not begin with `refs/`") };
    if let Some(flaw) = name.chars().find_map(refused) {
        return Err(flaw);
    }
    if name.contains("..") {
        return Err("it contains `..`");
    }
    if name.contains("@{") {
        return Err("it contains `@{`");
    }
    if name.ends_with('.') {
        return Err("it ends with `.`");
    }
    // git receives `refs/x` for deletions only, and nobody keeps anything there.
    if !below.contains('/') {
        return Err("it is not below a folder of `refs/`");
    }
    for component in below.split('/') {
        if component.is_empty() {
            return Err("a part of it is empty");
        }
        if component.starts_with('.') {
            return Err("a part of it begins with `.`");
        }
        if component.ends_with(".lock") {
            return Err("a part of it ends with `.lock`");
        }
    }
    Ok(name)
}

/// What git's rules, terminals or file systems make of a character.
fn refused(character: char) -> Option<Flaw> {
    match character {
        ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\' => Some("a character that git does not allow"),
        // They end lines or steer terminals, wherever the name is shown to a person who decides on it.
        _ if character.is_control() => Some("a control character"),
        '\u{2028}' | '\u{2029}' => Some("a line separator"),
        // HFS+ ignores these in file names, and nobody sees them: the name would be another's.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Some("an invisible character"),
        _ => None,
    }
}

// === impl RefKind ===

impl RefKind {
    /// The kind of a ref name.
    pub fn of(name: &str) -> Self {
        if name.starts_with("refs/heads/") {
            Self::Branch
        } else if name.starts_with("refs/tags/") {
            Self::Tag
        } else {
            Self::Other
        }
    }

    /// `branch`, `tag` or `other`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests;
