//! Refusals in HTTP's own voice: problem+json (RFC 9457) and challenges (RFC 6750).

use serde_json::Value;

use super::LocalReply;
use crate::{decision::Denial, json_text::JsonText};

/// The realm of a challenge where nobody gives tokens.
const REALM: &str = "actgate";

/// What most documents take, so that they are written without moving.
const DOCUMENT_BYTES: usize = 640;

/// A refusal as problem+json (RFC 9457).
pub(super) fn problem(denial: &Denial, decision_id: &str) -> LocalReply {
    let body = text(denial, decision_id).into_bytes();
    with_body(denial, "application/problem+json", body, REALM)
}

/// The same document inside another protocol's.
pub(super) fn document(denial: &Denial, decision_id: &str) -> Value {
    serde_json::from_str(&text(denial, decision_id)).unwrap_or_default()
}

/// The problem document: written as it comes, without a tree of it first. A refusal is no dearer than a permit, so that
/// nobody gains by asking for what they may not have.
fn text(denial: &Denial, decision_id: &str) -> String {
    let Denial {
        reason,
        detail,
        because: _,
        advice,
        action,
        resource,
        policies,
        groups,
        ticket,
        internal: _,
        proof: _,
    } = denial;
    let row = reason.row();
    let document = JsonText::object_of(DOCUMENT_BYTES, |problem| {
        problem.text("type", &["urn:actgate:reason:", row.code].concat());
        problem.text("title", row.title);
        problem.number("status", u64::from(row.status));
        problem.text("detail", detail);
        problem.text("reason", row.code);
        let known = [("action", action), ("resource", resource)];
        for (name, value) in known {
            if let Some(value) = value {
                problem.text(name, value);
            }
        }
        problem.texts("policies", policies.iter().map(String::as_str));
        if let Some(advice) = advice {
            problem.text("advice", advice);
        }
        problem.text("decision_id", decision_id);
        // Who could lift it, and where they are asked.
        if !groups.is_empty() {
            problem.object("approval", |approval| {
                approval.texts("groups", groups.iter().map(String::as_str));
                if let Some(ticket) = ticket {
                    approval.text("id", &ticket.id);
                    approval.text("url", &ticket.url);
                    approval.value("expires", &ticket.expires.into());
                }
            });
        }
    });
    document.into_string()
}

/// A refusal with a JSON document, and a challenge where one is due.
pub(super) fn reply(denial: &Denial, content_type: &str, document: &Value, realm: &str) -> LocalReply {
    with_body(denial, content_type, document.to_string().into_bytes(), realm)
}

fn with_body(denial: &Denial, content_type: &str, body: Vec<u8>, realm: &str) -> LocalReply {
    let row = denial.reason.row();
    let mut headers = Vec::with_capacity(3);
    headers.push(("content-type".to_owned(), content_type.to_owned()));
    headers.push(("cache-control".to_owned(), "no-store".to_owned()));
    if let Some(challenge) = challenge(denial, realm) {
        headers.push(("www-authenticate".to_owned(), challenge));
    }
    if row.status == 503 {
        headers.push(("retry-after".to_owned(), "1".to_owned()));
    }
    LocalReply { status: row.status, headers, body, details: super::details(denial.reason) }
}

/// `WWW-Authenticate` (RFC 6750 section 3): always on a 401, and where the table names an error. It is of DPoP (RFC 9449
/// section 7.1) where the client used that, or should have.
fn challenge(denial: &Denial, realm: &str) -> Option<String> {
    let row = denial.reason.row();
    if let Some(proof) = &denial.proof
        && row.status == 401
    {
        let error =
            row.challenge.map(|error| format!("error=\"{error}\", error_description=\"{}\", ", row.title));
        return Some(format!(
            "DPoP realm=\"{realm}\", {}algs=\"{}\"",
            error.unwrap_or_default(),
            proof.algorithms
        ));
    }
    match row.challenge {
        Some(error) => {
            Some(format!("Bearer realm=\"{realm}\", error=\"{error}\", error_description=\"{}\"", row.title))
        }
        None if row.status == 401 => Some(format!("Bearer realm=\"{realm}\"")),
        None => None,
    }
}

#[cfg(test)]
mod tests;
