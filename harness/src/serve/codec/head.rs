//! The head of an HTTP/1.1 request, read as strictly as Envoy's codec reads it, and in two places more strictly: a
//! folded line and a bare carriage return, which Envoy writes anew, are refused.

/// A request's head as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Head {
    pub(in super::super) method: Vec<u8>,
    /// `:authority`, or `host`.
    pub(in super::super) authority: Option<Vec<u8>>,
    /// `:scheme` of HTTP/2.
    pub(in super::super) scheme: Option<Vec<u8>>,
    /// Path and query; none where a tunnel is asked for.
    pub(in super::super) path: Option<Vec<u8>>,
    /// The other fields, in order, names in lower case.
    pub(in super::super) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A head that no filter sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Refusal {
    /// 0 where the client gets none: its stream is reset.
    pub(in super::super) status: u16,
    /// `response.code_details`
    pub(in super::super) details: &'static str,
    /// What is known of the request.
    pub(in super::super) head: Box<Head>,
}

/// How the body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Nothing,
    Length(u64),
    Chunked,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad(pub(super) u16, pub(super) &'static str);

/// Envoy's own bound (`max_headers_count`).
pub(super) const MAX_FIELDS: usize = 100;

const CODEC: Bad = Bad(400, "http1.codec_error");

/// Reads a head, up to and with its empty line.
pub(super) fn parse(bytes: &[u8]) -> Result<(Head, Framing), Refusal> {
    let mut head = Head::default();
    match fill(&mut head, bytes) {
        Ok(framing) => Ok((head, framing)),
        Err(Bad(status, details)) => Err(Refusal { status, details, head: Box::new(head) }),
    }
}

fn fill(head: &mut Head, bytes: &[u8]) -> Result<Framing, Bad> {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    request_line(head, lines.next().unwrap_or_default())?;
    let mut host = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = field(line)?;
        if name == b"host" {
            let joined = host.get_or_insert_with(Vec::new);
            if !joined.is_empty() {
                joined.push(b',');
            }
            joined.extend_from_slice(value);
            continue;
        }
        if head.fields.len() >= MAX_FIELDS {
            return Err(Bad(431, "http1.too_many_headers"));
        }
        head.fields.push((name, value.to_vec()));
    }
    // The authority of an absolute target wins (RFC 9112 section 3.2.2).
    match (&head.authority, host) {
        (None, None) => return Err(Bad(400, "missing_host_header")),
        (Some(_), _) => {}
        (None, Some(host)) => head.authority = Some(host),
    }
    framing(head)
}

fn request_line(head: &mut Head, line: &[u8]) -> Result<(), Bad> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Err(CODEC) };
    if line.starts_with(b" ") || !method.iter().copied().all(is_token) {
        return Err(CODEC);
    }
    head.method = method.to_vec();
    let version = words.next();
    if words.next().is_some() || !target.iter().all(|byte| (0x21..=0x7e).contains(byte)) {
        return Err(CODEC);
    }
    match version {
        Some(b"HTTP/1.1") => {}
        None => return Err(Bad(426, "low_version")),
        Some(version) if version.starts_with(b"HTTP/") => return Err(Bad(426, "low_version")),
        Some(_) => return Err(CODEC),
    }
    target_form(head, target)
}

fn target_form(head: &mut Head, target: &[u8]) -> Result<(), Bad> {
    if target.contains(&b'#') {
        return Err(Bad(400, "http1.invalid_url"));
    }
    if head.method == b"CONNECT" {
        if target.contains(&b'/') {
            return Err(Bad(400, "http1.invalid_url"));
        }
        head.authority = Some(target.to_vec());
        return Ok(());
    }
    if target.starts_with(b"/") {
        head.path = Some(target.to_vec());
        return Ok(());
    }
    if target == b"*" && head.method == b"OPTIONS" {
        return Err(Bad(404, "route_not_found"));
    }
    let scheme = [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| target.strip_prefix(scheme));
    let rest = scheme.ok_or(Bad(400, "http1.invalid_url"))?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    // A user in it is nobody's business here.
    let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    head.authority = Some(host.to_vec());
    head.path = Some(match path {
        [b'/', ..] => path.to_vec(),
        _ => [b"/", path].concat(),
    });
    Ok(())
}

fn field(line: &[u8]) -> Result<(Vec<u8>, &[u8]), Bad> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(CODEC)?;
    let (name, value) = line.split_at_checked(colon).ok_or(CODEC)?;
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    if name.is_empty() || !name.iter().copied().all(is_token) || !value.iter().copied().all(is_text) {
        return Err(CODEC);
    }
    Ok((name.to_ascii_lowercase(), value))
}

/// Any doubt about where a body ends is a refusal.
fn framing(head: &Head) -> Result<Framing, Bad> {
    let of = |name: &'static [u8]| {
        let fields = head.fields.iter().filter(move |(own, _)| own == name);
        fields.map(|(_, value)| value.as_slice())
    };
    let (mut lengths, mut codings) = (of(b"content-length"), of(b"transfer-encoding"));
    let framing = match (lengths.next(), codings.next()) {
        (None, None) => Framing::Nothing,
        (Some(length), None) => Framing::Length(number(length).ok_or(CODEC)?),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        (None, Some(_)) => return Err(Bad(501, "http1.invalid_transfer_encoding")),
        (Some(_), Some(_)) => return Err(Bad(400, "http1.content_length_and_chunked_not_allowed")),
    };
    if codings.next().is_some() {
        return Err(Bad(501, "http1.invalid_transfer_encoding"));
    }
    if lengths.next().is_some() { Err(CODEC) } else { Ok(framing) }
}

pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

pub(super) fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests;
