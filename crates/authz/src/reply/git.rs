//! Refusals in git's own voice (gitprotocol-http(5), gitprotocol-pack(5) "Report Status"): what a person sees is a
//! rejected ref with a reason, and nothing that looks like a broken server.

use actgate_call::git::{PushClient, pkt_line::MAX_PACKET_BYTES};

use serde_json::json;

use super::{LocalReply, details};
use crate::{decision::Denial, reason::Reason};

/// A packet's four digits, and the byte that says which band it is of.
const PACKET_OVERHEAD: usize = 5;
/// The band of the answer itself.
const ANSWER: u8 = 1;
/// The band of messages, which git prints after `remote: `.
const MESSAGE: u8 = 2;

/// A terminal's line behind `! [remote rejected] main -> main`.
const MAX_REASON_CHARS: usize = 120;

/// A refusal that git prints as it is: only `text/plain`, and never a 401, which would make git ask for a password.
pub(super) fn text(denial: &Denial, decision_id: &str) -> LocalReply {
    let body = message(denial, decision_id);
    failure(denial.reason, "text/plain; charset=utf-8", body.into_bytes())
}

/// A refusal in the form of Git LFS ("Batch API", response errors), which prints the message.
pub(super) fn lfs(denial: &Denial, decision_id: &str) -> LocalReply {
    let body = json!({ "message": message(denial, decision_id).trim_end(), "request_id": decision_id });
    failure(denial.reason, "application/vnd.git-lfs+json", body.to_string().into_bytes())
}

/// A refusal that `git archive` prints: it reads the packet `NACK` and nothing of a response that is no success.
pub(super) fn archive(denial: &Denial, decision_id: &str) -> LocalReply {
    let line = message(denial, decision_id).trim_end().replace('\n', "; ");
    let mut body = Vec::new();
    packet(&mut body, format!("NACK {line}\n").as_bytes());
    LocalReply {
        status: 200,
        headers: vec![
            ("content-type".to_owned(), "application/x-git-upload-archive-result".to_owned()),
            ("cache-control".to_owned(), "no-cache".to_owned()),
        ],
        body,
        details: details(denial.reason),
    }
}

/// A response that is no success, and no 401 either.
fn failure(reason: Reason, content_type: &str, body: Vec<u8>) -> LocalReply {
    let row = reason.row();
    let status = if row.status == 401 { 403 } else { row.status };
    let mut headers = vec![
        ("content-type".to_owned(), content_type.to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    if status == 503 {
        headers.push(("retry-after".to_owned(), "1".to_owned()));
    }
    LocalReply { status, headers, body, details: details(reason) }
}

/// A refusal of a push: every ref is reported as rejected, since all of them or none are pushed.
pub(super) fn report(denial: &Denial, decision_id: &str, client: &PushClient) -> LocalReply {
    let mut report = Vec::new();
    packet(&mut report, b"unpack ok\n");
    for name in &client.refs {
        packet(&mut report, format!("ng {name} {}\n", reason_for(name, denial, client)).as_bytes());
    }
    report.extend_from_slice(b"0000");
    let body = if client.side_band {
        let mut body = Vec::new();
        band(&mut body, MESSAGE, message(denial, decision_id).as_bytes());
        band(&mut body, ANSWER, &report);
        body.extend_from_slice(b"0000");
        body
    } else {
        report
    };
    LocalReply {
        status: 200,
        headers: vec![
            ("content-type".to_owned(), "application/x-git-receive-pack-result".to_owned()),
            ("cache-control".to_owned(), "no-cache".to_owned()),
        ],
        body,
        details: details(denial.reason),
    }
}

/// Why this ref is not pushed, in one short line.
fn reason_for(name: &str, denial: &Denial, client: &PushClient) -> String {
    let own = format!("Git::Ref::\"{}/{name}\"", client.repo);
    let line = match &denial.resource {
        Some(resource) if *resource != own => "another ref of this push is refused".to_owned(),
        Some(_) | None => match denial.reason {
            Reason::ApprovalRequired => format!("approval required: {}", denial.groups.join(", ")),
            Reason::PolicyDenied => denial.because.clone().unwrap_or_else(|| "denied by policy".to_owned()),
            Reason::Call(_) => denial.detail.clone(),
            Reason::TokenMissing
            | Reason::CredentialAmbiguous
            | Reason::Token(_)
            | Reason::ScopeInsufficient
            | Reason::PolicyError
            | Reason::DefinitionChanged
            | Reason::ApprovalDenied
            | Reason::ApprovalInFlight
            | Reason::ApprovalLimit
            | Reason::ApprovalUnavailable
            | Reason::LedgerUnavailable
            | Reason::SessionUnknown
            | Reason::AnswerRefused
            | Reason::GateUnavailable
            | Reason::GateOverloaded => denial.reason.row().title.to_lowercase(),
        },
    };
    line.chars().map(|char| if char.is_control() { ' ' } else { char }).take(MAX_REASON_CHARS).collect()
}

/// What git prints line by line.
fn message(denial: &Denial, decision_id: &str) -> String {
    let mut lines = vec![format!("actgate: {}", denial.reason.row().title), denial.detail.clone()];
    if !denial.groups.is_empty() {
        lines.push(format!("needs the approval of: {}", denial.groups.join(", ")));
    }
    if let Some(ticket) = &denial.ticket {
        lines.push(format!("approve it here, then push again: {}", ticket.url));
    }
    lines.extend(denial.advice.clone());
    lines.push(format!("reason: {}, decision: {decision_id}", denial.reason.code()));
    // A terminal shows it: what steers terminals stays out.
    let clean = |line: &String| -> String {
        line.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
    };
    lines.iter().map(clean).collect::<Vec<_>>().join("\n") + "\n"
}

/// One packet. What is written here is far shorter than a packet may be.
fn packet(into: &mut Vec<u8>, payload: &[u8]) {
    into.extend_from_slice(format!("{:04x}", payload.len().saturating_add(4)).as_bytes());
    into.extend_from_slice(payload);
}

/// As many packets of a band as the bytes need.
fn band(into: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    for piece in bytes.chunks(MAX_PACKET_BYTES.saturating_sub(PACKET_OVERHEAD)) {
        let mut payload = Vec::with_capacity(piece.len().saturating_add(1));
        payload.push(number);
        payload.extend_from_slice(piece);
        packet(into, &payload);
    }
}

#[cfg(test)]
mod tests;
