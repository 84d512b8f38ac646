//! Permits of which nothing is left: a forbid without conditions forbids all that they permit.

use super::reach::{Bound, Reach, Speakers};
use crate::{analysis::policy::Dissected, fault::Fault};

/// The permits that can never matter.
pub(super) fn shadowed(reach: &Reach<'_>, speakers: &Speakers<'_>) -> Vec<Fault> {
    let permits = speakers.policies.iter().filter(|(policy, _)| !policy.text.forbids);
    permits
        .filter_map(|(permit, actions)| {
            let first = speakers.of_action(actions.first()?);
            let forbids = first.iter().filter(|policy| policy.text.forbids && policy.conditions.is_empty());
            let forbid = forbids.into_iter().find(|forbid| covers(reach, forbid, permit, actions))?;
            let message = format!(
                "permit `{}` never matters: forbid `{}` has no condition and covers it",
                permit.text.id, forbid.text.id
            );
            let fault = Fault::at_offset(&permit.text.file, permit.text.offset, message);
            Some(fault.help(format!("`{}` is in {}", forbid.text.id, forbid.text.file)))
        })
        .collect()
}

/// Whether a forbid covers a permit with these actions.
fn covers(reach: &Reach<'_>, forbid: &Dissected, permit: &Dissected, actions: &[&str]) -> bool {
    let resources = (Bound::of_resource(&forbid.template), Bound::of_resource(&permit.template));
    let principals = (Bound::of_principal(&forbid.template), Bound::of_principal(&permit.template));
    let has_action = reach.covers(&forbid.template.action);
    covers_principal(reach, &principals.0, &principals.1)
        && actions
            .iter()
            .all(|action| has_action(action) && covers_resource(reach, action, &resources.0, &resources.1))
}

fn covers_principal(reach: &Reach<'_>, outer: &Bound<'_>, inner: &Bound<'_>) -> bool {
    // Every call has an agent as its actor, and has to be permitted to it too: what no agent may, nobody may.
    let is_every_agent = outer.kind.is_some_and(|kind| kind.to_string() == "Agent") && outer.entity.is_none();
    is_every_agent || (covers_kind(outer, inner) && covers_entity(reach, outer, inner))
}

fn covers_resource(reach: &Reach<'_>, action: &str, outer: &Bound<'_>, inner: &Bound<'_>) -> bool {
    let of_one_kind = |kind: &str| reach.shapes(action).iter().all(|shape| shape.type_name == kind);
    let kind_fits =
        covers_kind(outer, inner) || outer.kind.is_some_and(|kind| of_one_kind(&kind.to_string()));
    let in_chain = |outer: &Bound<'_>| {
        let (Some(above), Some(below)) = (outer.entity, inner.entity) else { return false };
        let type_name = above.ty.to_string();
        let below = below.eid.strip_prefix(above.eid.as_str());
        reach.shapes(action).iter().all(|shape| shape.is_chain(&type_name))
            && below.is_some_and(|rest| rest.starts_with('/'))
            && !outer.is_equal
    };
    kind_fits && (covers_entity(reach, outer, inner) || in_chain(outer))
}

fn covers_kind(outer: &Bound<'_>, inner: &Bound<'_>) -> bool {
    let Some(kind) = outer.kind else { return true };
    inner.kind == Some(kind) || (inner.is_equal && inner.entity.is_some_and(|entity| entity.ty == *kind))
}

fn covers_entity(reach: &Reach<'_>, outer: &Bound<'_>, inner: &Bound<'_>) -> bool {
    let Some(above) = outer.entity else { return true };
    let Some(below) = inner.entity else { return false };
    if outer.is_equal {
        return inner.is_equal && above == below;
    }
    let name = (below.ty.to_string(), below.eid.to_string());
    above == below || reach.statics().below(&above.ty.to_string(), above.eid.as_str()).contains(&name)
}
