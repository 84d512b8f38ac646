//! The upstream's answer on its way through the gate alone: what Envoy does around it, in a few lines.

use actgate_authz::{AnswerStep, Authorizer, BodyProgress, Gate, LocalReply, Moment};

use super::format::Upstream;

/// What the client gets.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Where it came from, as the access log says it.
    pub(super) details: String,
}

/// Takes an answer through the gate, its body in two parts and an end.
pub(super) fn answered(
    gate: &mut Gate,
    authorizer: &Authorizer,
    upstream: Upstream,
    now: Moment,
) -> Answered {
    let Upstream { status, headers, body } = upstream;
    let mut headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.push(("content-length".to_owned(), body.len().to_string()));
    let mut fields = vec![(":status".to_owned(), status.to_string())];
    fields.extend(headers.iter().cloned());
    let borrowed: Vec<(&[u8], &[u8])> =
        fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let first = gate.on_answer(&borrowed, body.is_empty());
    let mut out = Vec::new();
    let mut held = Vec::new();
    let (one, two) = body.as_bytes().split_at_checked(body.len() / 2).unwrap_or((body.as_bytes(), &[]));
    let parts = [(one, false), (two, false), (&[] as &[u8], true)];
    let mut next = Some(first);
    let mut parts = parts.into_iter().filter(|(part, complete)| *complete || !part.is_empty());
    loop {
        match next.take() {
            Some(AnswerStep::Pass) => out.append(&mut held),
            Some(AnswerStep::Hold) | None => {}
            Some(AnswerStep::Change(change)) => {
                let set = |name: &str| change.set.iter().any(|(set, _)| *set == name);
                headers.retain(|(name, _)| !change.remove.contains(&name.as_str()) && !set(name));
                headers.extend(change.set.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
                match change.body {
                    Some(body) => {
                        held.clear();
                        out.extend(body);
                    }
                    None => out.append(&mut held),
                }
            }
            Some(AnswerStep::Reply(LocalReply { status, headers, body, details })) => {
                return Answered { status, headers, body, details };
            }
        }
        let Some((part, complete)) = parts.next().filter(|_| !body.is_empty()) else { break };
        held.extend_from_slice(part);
        let progress = BodyProgress { buffered: held.len(), complete };
        let read = |start: usize, length: usize| {
            held.get(start..).and_then(|rest| rest.get(..length)).map(<[u8]>::to_vec)
        };
        next = Some(gate.on_answer_body(authorizer, progress, read, now));
    }
    Answered { status, headers, body: out, details: "via_upstream".to_owned() }
}
