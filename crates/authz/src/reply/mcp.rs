//! Refusals in MCP's own voice: a tool that may not be called has a result that says so, which models read; all else
//! is a JSON-RPC error, with the HTTP status that Streamable HTTP gives it.

use actgate_call::mcp::{APPROVAL_PAGE, Asked, Client, Version};
use serde_json::{Value, json};

use super::{LocalReply, problem};
use crate::{
    decision::Denial,
    reason::{CallReason, Reason},
};

/// JSON-RPC 2.0 section 5.1.
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
/// MCP 2026-07-28.
const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

/// MCP 2025-11-25 alone.
const URL_ELICITATION_REQUIRED: i64 = -32042;

/// The realm of a challenge.
const REALM: &str = "actgate";

/// A refusal as the client reads it.
pub(super) fn refusal(denial: &Denial, decision_id: &str, client: &Client) -> LocalReply {
    let document = problem::document(denial, decision_id);
    if let Some(body) = page(denial, &document, client) {
        let mut reply = problem::reply(denial, "application/json", &body, REALM);
        reply.status = 200;
        reply.headers.retain(|(name, _)| name != "www-authenticate");
        return reply;
    }
    let answered = is_of_the_call(denial.reason) && client.asked.iter().any(|asked| asked.calls_tool);
    if !answered {
        let id = match client.asked.as_slice() {
            [asked] if !client.batch => asked.id.clone(),
            _ => Value::Null,
        };
        let document = error(client, denial, &document, &id);
        let mut reply = problem::reply(denial, "application/json", &document, REALM);
        if denial.reason == Reason::Call(CallReason::McpMethodUnknown)
            && client.version.is_some_and(Version::is_stateless)
        {
            // Elsewhere a 404 is the end of a session.
            reply.status = 404;
        }
        return reply;
    }
    let answer = |asked: &Asked| {
        if asked.calls_tool {
            result(client, &document, asked)
        } else {
            error(client, denial, &document, &asked.id)
        }
    };
    let body = if client.batch {
        client.asked.iter().map(answer).collect()
    } else {
        client.asked.first().map(answer).unwrap_or_default()
    };
    let mut reply = problem::reply(denial, "application/json", &body, REALM);
    reply.status = 200;
    reply.headers.retain(|(name, _)| name != "www-authenticate");
    reply
}

/// Whether a refusal is of what a tool was called with, and so for the model: not of who asks, nor of how.
const fn is_of_the_call(reason: Reason) -> bool {
    match reason {
        Reason::ScopeInsufficient
        | Reason::PolicyDenied
        | Reason::PolicyError
        | Reason::DefinitionChanged
        | Reason::ApprovalRequired
        | Reason::ApprovalDenied
        | Reason::ApprovalInFlight
        | Reason::ApprovalLimit
        | Reason::Call(CallReason::RouteUnknown | CallReason::ArgumentInvalid) => true,
        Reason::TokenMissing
        | Reason::CredentialAmbiguous
        | Reason::Token(_)
        | Reason::Call(_)
        | Reason::ApprovalUnavailable
        | Reason::LedgerUnavailable
        | Reason::SessionUnknown
        | Reason::AnswerRefused
        | Reason::GateUnavailable
        | Reason::GateOverloaded => false,
    }
}

/// Asks the client to open the page on which people approve, where it has said that it can and was not asked yet: whoever
/// has opened the page, and nobody has decided, is told by a result.
fn page(denial: &Denial, document: &Value, client: &Client) -> Option<Value> {
    let ticket = denial.ticket.as_ref().filter(|_| denial.reason == Reason::ApprovalRequired)?;
    let [asked] = client.asked.as_slice() else { return None };
    if client.batch || !asked.calls_tool || !client.opens_pages || client.page.is_some() {
        return None;
    }
    let message = sentence(denial);
    match client.version? {
        Version::July2026 => Some(json!({
            "jsonrpc": "2.0",
            "id": asked.id,
            "result": {
                "resultType": "input_required",
                "inputRequests": { APPROVAL_PAGE: {
                    "method": "elicitation/create",
                    "params": { "mode": "url", "message": message, "url": ticket.url },
                } },
            },
        })),
        Version::November2025 => {
            let mut data = document.clone();
            if let Value::Object(members) = &mut data {
                let page = json!({
                    "mode": "url", "elicitationId": ticket.id, "message": message, "url": ticket.url,
                });
                members.insert("elicitations".to_owned(), json!([page]));
            }
            let error = json!({ "code": URL_ELICITATION_REQUIRED, "message": message, "data": data });
            Some(json!({ "jsonrpc": "2.0", "id": asked.id, "error": error }))
        }
        Version::March2025 | Version::June2025 => None,
    }
}

/// A tool's result that is an error: text for the model, and the same for programs.
fn result(client: &Client, document: &Value, asked: &Asked) -> Value {
    let mut result = json!({
        "content": [{ "type": "text", "text": document.to_string() }],
        "isError": true,
    });
    if let Value::Object(members) = &mut result {
        if asked.structured {
            members.insert("structuredContent".to_owned(), document.clone());
        }
        if client.version.is_some_and(Version::is_stateless) {
            members.insert("resultType".to_owned(), "complete".into());
        }
    }
    json!({ "jsonrpc": "2.0", "id": asked.id, "result": result })
}

fn error(client: &Client, denial: &Denial, document: &Value, id: &Value) -> Value {
    let mut data = document.clone();
    if denial.reason == Reason::Call(CallReason::McpVersionUnsupported)
        && let (Value::Object(members), Some(unsupported)) = (&mut data, &client.unsupported)
    {
        let supported = unsupported.supported.iter().map(|version| Value::from(version.as_str()));
        members.insert("supported".to_owned(), supported.collect());
        members.insert("requested".to_owned(), unsupported.requested.as_deref().into());
    }
    let code = code(denial.reason);
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": sentence(denial), "data": data } })
}

/// MCP keeps the codes of JSON-RPC's own range to itself: what it has none for is told by the HTTP status.
fn code(reason: Reason) -> i64 {
    match reason {
        Reason::Call(CallReason::JsonInvalid) => PARSE_ERROR,
        Reason::Call(CallReason::McpMessageInvalid) => INVALID_REQUEST,
        Reason::Call(CallReason::McpHeaderMismatch) => HEADER_MISMATCH,
        Reason::Call(CallReason::McpVersionUnsupported) => UNSUPPORTED_VERSION,
        Reason::Call(CallReason::McpMethodUnknown) => METHOD_NOT_FOUND,
        Reason::Call(CallReason::ArgumentInvalid | CallReason::McpMetaInvalid) => INVALID_PARAMS,
        Reason::TokenMissing
        | Reason::CredentialAmbiguous
        | Reason::Token(_)
        | Reason::Call(_)
        | Reason::ScopeInsufficient
        | Reason::PolicyDenied
        | Reason::PolicyError
        | Reason::DefinitionChanged
        | Reason::ApprovalRequired
        | Reason::ApprovalDenied
        | Reason::ApprovalInFlight
        | Reason::ApprovalLimit
        | Reason::ApprovalUnavailable
        | Reason::LedgerUnavailable
        | Reason::SessionUnknown
        | Reason::AnswerRefused
        | Reason::GateUnavailable
        | Reason::GateOverloaded => i64::from(reason.row().status),
    }
}

/// What happened, in one line.
fn sentence(denial: &Denial) -> String {
    let advice = denial.advice.as_ref().map(|advice| format!(" {advice}")).unwrap_or_default();
    format!("{}: {}.{advice}", denial.reason.row().title, denial.detail)
}

#[cfg(test)]
mod tests;
