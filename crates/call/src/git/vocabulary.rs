//! The actions, entities and context that the adapter makes: what a pack's schema has to declare, and no catalog can
//! change.

use crate::{
    form::{ActionForm, TypeForm, ValueForm},
    tool_call::Effect,
};

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
    ActionForm { name: "git.fetch", effect: Effect::Read, resources: &[REPO.name], context: &[] };
/// Asking whether one may push.
pub const PUSH_PROBE: ActionForm =
    ActionForm { name: "git.push.probe", effect: Effect::Read, resources: &[REPO.name], context: &[] };
/// A new ref.
pub const REF_CREATE: ActionForm = ActionForm {
    name: "git.ref.create",
    effect: Effect::Write,
    resources: &[REF.name],
    context: UPDATE_CONTEXT,
};
/// Another object for a ref, by fast-forward or by force.
pub const REF_UPDATE: ActionForm = ActionForm {
    name: "git.ref.update",
    effect: Effect::Write,
    resources: &[REF.name],
    context: UPDATE_CONTEXT,
};
/// The end of a ref.
pub const REF_DELETE: ActionForm = ActionForm {
    name: "git.ref.delete",
    effect: Effect::Write,
    resources: &[REF.name],
    context: UPDATE_CONTEXT,
};

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
