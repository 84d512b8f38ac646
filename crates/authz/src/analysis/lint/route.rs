//! Routes that the catalog knows and no policy speaks of: every such request is denied, and nobody has said so.

use actgate_call::shape::CallShape;
use cedar_policy::pst::ActionConstraint;

use super::reach::{Bound, Reach, Speakers};
use crate::{
    analysis::{Analysis, policy::Dissected},
    fault::{At, Fault},
};

/// The calls of routes for which there is neither a permit that could apply nor a forbid that names their action. A
/// forbid over a whole group, such as `write`, was not written with the route in mind.
pub(super) fn without_policy(analysis: &Analysis, reach: &Reach<'_>, speakers: &Speakers<'_>) -> Vec<Fault> {
    let speaks = |call: &CallShape<'_>| {
        speakers.of_action(call.action).iter().any(|policy| speaks_of(reach, policy, call))
    };
    let mut faults: Vec<Fault> = Vec::new();
    for service in analysis.authorizer.services() {
        for kind in service.call.adapter.kinds() {
            for call in kind.calls.iter().filter(|call| !speaks(call)) {
                let place = analysis
                    .routes
                    .iter()
                    .find(|route| route.service == service.call.name && route.name == kind.name);
                let Some(place) = place else { continue };
                let message = format!("no policy permits `{}` here, and none says why not", call.action);
                let fault = match (call.pointer, &place.at) {
                    (Some(pointer), _) => {
                        Fault::at_pointer(&place.file, format!("{pointer}/action"), message)
                    }
                    (None, At::Pointer(pointer)) => Fault::at_pointer(&place.file, pointer, message),
                    (None, At::Whole | At::Offset(_)) => Fault::whole(&place.file, message),
                };
                let fault = fault.help("write a permit, a forbid with a `@reason`, or leave the route out");
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
    }
    faults
}

fn speaks_of(reach: &Reach<'_>, policy: &Dissected, call: &CallShape<'_>) -> bool {
    if !policy.text.forbids {
        return reach.admits(&Bound::of_resource(&policy.template), &call.resource);
    }
    match &policy.template.action {
        ActionConstraint::Any => false,
        ActionConstraint::Eq(action) => action.eid == call.action,
        ActionConstraint::In(actions) => actions.iter().any(|action| action.eid == call.action),
    }
}
