//! The head of an HTTP/2 request, read as strictly as Envoy's codec reads it (RFC 9113 section 8).

use super::head::{Bad, Head, MAX_FIELDS, Refusal, is_text, is_token, number};

type Field = (Vec<u8>, Vec<u8>);

/// A message that is none: its stream is reset.
const MESSAGE: Bad = Bad(0, "http2.violation.of.messaging.rule");
const FIELD: Bad = Bad(0, "http2.invalid.header.field");

/// What belongs to a connection of HTTP/1.1 (RFC 9113 section 8.2.2).
const OF_CONNECTIONS: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

/// Reads the fields of a head, in order; `ends` says that no body follows. Gives the announced length of the body too.
pub(super) fn parse(fields: Vec<Field>, ends: bool) -> Result<(Head, Option<u64>), Refusal> {
    let mut head = Head::default();
    match fill(&mut head, fields).and_then(|()| length(&head, ends)) {
        Ok(length) => Ok((head, length)),
        Err(Bad(status, details)) => Err(Refusal { status, details, head: Box::new(head) }),
    }
}

fn fill(head: &mut Head, fields: Vec<Field>) -> Result<(), Bad> {
    let mut host = None;
    let mut crumbs: Vec<Vec<u8>> = Vec::new();
    for (name, value) in fields {
        if !value.iter().copied().all(is_text) {
            return Err(FIELD);
        }
        if name.starts_with(b":") {
            let begun = host.is_some() || !crumbs.is_empty() || !head.fields.is_empty();
            if begun || !pseudo(head, &name, value) {
                return Err(MESSAGE);
            }
            continue;
        }
        check(&name, &value)?;
        match name.as_slice() {
            b"host" if host.is_some() => return Err(MESSAGE),
            b"host" => host = Some(value),
            // A client may send the crumbs of one `cookie` apart (RFC 9113 section 8.2.3).
            b"cookie" => crumbs.push(value),
            _ if head.fields.len() >= MAX_FIELDS => return Err(Bad(0, "http2.too_many_headers")),
            _ => head.fields.push((name, value)),
        }
    }
    if !crumbs.is_empty() {
        head.fields.push((b"cookie".to_vec(), crumbs.join(&b"; "[..])));
    }
    head.authority = head.authority.take().or(host);
    target(head)
}

/// Takes a pseudo-header; whether it is one, for the first time.
fn pseudo(head: &mut Head, name: &[u8], value: Vec<u8>) -> bool {
    let slot = match name {
        b":authority" => &mut head.authority,
        b":path" => &mut head.path,
        b":scheme" => &mut head.scheme,
        b":method" if head.method.is_empty() && !value.is_empty() => {
            head.method = value;
            return true;
        }
        _ => return false,
    };
    slot.replace(value).is_none()
}

/// Whether these may follow a body.
pub(super) fn are_trailers(fields: &[Field]) -> bool {
    fields.iter().all(|(name, value)| check(name, value).is_ok() && value.iter().copied().all(is_text))
}

fn check(name: &[u8], value: &[u8]) -> Result<(), Bad> {
    let is_name = |byte: &u8| is_token(*byte) && !byte.is_ascii_uppercase();
    if name.is_empty() || !name.iter().all(is_name) {
        return Err(FIELD);
    }
    // `x_vault_token` is `x-vault-token` to many a backend.
    if name.contains(&b'_') {
        return Err(Bad(0, "http2.unexpected_underscore"));
    }
    if OF_CONNECTIONS.contains(&name) || (name == b"te" && value != b"trailers") {
        return Err(MESSAGE);
    }
    Ok(())
}

fn target(head: &mut Head) -> Result<(), Bad> {
    if head.method.is_empty() || !head.method.iter().copied().all(is_token) {
        return Err(MESSAGE);
    }
    let authority = head.authority.as_deref().unwrap_or_default();
    if authority.is_empty() || authority.contains(&b'@') {
        return Err(MESSAGE);
    }
    if head.method == b"CONNECT" {
        return if head.path.is_none() && head.scheme.is_none() { Ok(()) } else { Err(MESSAGE) };
    }
    let path = head.path.as_deref().unwrap_or_default();
    if head.scheme.is_none() || !path.iter().all(|byte| (0x21..=0x7e).contains(byte)) {
        return Err(MESSAGE);
    }
    match path {
        [b'/', ..] if path.contains(&b'#') => Err(Bad(400, "path_normalization_failed")),
        [b'/', ..] => Ok(()),
        b"*" if head.method == b"OPTIONS" => Err(Bad(404, "route_not_found")),
        _ => Err(MESSAGE),
    }
}

/// A length that the frames cannot have is refused here: hyper would leave no record of it.
fn length(head: &Head, ends: bool) -> Result<Option<u64>, Bad> {
    let mut lengths = head.fields.iter().filter(|(name, _)| name == b"content-length");
    let Some((_, text)) = lengths.next() else { return Ok(None) };
    let length = number(text).ok_or(MESSAGE)?;
    if lengths.next().is_some() || (ends && length > 0) { Err(MESSAGE) } else { Ok(Some(length)) }
}

#[cfg(test)]
mod tests;
