//! Refusals in HTTP's own voice: problem+json (RFC 9457) and challenges (RFC 6750).

use serde_json::{Map, Value, json};

use super::LocalReply;
use crate::{decision::Denial, reason::Reason};

/// The realm of a challenge where nobody gives tokens.
const REALM: &str = "actgate";

/// A refusal as problem+json (RFC 9457).
pub(super) fn problem(denial: &Denial, decision_id: &str) -> LocalReply {
    let document = document(denial, decision_id);
    reply(denial.reason, "application/problem+json", &document, REALM)
}

/// The problem document.
pub(super) fn document(denial: &Denial, decision_id: &str) -> Value {
    let row = denial.reason.row();
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("type", format!("urn:actgate:reason:{}", row.code).into());
    put("title", row.title.into());
    put("status", row.status.into());
    put("detail", denial.detail.as_str().into());
    put("reason", row.code.into());
    if let Some(action) = &denial.action {
        put("action", action.as_str().into());
    }
    if let Some(resource) = &denial.resource {
        put("resource", resource.as_str().into());
    }
    put("policies", denial.policies.iter().map(String::as_str).collect::<Vec<_>>().into());
    if let Some(advice) = &denial.advice {
        put("advice", advice.as_str().into());
    }
    put("decision_id", decision_id.into());
    if !denial.groups.is_empty() {
        let mut approval = json!({ "groups": denial.groups });
        if let (Some(ticket), Some(members)) = (&denial.ticket, approval.as_object_mut()) {
            members.insert("id".to_owned(), ticket.id.as_str().into());
            members.insert("url".to_owned(), ticket.url.as_str().into());
            members.insert("expires".to_owned(), ticket.expires.into());
        }
        put("approval", approval);
    }
    Value::Object(body)
}

/// A refusal with a JSON document, and a challenge where one is due.
pub(super) fn reply(reason: Reason, content_type: &str, document: &Value, realm: &str) -> LocalReply {
    let row = reason.row();
    let mut headers = vec![
        ("content-type".to_owned(), content_type.to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    if let Some(challenge) = challenge(reason, realm) {
        headers.push(("www-authenticate".to_owned(), challenge));
    }
    if row.status == 503 {
        headers.push(("retry-after".to_owned(), "1".to_owned()));
    }
    LocalReply {
        status: row.status,
        headers,
        body: document.to_string().into_bytes(),
        details: super::details(reason),
    }
}

/// `WWW-Authenticate` (RFC 6750 section 3): always on a 401, and where the table names an error.
fn challenge(reason: Reason, realm: &str) -> Option<String> {
    let row = reason.row();
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
