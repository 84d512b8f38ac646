//! What Envoy's connection manager does to a head before any filter sees it, as `envoy/demo.yaml` configures it.

use std::net::IpAddr;

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

use super::codec::{Head, Refusal};
use crate::host::{Headers, Section};

/// What belongs to one connection (RFC 9110 section 7.6.1). `transfer-encoding` stays: it tells that there is a body.
const HOP: [&[u8]; 4] = [b"connection", b"keep-alive", b"proxy-connection", b"upgrade"];

/// Fields in order, as a filter sees them.
pub(super) fn fields(map: &HeaderMap) -> Vec<(Vec<u8>, Vec<u8>)> {
    map.iter().map(|(name, value)| (name.as_str().into(), value.as_bytes().into())).collect()
}

/// What the filter sees.
///
/// # Errors
/// A head that it does not see.
pub(super) fn manage(head: &Head, peer: IpAddr, request_id: &str) -> Result<Headers, Refusal> {
    let refuse = |status, details| Err(Refusal { status, details, head: Box::new(head.clone()) });
    // `x_vault_token` is `x-vault-token` to many a backend.
    if head.fields.iter().any(|(name, _)| name.contains(&b'_')) {
        return refuse(400, "unexpected_underscore");
    }
    let Some(authority) = &head.authority else { return refuse(400, "missing_host_header") };
    if !authority.iter().copied().all(is_of_authority) {
        return refuse(400, "http1.invalid_authority");
    }
    let connection = of(head, b"connection");
    let upgrade = of(head, b"upgrade");
    let upgrading =
        words(&connection).any(|word| word.eq_ignore_ascii_case(b"upgrade")) && !upgrade.is_empty();
    let cleartext = words(&upgrade).any(|word| word.eq_ignore_ascii_case(b"h2c"));
    if upgrading && !cleartext {
        return refuse(403, "upgrade_failed");
    }
    let named = |name: &[u8]| words(&connection).any(|word| word.eq_ignore_ascii_case(name));
    let scheme = head.scheme.as_deref().unwrap_or(b"http");
    let mut fields: Vec<(&[u8], &[u8])> = vec![(b":authority", authority)];
    fields.extend(head.path.as_deref().map(|path| (&b":path"[..], path)));
    fields.extend([(&b":method"[..], head.method.as_slice()), (b":scheme", scheme)]);
    let pseudo = fields.len();
    fields.extend(head.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).filter(
        |(name, value)| {
            let dropped = HOP.contains(name)
                || named(name)
                || name.starts_with(b"x-envoy-")
                || matches!(*name, b"x-forwarded-proto" | b"x-request-id")
                || (*name == b"te" && !value.eq_ignore_ascii_case(b"trailers"))
                || (*name == b"expect" && value.eq_ignore_ascii_case(b"100-continue"))
                || (upgrading && *name == b"http2-settings");
            !dropped
        },
    ));
    // Two that announce a body the same way are one.
    let expects = head.fields.iter().filter(|(name, _)| name == b"expect").count();
    if expects > 1 {
        fields.insert(pseudo, (b"expect", b"100-continue,100-continue"));
    }
    let mut headers = Headers::received(Section::Request, fields);
    headers.add(Section::Request, b"x-forwarded-for", peer.to_string().as_bytes());
    headers.add(Section::Request, b"x-forwarded-proto", b"http");
    headers.add(Section::Request, b"x-request-id", request_id.as_bytes());
    Ok(headers)
}

/// Whether a field of a message goes on to the next connection.
fn travels(name: &[u8]) -> bool {
    !name.starts_with(b":") && name != b"transfer-encoding" && !HOP.contains(&name)
}

/// The fields that go on.
pub(super) fn travelling(headers: &Headers) -> HeaderMap {
    let fields = headers.iter().filter(|(name, _)| travels(name));
    fields
        .filter_map(|(name, value)| {
            Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

fn of(head: &Head, name: &[u8]) -> Vec<u8> {
    let values: Vec<&[u8]> =
        head.fields.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_slice()).collect();
    values.join(&b","[..])
}

fn words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
}

/// RFC 3986 section 3.2, the characters alone.
fn is_of_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@[]".contains(&byte)
}

#[cfg(test)]
mod tests;
