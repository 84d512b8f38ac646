//! What is asked of a repository, as tool calls.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    refname::RefKind,
    vocabulary::{FETCH, FOLDER, REF, REF_CREATE, REF_DELETE, REF_UPDATE, REPO, field},
};
use crate::{
    error::CallError,
    form::ActionForm,
    tool_call::{Attribute, Entity, ToolCall, ToolCalls},
};

/// The commands and options of a push.
#[derive(Debug, Clone)]
pub(super) struct Push {
    repo: Arc<str>,
    updates: Vec<RefUpdate>,
    options: Vec<String>,
}

/// One command of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefUpdate {
    action: &'static ActionForm,
    name: String,
    old: String,
    new: String,
}

// === impl Push ===

impl Push {
    pub(super) const fn new(repo: Arc<str>) -> Self {
        Self { repo, updates: Vec::new(), options: Vec::new() }
    }

    pub(super) const fn repo(&self) -> &Arc<str> {
        &self.repo
    }

    pub(super) const fn len(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn add(&mut self, update: RefUpdate) {
        self.updates.push(update);
    }

    pub(super) fn options(&self) -> &[String] {
        &self.options
    }

    pub(super) fn add_option(&mut self, option: String) {
        self.options.push(option);
    }

    /// Whether objects follow: only deletions need none.
    pub(super) fn needs_objects(&self) -> bool {
        self.updates.iter().any(|update| update.action != &REF_DELETE)
    }

    /// One call for each command; none for no command would be everything for nothing, so that is a call of its own.
    pub(super) fn calls(&self) -> Result<ToolCalls, CallError> {
        if self.updates.is_empty() {
            return Ok(probe(&self.repo));
        }
        let parent = repository(&self.repo);
        let calls = self.updates.iter().map(|update| self.call(update, &parent));
        ToolCalls::new(calls).ok_or(CallError::command("no command"))
    }

    fn call(&self, update: &RefUpdate, parent: &Entity) -> ToolCall {
        let name = update.name.as_str();
        let mut arguments = Map::new();
        let mut put = |name: &str, value: Value| {
            arguments.insert(name.to_owned(), value);
        };
        put(field::OLD, update.old.as_str().into());
        put(field::NEW, update.new.as_str().into());
        put(field::REF, name.into());
        put(field::KIND, RefKind::of(name).code().into());
        put(field::PUSH_OPTIONS, self.options.iter().map(String::as_str).collect::<Vec<_>>().into());
        let attributes = BTreeMap::from([
            (
                Arc::from(field::REPO),
                Attribute::Entity { type_name: REPO.name.into(), id: self.repo.as_ref().to_owned() },
            ),
            (Arc::from(field::NAME), Attribute::Text(name.to_owned())),
        ]);
        let resource = Entity {
            type_name: REF.name.into(),
            id: format!("{}/{name}", self.repo),
            attributes,
            parents: vec![parent.clone()],
        };
        call(update.action, resource, arguments)
    }
}

// === impl RefUpdate ===

impl RefUpdate {
    pub(super) fn create(name: &str, old: &str, new: &str) -> Self {
        Self::of(&REF_CREATE, name, old, new)
    }

    /// Whether a move throws commits away is not on the wire: every update may.
    pub(super) fn update(name: &str, old: &str, new: &str) -> Self {
        Self::of(&REF_UPDATE, name, old, new)
    }

    pub(super) fn delete(name: &str, old: &str, new: &str) -> Self {
        Self::of(&REF_DELETE, name, old, new)
    }

    fn of(action: &'static ActionForm, name: &str, old: &str, new: &str) -> Self {
        Self { action, name: name.to_owned(), old: old.to_owned(), new: new.to_owned() }
    }
}

/// Reading from a repository.
pub(super) fn fetch(repo: &str) -> ToolCalls {
    ToolCalls::one(call(&FETCH, repository(repo), Map::new()))
}

/// Asking whether one may push at all.
pub(super) fn probe(repo: &str) -> ToolCalls {
    ToolCalls::one(call(&super::vocabulary::PUSH_PROBE, repository(repo), Map::new()))
}

fn call(action: &ActionForm, resource: Entity, arguments: Map<String, Value>) -> ToolCall {
    ToolCall { action: action.name.into(), effect: action.effect, resource, arguments, secret: Vec::new() }
}

/// A repository in its folders: `team/web/site` is in `team/web`, which is in `team`.
fn repository(repo: &str) -> Entity {
    let mut folder: Option<Entity> = None;
    for (end, _) in repo.match_indices('/') {
        let Some(id) = repo.get(..end) else { continue };
        folder = Some(plain(FOLDER.name, id, folder));
    }
    plain(REPO.name, repo, folder)
}

fn plain(type_name: &str, id: &str, parent: Option<Entity>) -> Entity {
    Entity {
        type_name: type_name.into(),
        id: id.to_owned(),
        attributes: BTreeMap::new(),
        parents: parent.into_iter().collect(),
    }
}
