//! The actions, entities and context that the adapter makes: what a pack's schema has to declare, and no catalog can
//! change.

use crate::tool_call::Effect;

/// An action as the adapter makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct ActionForm {
    /// Its name.
    pub name: &'static str,
    /// Whether it changes anything.
    pub effect: Effect,
    /// The type of its resource.
    pub resource: &'static str,
    /// Its context: all of it is always there.
    pub context: &'static [(&'static str, ValueForm)],
}

/// An entity type as the adapter makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeForm {
    /// Its full name.
    pub name: &'static str,
    /// The types that it can be directly in.
    pub parents: &'static [&'static str],
    /// The attributes that every such entity of a request has.
    pub attributes: &'static [(&'static str, ValueForm)],
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    /// Text.
    Text,
    /// A set of texts.
    Texts,
    /// An entity of this type.
    Entity(&'static str),
}

/// Names in context and attributes.
pub(crate) mod field {
    pub(crate) const OLD: &str = "old";
    pub(crate) const NEW: &str = "new";
    pub(crate) const REF: &str = "ref";
    pub(crate) const KIND: &str = "kind";
    pub(crate) const PUSH_OPTIONS: &str = "push_options";
    pub(crate) const REPO: &str = "repo";
    pub(crate) const NAME: &str = "name";
}

const UPDATE_CONTEXT: &[(&str, ValueForm)] = &[
    (field::OLD, ValueForm::Text),
    (field::NEW, ValueForm::Text),
    (field::REF, ValueForm::Text),
    (field::KIND, ValueForm::Text),
    (field::PUSH_OPTIONS, ValueForm::Texts),
];

/// Reading from a repository.
pub const FETCH: ActionForm =
    ActionForm { name: "git.fetch", effect: Effect::Read, resource: REPO.name, context: &[] };
/// Asking whether one may push.
pub const PUSH_PROBE: ActionForm =
    ActionForm { name: "git.push.probe", effect: Effect::Read, resource: REPO.name, context: &[] };
/// A new ref.
pub const REF_CREATE: ActionForm =
    ActionForm { name: "git.ref.create", effect: Effect::Write, resource: REF.name, context: UPDATE_CONTEXT };
/// Another object for a ref, by fast-forward or by force.
pub const REF_UPDATE: ActionForm =
    ActionForm { name: "git.ref.update", effect: Effect::Write, resource: REF.name, context: UPDATE_CONTEXT };
/// The end of a ref.
pub const REF_DELETE: ActionForm =
    ActionForm { name: "git.ref.delete", effect: Effect::Write, resource: REF.name, context: UPDATE_CONTEXT };

/// A folder of repositories.
pub const FOLDER: TypeForm = TypeForm { name: "Git::Folder", parents: &["Git::Folder"], attributes: &[] };
/// A repository, by its path without `.git`.
pub const REPO: TypeForm = TypeForm { name: "Git::Repo", parents: &["Git::Folder"], attributes: &[] };
/// A ref, by its repository and full name.
pub const REF: TypeForm = TypeForm {
    name: "Git::Ref",
    parents: &["Git::Repo"],
    attributes: &[(field::REPO, ValueForm::Entity(REPO.name)), (field::NAME, ValueForm::Text)],
};

/// Every action.
pub const ACTIONS: [&ActionForm; 5] = [&FETCH, &PUSH_PROBE, &REF_CREATE, &REF_UPDATE, &REF_DELETE];
/// Every entity type.
pub const TYPES: [&TypeForm; 3] = [&FOLDER, &REPO, &REF];
