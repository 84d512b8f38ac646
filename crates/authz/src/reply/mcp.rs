//! Refusals in MCP's own voice: a tool that may not be called has a result that says so, which models read; all else
//! is a JSON-RPC error, with the HTTP status that Streamable HTTP gives it.

use actgate_call::mcp::{Asked, Client, Version};
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

/// The realm of a challenge.
const REALM: &str = "actgate";

/// A refusal as the client reads it.
pub(super) fn refusal(denial: &Denial, decision_id: &str, client: &Client) -> LocalReply {
    let document = problem::document(denial, decision_id);
    let answered = is_of_the_call(denial.reason) && client.asked.iter().any(|asked| asked.calls_tool);
    if !answered {
        let id = match client.asked.as_slice() {
            [asked] if !client.batch => asked.id.clone(),
            _ => Value::Null,
        };
        let mut reply =
            problem::reply(denial.reason, "application/json", &error(denial, &document, &id), REALM);
        if denial.reason == Reason::Call(CallReason::McpMethodUnknown)
            && client.version.is_some_and(Version::is_stateless)
        {
            // Elsewhere a 404 is the end of a session.
            reply.status = 404;
        }
        return reply;
    }
    let answer = |asked: &Asked| {
        if asked.calls_tool { result(client, &document, asked) } else { error(denial, &document, &asked.id) }
    };
    let body = if client.batch {
        client.asked.iter().map(answer).collect()
    } else {
        client.asked.first().map(answer).unwrap_or_default()
    };
    let mut reply = problem::reply(denial.reason, "application/json", &body, REALM);
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
        | Reason::SessionUnknown
        | Reason::AnswerRefused
        | Reason::GateUnavailable
        | Reason::GateOverloaded => false,
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

fn error(denial: &Denial, document: &Value, id: &Value) -> Value {
    let mut data = document.clone();
    if denial.reason == Reason::Call(CallReason::McpVersionUnsupported)
        && let Value::Object(members) = &mut data
    {
        members.insert("supported".to_owned(), Version::ALL.map(Version::as_str).to_vec().into());
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
        Reason::Call(CallReason::ArgumentInvalid) => INVALID_PARAMS,
        Reason::TokenMissing
        | Reason::CredentialAmbiguous
        | Reason::Token(_)
        | Reason::Call(_)
        | Reason::ScopeInsufficient
        | Reason::PolicyDenied
        | Reason::PolicyError
        | Reason::ApprovalRequired
        | Reason::ApprovalDenied
        | Reason::ApprovalInFlight
        | Reason::ApprovalLimit
        | Reason::ApprovalUnavailable
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
