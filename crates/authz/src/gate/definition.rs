//! What is called has to be what somebody has read, as far as a list has shown.

use actgate_call::{ToolCalls, mcp::Reviewed};

use crate::{
    decision::Denial,
    definitions::{Definitions, SharedData},
    reason::Reason,
};

/// # Errors
/// A tool or prompt that is known to be another one than was reviewed; and where the host does not say what is known.
pub(super) fn check(
    shared: Option<&dyn SharedData>,
    service: &str,
    reviewed: &[Reviewed],
    calls: &ToolCalls,
) -> Result<(), Denial> {
    let Some(shared) = shared.filter(|_| !reviewed.is_empty()) else { return Ok(()) };
    let known = Definitions::of(shared, service).map_err(|why| {
        let mut denial = Denial::new(Reason::GateUnavailable, "the gate could not decide");
        denial.internal = Some(format!("what is known of lists cannot be read: {why}"));
        denial
    })?;
    let Some(changed) = reviewed.iter().find(|reviewed| known.differs(reviewed)) else { return Ok(()) };
    let detail = format!("the server lists another definition of `{}` than was reviewed", changed.name);
    let mut denial = Denial::new(Reason::DefinitionChanged, detail);
    let id = format!("{service}/{}", changed.name);
    if let Some(call) = calls.iter().find(|call| call.resource.id == id) {
        denial.action = Some(call.action.to_string());
        denial.resource = Some(format!("{}::\"{}\"", call.resource.type_name, call.resource.id));
    }
    Err(denial)
}
