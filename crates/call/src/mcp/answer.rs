//! Answers of a server: what they list, and how what was asked ended.
//!
//! A list is cut, never written anew: what is shown of it is the server's own text, byte for byte.

mod definition;
mod events;
mod members;
mod message;
mod outcome;

use thiserror::Error;

pub(super) use self::members::Members;
pub use self::{
    definition::definition_digest,
    events::Events,
    message::{Edited, edit},
    outcome::{Ending, Scan},
};
use super::{
    catalog::{CatalogRule, Rules, find},
    message::is_name,
    uri,
};

/// As much of a list as a catalog can have rules, so that one answer cannot ask for more decisions than that.
const MAX_LISTED: usize = 4096;

/// What has to be known of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Inspection {
    /// Nothing: nobody waits for one.
    #[default]
    Nothing,
    /// How it ended, of so many requests.
    Ending {
        /// The requests that are answered.
        asked: usize,
    },
    /// What it lists, wherever it does: in an answer to so many requests, or in a stream that may repeat answers.
    Lists {
        /// The requests that are answered.
        asked: usize,
    },
}

/// A kind of thing that a server lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`: each stands for many resources.
    Templates,
}

/// One thing of a list.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'m> {
    /// Of what kind.
    pub kind: ListKind,
    /// By what it is called: a name, a URI, or the template of URIs.
    pub name: &'m str,
    /// Its definition, as the server wrote it.
    pub definition: &'m str,
}

/// Why an answer cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// It is no JSON, or has something behind its end.
    #[error("it is not JSON")]
    NotJson,
    /// A member is there twice, or in two cases, of which readers take either.
    #[error("it can be read in more than one way")]
    Ambiguous,
    /// A list is not one.
    #[error("what should be a list is none")]
    NotAList,
    /// More is listed than is decided on.
    #[error("it lists more than {MAX_LISTED} things")]
    TooMany,
    /// An event or document that is larger than may be held.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It has a content coding, though none was asked for.
    #[error("it is encoded")]
    Encoded,
    /// It lists what somebody has reviewed as something else, and the host does not keep that.
    #[error("what has changed in it cannot be remembered")]
    NotRemembered,
    /// It is neither JSON nor a stream of events.
    #[error("it is neither JSON nor a stream of events")]
    OtherType,
    /// It would have to be held, and too much is.
    #[error("too much is held at once")]
    Overload,
}

// === impl ListKind ===

impl ListKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The member of a result that is the list.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// The member of a listed thing by which it is called.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
        }
    }
}

/// The rules under which a listed thing could be called: none where every call of it is refused before any policy is
/// asked.
pub(super) fn rules_of<'r>(rules: &'r Rules, kind: ListKind, name: &str) -> Vec<&'r CatalogRule> {
    let one = |rules: &'r [CatalogRule]| find(rules, name).into_iter().collect();
    match kind {
        ListKind::Tools if is_name(name) => one(&rules.tools),
        ListKind::Prompts if is_name(name) => one(&rules.prompts),
        ListKind::Resources if is_name(name) && uri::check(name).is_ok() => one(&rules.resources),
        ListKind::Tools | ListKind::Prompts | ListKind::Resources => Vec::new(),
        // What an expression stands for is not known: any text.
        ListKind::Templates => match name.split_once('{') {
            None => rules_of(rules, ListKind::Resources, name),
            Some((start, _)) => {
                let made = |rule: &&CatalogRule| rule.pattern.meets_beginning(start);
                rules.resources.iter().filter(made).collect()
            }
        },
    }
}

#[cfg(test)]
mod tests;
