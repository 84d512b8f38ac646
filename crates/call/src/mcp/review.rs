//! What somebody has read of a server's tools and prompts, and what the server says of them now.

use super::answer::ListKind;

/// A tool or prompt that is called, with the definition that somebody has read: any other is another thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// Of what kind.
    pub kind: ListKind,
    /// Its name.
    pub name: String,
    /// The digest of what was read.
    pub digest: Box<str>,
}

/// What a list says of a tool or prompt that somebody has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Of what kind.
    pub kind: ListKind,
    /// Its name.
    pub name: String,
    /// The digest of what is listed; none where that has no canonical form.
    pub digest: Option<String>,
    /// Whether it is what was read.
    pub is_reviewed: bool,
}
