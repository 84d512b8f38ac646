//! What requests of an adapter can ask for at all: every kind of request, with the resources that it can name.

use std::borrow::Cow;

use crate::{
    adapter::{Adapter, Route},
    catalog::{IdTemplate, Lineage, ParentRule, ResourceRule, RouteRule},
    form::{ActionForm, TypeForm},
    git::{Endpoint, vocabulary},
    mcp::{self, Section},
};

/// A kind of request that an adapter knows.
#[derive(Debug, Clone)]
pub struct RequestKind<'a> {
    /// What it is called: method and path, or a name of its protocol.
    pub name: String,
    /// Where it stands in the catalog document, as an RFC 6901 pointer; nothing where the protocol itself has it.
    pub pointer: Option<&'a str>,
    /// The calls that such a request makes.
    pub calls: Vec<CallShape<'a>>,
}

/// A call as far as it is the same for all such requests.
#[derive(Debug, Clone)]
pub struct CallShape<'a> {
    /// The action.
    pub action: &'a str,
    /// Where it stands in the catalog document.
    pub pointer: Option<&'a str>,
    /// What it acts on.
    pub resource: EntityShape<'a>,
}

/// The entities that a place in a call can have.
#[derive(Debug, Clone)]
pub struct EntityShape<'a> {
    /// Their type.
    pub type_name: &'a str,
    id: IdShape<'a>,
    parents: Vec<Self>,
}

#[derive(Debug, Clone, Copy)]
enum IdShape<'a> {
    Any,
    Filled(&'a IdTemplate),
    FolderOf(&'a IdTemplate),
}

// === impl Adapter ===

impl Adapter {
    /// Every kind of request that it knows.
    pub fn kinds(&self) -> Vec<RequestKind<'_>> {
        match self {
            Self::Rest(catalog) => catalog.routes().map(RequestKind::of_rule).collect(),
            Self::Git(_) => Endpoint::ALL.into_iter().map(RequestKind::of_endpoint).collect(),
            Self::Mcp(catalog) => RequestKind::of_mcp(catalog),
        }
    }
}

// === impl Route ===

impl Route {
    /// The name of its kind, as in [`Adapter::kinds`].
    pub fn kind_name(&self) -> Cow<'static, str> {
        match self {
            Self::Rest(route) => rest_name(route.rule()).into(),
            Self::Git(route) => git_name(route.endpoint()).into(),
            Self::Mcp(route) => route.kind_name().into(),
        }
    }
}

fn rest_name(rule: &RouteRule) -> String {
    let mut name = format!("{} {}", rule.method, rule.path);
    if let Some(header) = &rule.header {
        name.push_str(&format!(" {}: {}", header.name, header.value));
    }
    if !rule.present.is_empty() {
        name.push_str(&format!(" ?{}", rule.present.join("&")));
    }
    name
}

const fn git_name(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::FetchAdvertisement => "fetch discovery",
        Endpoint::PushAdvertisement => "push discovery",
        Endpoint::UploadPack => "git-upload-pack",
        Endpoint::ReceivePack => "git-receive-pack",
    }
}

// === impl RequestKind ===

impl<'a> RequestKind<'a> {
    fn of_rule(rule: &'a RouteRule) -> Self {
        let calls = rule.calls().map(|call| CallShape {
            action: call.action,
            pointer: Some(call.pointer),
            resource: EntityShape::of_resource(call.resource),
        });
        Self { name: rest_name(rule), pointer: Some(&rule.pointer), calls: calls.collect() }
    }

    fn of_endpoint(endpoint: Endpoint) -> Self {
        let actions: &[&ActionForm] = match endpoint {
            Endpoint::FetchAdvertisement | Endpoint::UploadPack => &[&vocabulary::FETCH],
            Endpoint::PushAdvertisement => &[&vocabulary::PUSH_PROBE],
            Endpoint::ReceivePack => &[
                &vocabulary::PUSH_PROBE,
                &vocabulary::REF_CREATE,
                &vocabulary::REF_UPDATE,
                &vocabulary::REF_DELETE,
            ],
        };
        let calls = actions.iter().flat_map(|form| CallShape::of_form(form, &vocabulary::TYPES));
        Self { name: git_name(endpoint).to_owned(), pointer: None, calls: calls.collect() }
    }

