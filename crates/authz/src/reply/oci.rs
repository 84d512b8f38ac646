//! Refusals in a registry's words: the error document of the OCI distribution specification ("Error Codes"), of which
//! its clients print code and message.

use actgate_call::RequestHead;
use serde_json::json;

use super::{LocalReply, problem};
use crate::decision::Denial;

/// A refusal as a registry's error document; `detail` is the problem document.
pub(super) fn errors(denial: &Denial, decision_id: &str, realm: &str) -> LocalReply {
    let row = denial.reason.row();
    let error = json!({
        "code": code(row.status),
        "message": message(denial, decision_id),
        "detail": problem::document(denial, decision_id),
    });
    problem::reply(denial, "application/json", &json!({ "errors": [error] }), realm)
}

/// Where a client goes that is told to get a token. Nobody gives tokens here: it comes back to the service, which
/// says so once more, and that is what the client prints. Without a realm, or with one that is no URL, it complains
/// about that instead.
pub(super) fn realm(head: &RequestHead<'_>, prefix: &str) -> String {
    format!("{}://{}{prefix}", head.scheme(), head.authority().as_str())
}

/// The codes of the specification, and those of the registry it comes from, that clients know how to print.
const fn code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        413 => "SIZE_INVALID",
        503 => "UNAVAILABLE",
        _ => "UNSUPPORTED",
    }
}

/// One line with all that a person or an agent can act on: clients print nothing else.
fn message(denial: &Denial, decision_id: &str) -> String {
    let advice = denial.advice.as_ref().map(|advice| format!(" (advice: {advice})")).unwrap_or_default();
    let link = denial.ticket.as_ref().map(|ticket| format!(" (approve: {})", ticket.url)).unwrap_or_default();
    let reason = denial.reason.code();
    format!("{reason}: {}{link}{advice} [{decision_id}]", denial.detail)
}

#[cfg(test)]
mod tests;
