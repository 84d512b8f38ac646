//! Where one request ends on a connection: just enough of RFC 9112 to know.

/// A complete request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The request target, byte for byte.
    pub target: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
}

/// What the bytes of a connection begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A request that goes on.
    Partial,
    /// A request, and how many bytes it takes.
    Complete(Recorded, usize),
    /// Nothing that could become a request.
    Invalid,
}

// === impl Recorded ===

impl Recorded {
    /// Every value of a header.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

pub(super) fn parse(bytes: &[u8]) -> Parsed {
    const END: &[u8] = b"\r\n\r\n";
    let Some(head) = bytes.windows(END.len()).position(|window| window == END) else {
        return Parsed::Partial;
    };
    let (head, body) = bytes.split_at(head.saturating_add(END.len()));
    let Some(mut request) = parse_head(&String::from_utf8_lossy(head)) else { return Parsed::Invalid };
    let framed = if request.header("transfer-encoding").any(|value| value.eq_ignore_ascii_case("chunked")) {
        chunked(body)
    } else {
        let length = request.header("content-length").next().map_or(Ok(0), str::parse);
        length.map(|length: usize| body.get(..length).map(|body| (body.to_vec(), length))).map_err(drop)
    };
    match framed {
        Ok(Some((body, length))) => {
            request.body = body;
            Parsed::Complete(request, head.len().saturating_add(length))
        }
        Ok(None) => Parsed::Partial,
        Err(()) => Parsed::Invalid,
    }
}

fn parse_head(head: &str) -> Option<Recorded> {
    let mut lines = head.trim_end().split("\r\n");
    let mut start = lines.next()?.splitn(3, ' ');
    let (method, target) = (start.next()?, start.next()?);
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Recorded {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.collect::<Option<_>>()?,
        body: Vec::new(),
    })
}

/// A chunked body (RFC 9112 section 7.1) and its framed length; none where it goes on.
fn chunked(framed: &[u8]) -> Result<Option<(Vec<u8>, usize)>, ()> {
    let mut body = Vec::new();
    let mut at: usize = 0;
    loop {
        let Some((line, next)) = line(framed, at) else { return Ok(None) };
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(drop)?;
        if size == 0 {
            return Ok(trailers(framed, next).map(|end| (body, end)));
        }
        let end = next.checked_add(size).ok_or(())?;
        let Some(chunk) = framed.get(next..end) else { return Ok(None) };
        body.extend_from_slice(chunk);
        at = end.checked_add(2).ok_or(())?;
    }
}

/// Where the trailer section ends: after its first empty line.
fn trailers(framed: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let (line, next) = line(framed, at)?;
        at = next;
        if line.is_empty() {
            return Some(at);
        }
    }
}

/// The line that begins at `at`, and where the next one does.
fn line(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let rest = bytes.get(at..)?;
    let length = rest.windows(2).position(|window| window == b"\r\n")?;
    let line = rest.get(..length)?;
    Some((String::from_utf8_lossy(line).into_owned(), at.checked_add(length)?.checked_add(2)?))
}

#[cfg(test)]
mod tests;