    /// What a message can ask for is in its body: one kind of request for all of it.
    fn of_mcp(catalog: &'a mcp::Catalog) -> Vec<Self> {
        let types = &mcp::vocabulary::TYPES;
        let own = mcp::vocabulary::ACTIONS.iter().flat_map(|form| CallShape::of_form(form, types));
        let listed = catalog.rules().map(|(section, rule)| {
            let type_name = match section {
                Section::Tools => mcp::vocabulary::TOOL.name,
                Section::Prompts => mcp::vocabulary::PROMPT.name,
                Section::Resources => mcp::vocabulary::RESOURCE.name,
            };
            CallShape {
                action: &rule.action,
                pointer: Some(&rule.pointer),
                resource: EntityShape::of_form(type_name, types),
            }
        });
        let message = own.chain(listed).collect();
        let session = |name: &str| {
            let calls = CallShape::of_form(&mcp::vocabulary::CONNECT, types).collect();
            Self { name: name.to_owned(), pointer: None, calls }
        };
        let message = Self { name: mcp::MESSAGE.to_owned(), pointer: None, calls: message };
        vec![message, session(mcp::STREAM), session(mcp::SESSION_END)]
    }
}

// === impl CallShape ===

impl<'a> CallShape<'a> {
    /// An action that the adapter makes by itself, on each type that its resource can be of.
    fn of_form(
        form: &'static ActionForm,
        types: &'static [&'static TypeForm],
    ) -> impl Iterator<Item = CallShape<'a>> {
        form.resources.iter().map(move |type_name| CallShape {
            action: form.name,
            pointer: None,
            resource: EntityShape::of_form(type_name, types),
        })
    }
}

// === impl EntityShape ===

impl<'a> EntityShape<'a> {
    fn of_resource(rule: &'a ResourceRule) -> Self {
        let parents = rule.parents.iter().map(Self::of_parent).collect();
        Self { type_name: &rule.type_name, id: IdShape::Filled(&rule.id), parents }
    }

    fn of_parent(rule: &'a ParentRule) -> Self {
        match &rule.lineage {
            Lineage::Entity { id, parents } => Self {
                type_name: &rule.type_name,
                id: IdShape::Filled(id),
                parents: parents.iter().map(Self::of_parent).collect(),
            },
            Lineage::FoldersOf(path) => {
                Self { type_name: &rule.type_name, id: IdShape::FolderOf(path), parents: Vec::new() }
            }
        }
    }

    fn of_form(type_name: &'static str, types: &'static [&'static TypeForm]) -> Self {
        let form: Option<&'static TypeForm> = types.iter().copied().find(|form| form.name == type_name);
        let parents = form.into_iter().flat_map(|form| form.parents.iter().copied());
        // A type that is in itself is the same shape again.
        let parents =
            parents.filter(|parent| *parent != type_name).map(|parent| Self::of_form(parent, types));
        Self { type_name, id: IdShape::Any, parents: parents.collect() }
    }

    /// Whether it can be this entity.
    pub fn may_be(&self, type_name: &str, id: &str) -> bool {
        self.type_name == type_name
            && match self.id {
                IdShape::Any => true,
                IdShape::Filled(template) => template.may_be(id),
                IdShape::FolderOf(template) => template.may_be_in(id),
            }
    }

    /// Whether it can be in this entity, by what the request itself brings; every entity is in itself.
    pub fn may_be_in(&self, type_name: &str, id: &str) -> bool {
        self.may_be(type_name, id) || self.parents.iter().any(|parent| parent.may_be_in(type_name, id))
    }

    /// Whether what is in the entity `inner` of this type always is in the entity `outer` of it too, because the type
    /// is that of a chain of folders.
    pub fn is_chain(&self, type_name: &str) -> bool {
        (self.type_name == type_name && matches!(self.id, IdShape::FolderOf(_)))
            || self.parents.iter().any(|parent| parent.is_chain(type_name))
    }

    /// The ids that it has, as its template says; nothing where they are of any form.
    pub fn ids_of(&self, type_name: &str) -> Option<String> {
        let own = (self.type_name == type_name).then_some(self.id).and_then(|id| match id {
            IdShape::Any => None,
            IdShape::Filled(template) => Some(template.as_str().to_owned()),
            IdShape::FolderOf(template) => Some(format!("the folders of {}", template.as_str())),
        });
        own.or_else(|| self.parents.iter().find_map(|parent| parent.ids_of(type_name)))
    }

    /// Whether it or anything that it is in is of this type.
    pub fn reaches(&self, type_name: &str) -> bool {
        self.type_name == type_name || self.parents.iter().any(|parent| parent.reaches(type_name))
    }
}

#[cfg(test)]
mod tests;
