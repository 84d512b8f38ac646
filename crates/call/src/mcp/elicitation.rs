//! People approve on a page, and some clients can be asked to open one (URL elicitation). What such a client answers is
//! for the gate, not for the server, which has asked for nothing.

use serde_json::{Map, Value};

use super::{answer::Members, message::find};
use crate::{error::CallError, json::member};

/// The key under which the gate asks, and is answered.
pub const APPROVAL_PAGE: &str = "actgate.approval";

/// What requests carry back of what was asked in the result before.
pub(super) const RESPONSES: &str = "inputResponses";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// A message without its answer to the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unanswered {
    /// What goes on, and is decided on.
    pub(super) body: Vec<u8>,
    /// Whether the user has opened the page.
    pub(super) accepted: bool,
}

/// Takes the answer to the gate out of a message; nothing where there is none.
///
/// # Errors
/// One beside the answer to somebody else: the gate asks alone.
pub(super) fn take_answer(body: &[u8], document: &Value) -> Result<Option<Unanswered>, CallError> {
    let Some(params) = document.get("params").and_then(Value::as_object) else { return Ok(None) };
    let Some(responses) = find(Some(params), RESPONSES)?.and_then(Value::as_object) else { return Ok(None) };
    let Some(answer) = member(responses, APPROVAL_PAGE)? else { return Ok(None) };
    if responses.len() > 1 {
        return Err(CallError::message("an answer to the gate beside another one"));
    }
    let accepted = answer.get("action").and_then(Value::as_str) == Some("accept");
    let unreadable = || CallError::message("an answer to the gate that cannot be taken out");
    let text = str::from_utf8(body).map_err(|_| unreadable())?;
    let message = Members::read(text).map_err(|_| unreadable())?;
    let params = message.get("params").ok().flatten().ok_or_else(unreadable)?;
    let params = Members::read(params).map_err(|_| unreadable())?;
    let body = message.with(&[("params", params.without(RESPONSES))]).into_bytes();
    Ok(Some(Unanswered { body, accepted }))
}

/// Whether a client says in a request that it can ask its user to open a page: in `initialize` for its session, else for
/// this request.
pub(super) fn opens_pages(method: &str, params: Option<&Map<String, Value>>) -> bool {
    let Some(params) = params else { return false };
    let capabilities = if method == "initialize" {
        params.get("capabilities")
    } else {
        params.get("_meta").and_then(|meta| meta.get(CAPABILITIES))
    };
    capabilities
        .and_then(|capabilities| capabilities.get("elicitation"))
        .and_then(|elicitation| elicitation.get("url"))
        .is_some_and(Value::is_object)
}
