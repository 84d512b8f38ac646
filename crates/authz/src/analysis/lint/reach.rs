//! Whether any request can come into the scope of a policy.

use std::collections::{BTreeMap, BTreeSet};

use actgate_call::shape::{EntityShape, RequestKind};
use cedar_policy::pst::{
    ActionConstraint, EntityOrSlot, EntityUID, PrincipalConstraint, ResourceConstraint, Template,
};

use super::statics::Statics;
use crate::{
    analysis::{Analysis, policy::Dissected},
    fault::{Fault, nearest},
    schema::BundleSchema,
};

/// Everything that requests can ask for.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    schema: &'a BundleSchema,
    statics: &'a Statics,
    /// By action: the resources that routes name.
    made: BTreeMap<&'a str, Vec<EntityShape<'a>>>,
}

/// The policies that can apply, each under every action that its scope has and routes make.
#[derive(Debug)]
pub(super) struct Speakers<'a> {
    pub(super) policies: Vec<(&'a Dissected, Vec<&'a str>)>,
    by_action: BTreeMap<&'a str, Vec<&'a Dissected>>,
}

/// A part of a scope as an entity type, or an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound<'t> {
    pub(super) kind: Option<&'t cedar_policy::pst::EntityType>,
    /// The entity that it is, or is in.
    pub(super) entity: Option<&'t EntityUID>,
    /// Whether it is that entity.
    pub(super) is_equal: bool,
}

// === impl Speakers ===

impl<'a> Speakers<'a> {
    pub(super) fn of(reach: &Reach<'a>, policies: impl Iterator<Item = &'a Dissected>) -> Self {
        let mut by_action: BTreeMap<&str, Vec<&Dissected>> = BTreeMap::new();
        let policies: Vec<(&Dissected, Vec<&str>)> =
            policies.map(|policy| (policy, reach.actions(&policy.template.action).collect())).collect();
        for (policy, actions) in &policies {
            for action in actions {
                by_action.entry(action).or_default().push(policy);
            }
        }
        Self { policies, by_action }
    }

    /// Those whose scope has this action.
    pub(super) fn of_action(&self, action: &str) -> &[&'a Dissected] {
        self.by_action.get(action).map_or(&[], Vec::as_slice)
    }
}

// === impl Bound ===

impl<'t> Bound<'t> {
    pub(super) fn of_principal(template: &'t Template) -> Self {
        let (kind, entity, is_equal) = match &template.principal {
            PrincipalConstraint::Any => (None, None, false),
            PrincipalConstraint::Eq(entity) => (None, Some(entity), true),
            PrincipalConstraint::In(entity) => (None, Some(entity), false),
            PrincipalConstraint::Is(kind) => (Some(kind), None, false),
            PrincipalConstraint::IsIn(kind, entity) => (Some(kind), Some(entity), false),
        };
        Self { kind, entity: entity.and_then(uid), is_equal }
    }

    pub(super) fn of_resource(template: &'t Template) -> Self {
        let (kind, entity, is_equal) = match &template.resource {
            ResourceConstraint::Any => (None, None, false),
            ResourceConstraint::Eq(entity) => (None, Some(entity), true),
            ResourceConstraint::In(entity) => (None, Some(entity), false),
            ResourceConstraint::Is(kind) => (Some(kind), None, false),
            ResourceConstraint::IsIn(kind, entity) => (Some(kind), Some(entity), false),
        };
        Self { kind, entity: entity.and_then(uid), is_equal }
    }
}

fn uid(entity: &EntityOrSlot) -> Option<&EntityUID> {
    match entity {
        EntityOrSlot::Entity(uid) => Some(uid),
        // The load check refuses templates.
        EntityOrSlot::Slot(_) => None,
    }
}

// === impl Reach ===

impl<'a> Reach<'a> {
    pub(super) fn of(analysis: &'a Analysis) -> Self {
        let mut made: BTreeMap<&str, Vec<EntityShape<'_>>> = BTreeMap::new();
        let kinds = analysis.authorizer.services().iter().flat_map(|service| service.call.adapter.kinds());
        for call in kinds.flat_map(|RequestKind { calls, .. }| calls) {
            made.entry(call.action).or_default().push(call.resource);
        }
        Self { schema: &analysis.authorizer.bundle.schema, statics: &analysis.statics, made }
    }

    /// Why no request can ever come into the scope of a policy.
    pub(super) fn out_of_reach(&self, policy: &Dissected) -> Option<Fault> {
        let [principal, action, resource] = policy.scope_places;
        let template = &policy.template;
        let why = self
            .no_principal(&Bound::of_principal(template))
            .map(|(why, help)| (principal, why, help))
            .or_else(|| self.no_action(&template.action).map(|why| (action, why, None)))
            .or_else(|| self.no_resource(template).map(|(why, help)| (resource, why, help)));
        why.map(|(place, why, help)| {
            let message = format!("policy `{}` can never apply: {why}", policy.text.id);
            let fault = Fault::at_offset(&policy.text.file, place, message);
            match help {
                Some(help) => fault.help(help),
                None => fault,
            }
        })
    }

