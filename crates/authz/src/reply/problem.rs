//! Refusals in HTTP's own voice: problem+json (RFC 9457) and challenges (RFC 6750).

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::LocalReply;
use crate::decision::Denial;

/// The realm of a challenge where nobody gives tokens.
const REALM: &str = "actgate";

/// The problem document: written as it comes, without a tree of it first. A refusal
/// is no dearer than a permit, so that nobody gains by asking for what they may not have.
#[derive(Serialize)]
struct Problem<'d> {
    r#type: Urn,
    title: &'static str,
    status: u16,
    detail: &'d str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'d str>,
    policies: &'d [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'d str>,
    decision_id: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Approval<'d>>,
}

/// Who could lift a refusal, and where they are asked.
#[derive(Serialize)]
struct Approval<'d> {
    groups: &'d [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Value>,
}

/// `urn:actgate:reason:<code>`
struct Urn(&'static str);

/// What most documents take, so that they are written without moving.
const DOCUMENT_BYTES: usize = 640;

/// A refusal as problem+json (RFC 9457).
pub(super) fn problem(denial: &Denial, decision_id: &str) -> LocalReply {
    let mut body = Vec::with_capacity(DOCUMENT_BYTES);
    // INVARIANT: names are texts and values are plain, so that writing into memory cannot fail; were it to, the refusal
    // would stand without words.
    if serde_json::to_writer(&mut body, &Problem::of(denial, decision_id)).is_err() {
        body.clear();
    }
    with_body(denial, "application/problem+json", body, REALM)
}

/// The same document inside another protocol's.
pub(super) fn document(denial: &Denial, decision_id: &str) -> Value {
    serde_json::to_value(Problem::of(denial, decision_id)).unwrap_or_default()
}

// === impl Problem ===

impl<'d> Problem<'d> {
    fn of(denial: &'d Denial, decision_id: &'d str) -> Self {
        let row = denial.reason.row();
        let ticket = denial.ticket.as_ref();
        Self {
            action: denial.action.as_deref(),
            advice: denial.advice.as_deref(),
            approval: (!denial.groups.is_empty()).then(|| Approval {
                expires: ticket.map(|ticket| ticket.expires.into()),
                groups: &denial.groups,
                id: ticket.map(|ticket| ticket.id.as_str()),
                url: ticket.map(|ticket| ticket.url.as_str()),
            }),
            decision_id,
            detail: &denial.detail,
            policies: &denial.policies,
            reason: row.code,
            resource: denial.resource.as_deref(),
            status: row.status,
            title: row.title,
            r#type: Urn(row.code),
        }
    }
}

impl Serialize for Urn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:actgate:reason:{}", self.0))
    }
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