    fn no_principal(&self, bound: &Bound<'_>) -> Option<(String, Option<String>)> {
        let types = ["User", "Agent"];
        let kind = bound.kind.map(ToString::to_string);
        if let Some(kind) = kind.as_deref().filter(|kind| !types.contains(kind)) {
            return Some((
                format!("no caller is a `{kind}`"),
                Some("callers are `User` and `Agent`".to_owned()),
            ));
        }
        let entity = bound.entity?;
        let (type_name, id) = (entity.ty.to_string(), entity.eid.as_str());
        let of_issuer = |id: &str| {
            let aliases: Vec<String> = self.statics.aliases().map(|alias| format!("`{alias}/...`")).collect();
            let help = format!("ids begin with the alias of an issuer: {}", aliases.join(", "));
            (format!("no issuer's tokens name `{type_name}::\"{id}\"`"), Some(help))
        };
        match type_name.as_str() {
            "User" | "Agent" if kind.as_ref().is_some_and(|kind| *kind != type_name) => {
                Some((format!("a `{}` is in no `{type_name}`", kind.unwrap_or_default()), None))
            }
            "User" | "Agent" => (!self.statics.is_of_an_issuer(id)).then(|| of_issuer(id)),
            "Group" if bound.is_equal => {
                Some(("no caller is a `Group`".to_owned(), Some(format!("`principal in {entity}`"))))
            }
            "Group" => {
                let exists = self.statics.knows("Group", id) || self.statics.is_claimed_group(id);
                let known = nearest(id, self.statics.groups());
                let help = known.map(|known| format!("did you mean `Group::\"{known}\"`?"));
                (!exists).then(|| (format!("nobody is in `{entity}`: no entities.json has it"), help))
            }
            _ => Some((format!("callers are in no `{type_name}`"), Some("they are in `Group`s".to_owned()))),
        }
    }

    fn no_action(&self, constraint: &ActionConstraint) -> Option<String> {
        if self.actions(constraint).next().is_some() {
            return None;
        }
        let named: Vec<String> = match constraint {
            ActionConstraint::Any => return Some("no route makes any call".to_owned()),
            ActionConstraint::Eq(action) => vec![action.eid.to_string()],
            ActionConstraint::In(actions) => actions.iter().map(|action| action.eid.to_string()).collect(),
        };
        let list = named.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let is_group =
            |name: &String| self.schema.actions.get(name).is_some_and(|rule| rule.resources.is_empty());
        Some(if !named.is_empty() && named.iter().all(is_group) {
            format!("no route makes an action of group {list}")
        } else {
            format!("no route makes action {list}")
        })
    }

    /// The actions of a scope that routes make.
    pub(super) fn actions(&self, constraint: &ActionConstraint) -> impl Iterator<Item = &'a str> {
        let covers = self.covers(constraint);
        let made: Vec<&'a str> = self.made.keys().copied().filter(|action| covers(action)).collect();
        made.into_iter()
    }

    /// Whether a scope has an action in it.
    pub(super) fn covers(&self, constraint: &ActionConstraint) -> impl Fn(&str) -> bool + use<'a> {
        let named: Option<BTreeSet<String>> = match constraint {
            ActionConstraint::Any => None,
            ActionConstraint::Eq(action) => Some(BTreeSet::from([action.eid.to_string()])),
            ActionConstraint::In(actions) => {
                Some(actions.iter().map(|action| action.eid.to_string()).collect())
            }
        };
        let is_group = matches!(constraint, ActionConstraint::In(_));
        let schema = self.schema;
        move |action: &str| {
            named.as_ref().is_none_or(|named| {
                let above = schema.actions.get(action).map(|rule| &rule.ancestors);
                named.contains(action) || (is_group && above.is_some_and(|above| !above.is_disjoint(named)))
            })
        }
    }

    fn no_resource(&self, template: &Template) -> Option<(String, Option<String>)> {
        let bound = Bound::of_resource(template);
        let shapes = || self.actions(&template.action).filter_map(|action| self.made.get(action)).flatten();
        if shapes().any(|shape| self.admits(&bound, shape)) {
            return None;
        }
        let (kind, entity) = (bound.kind, bound.entity);
        if let Some(kind) = kind.filter(|kind| shapes().all(|shape| shape.type_name != kind.to_string())) {
            return Some((format!("no route makes such a call on a `{kind}`"), None));
        }
        let entity = entity?;
        let type_name = entity.ty.to_string();
        let fits = |shape: &&EntityShape<'_>| {
            if bound.is_equal { shape.type_name == type_name } else { shape.reaches(&type_name) }
        };
        if !shapes().any(|shape| fits(&shape)) {
            let preposition = if bound.is_equal { "on" } else { "in" };
            return Some((format!("no route makes such a call {preposition} a `{type_name}`"), None));
        }
        let ids: BTreeSet<String> = shapes().filter_map(|shape| shape.ids_of(&type_name)).collect();
        let help = ids.into_iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let help = (!help.is_empty()).then(|| format!("the catalog's ids are {help}"));
        Some((
            format!("no route makes such a call {} `{entity}`", if bound.is_equal { "on" } else { "in" }),
            help,
        ))
    }

    /// Whether a resource of this shape can lie within the bound.
    pub(super) fn admits(&self, bound: &Bound<'_>, shape: &EntityShape<'_>) -> bool {
        if bound.kind.is_some_and(|kind| shape.type_name != kind.to_string()) {
            return false;
        }
        let Some(entity) = bound.entity else { return true };
        let (type_name, id) = (entity.ty.to_string(), entity.eid.as_str());
        if bound.is_equal {
            return shape.may_be(&type_name, id);
        }
        shape.may_be_in(&type_name, id)
            || self.statics.below(&type_name, id).iter().any(|(inner, id)| shape.may_be_in(inner, id))
    }

    /// The resources that routes name for an action.
    pub(super) fn shapes(&self, action: &str) -> &[EntityShape<'a>] {
        self.made.get(action).map_or(&[], Vec::as_slice)
    }

    pub(super) fn statics(&self) -> &'a Statics {
        self.statics
    }
}
