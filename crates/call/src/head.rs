//! The head of a request: its pseudo-headers and headers, read strictly.

mod authority;
mod meaning;
mod value;

use std::fmt;

pub use authority::Authority;
pub(crate) use meaning::folds_to;
pub(crate) use value::{is_method, is_name};

use self::{
    meaning::Meaning,
    value::{content_length, has_controls},
};
use crate::{
    error::CallError,
    path::{CanonicalPath, MAX_TARGET_BYTES},
    query::Query,
};

/// Envoy admits 100 headers by default (`max_headers_count`); finding duplicates costs the square of it at worst.
const MAX_HEADERS: usize = 256;

/// The head of a request that every reader understands alike.
///
/// What [`RequestHead::parse`] proves of every request: each pseudo-header of RFC 9113 section 8.3.1 is there once
/// and no other is; the path and query are canonical; no header that carries meaning is there twice or under a
/// disguised name; nothing asks for a tunnel, an upgrade or another method or path than the request line's.
#[derive(Clone)]
pub struct RequestHead<'a> {
    headers: &'a [(&'a [u8], &'a [u8])],
    method: &'a str,
    scheme: &'a str,
    authority: Authority<'a>,
    target: &'a str,
    path: CanonicalPath<'a>,
    query: Query<'a>,
    content_length: Option<u64>,
}

// === impl RequestHead ===

impl<'a> RequestHead<'a> {
    /// Reads the headers as a proxy gives them: pseudo-headers included, names in lower case.
    ///
    /// # Errors
    /// Every head that two readers could understand differently.
    pub fn parse(headers: &'a [(&'a [u8], &'a [u8])]) -> Result<Self, CallError> {
        if headers.len() > MAX_HEADERS {
            return Err(CallError::malformed("too many headers"));
        }
        let mut pseudo = Pseudo::default();
        let mut host = None;
        let mut length = None;
        let mut chunked = false;
        for (position, (name, value)) in headers.iter().enumerate() {
            if has_controls(value) {
                return Err(CallError::malformed("a control character in a header"));
            }
            if let Some(name) = name.strip_prefix(b":") {
                pseudo.set(name, value)?;
                continue;
            }
            if !is_name(name) {
                return Err(CallError::malformed("a header name is not a token in lower case"));
            }
            let meaning = Meaning::of(name)?;
            if let Meaning::Plain = meaning {
                continue;
            }
            if value::is_padded(value) {
                return Err(CallError::malformed("white space around the value of a header"));
            }
            if headers.iter().take(position).any(|(earlier, _)| earlier == name) {
                return Err(CallError::duplicate(name));
            }
            match meaning {
                Meaning::Plain | Meaning::Single => {}
                Meaning::Host => host = Some(*value),
                Meaning::ContentLength => length = Some(content_length(value)?),
                Meaning::TransferEncoding => {
                    value::transfer_encoding(value)?;
                    chunked = true;
                }
                Meaning::ContentType => value::content_type(value)?,
                Meaning::Connection => value::connection(value)?,
                Meaning::Expect => value::expect(value)?,
            }
        }
        // RFC 9112 section 6.3: a message with both is an attempt at request smuggling.
        if chunked && length.is_some() {
            return Err(CallError::malformed("content-length and transfer-encoding together"));
        }
        pseudo.head(headers, host, length)
    }

    /// The method, such as `GET`.
    pub const fn method(&self) -> &'a str {
        self.method
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// The host and port that are asked.
    pub const fn authority(&self) -> &Authority<'a> {
        &self.authority
    }

    /// The canonical path.
    pub const fn path(&self) -> &CanonicalPath<'a> {
        &self.path
    }

    /// The query.
    pub const fn query(&self) -> &Query<'a> {
        &self.query
    }

    /// The bytes of `:path` as sent, query included.
    pub const fn raw_path(&self) -> &'a str {
        self.target
    }

    /// All headers as given, pseudo-headers included.
    pub const fn headers(&self) -> &'a [(&'a [u8], &'a [u8])] {
        self.headers
    }

    /// The first header called `name` (in lower case). Whether there is a second is proved by [`RequestHead::parse`]
    /// only for headers whose meaning HTTP fixes; use [`RequestHead::sole_header`] for all others.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(other, _)| *other == name.as_bytes()).map(|(_, value)| *value)
    }

    /// The only header called `name` (in lower case), for values that are decided on.
    ///
    /// # Errors
    /// A second header of that name, one that a backend may take for it (`x_api_key` for `x-api-key`), or white space
    /// around its value.
    pub fn sole_header(&self, name: &str) -> Result<Option<&'a [u8]>, CallError> {
        let mut found = None;
        for (other, value) in self.headers {
            if *other == name.as_bytes() {
                if found.is_some() {
                    return Err(CallError::duplicate(other));
                }
                if value::is_padded(value) {
                    return Err(CallError::malformed("white space around the value of a header"));
                }
                found = Some(*value);
            } else if folds_to(other, name.as_bytes()) {
                return Err(CallError::refused(other, "it can be taken for another header"));
            }
        }
        Ok(found)
    }

    /// `Content-Type`, as sent.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.header("content-type")
    }

    /// `Content-Encoding`, as sent.
    pub fn content_encoding(&self) -> Option<&'a [u8]> {
        self.header("content-encoding")
    }

    /// `Content-Length`, where the sender declares one.
    pub const fn content_length(&self) -> Option<u64> {
        self.content_length
    }
}

impl fmt::Debug for RequestHead<'_> {
    /// Leaves out the headers: credentials are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("authority", &self.authority)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The pseudo-headers of RFC 9113 section 8.3.1 as far as they are read.
#[derive(Default)]
struct Pseudo<'a> {
    method: Option<&'a [u8]>,
    scheme: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
}

impl<'a> Pseudo<'a> {
    fn set(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), CallError> {
        let place = match name {
            b"method" => &mut self.method,
            b"scheme" => &mut self.scheme,
            b"authority" => &mut self.authority,
            b"path" => &mut self.path,
            // RFC 8441: extended CONNECT.
            b"protocol" => return Err(CallError::UpgradeRefused { reason: "`:protocol`" }),
            _ => return Err(CallError::malformed("an unknown pseudo-header")),
        };
        match place.replace(value) {
            Some(_) => Err(CallError::malformed("a pseudo-header is there twice")),
            None => Ok(()),
        }
    }

    fn head(
        self,
        headers: &'a [(&'a [u8], &'a [u8])],
        host: Option<&'a [u8]>,
        content_length: Option<u64>,
    ) -> Result<RequestHead<'a>, CallError> {
        let method = self.method.ok_or(CallError::malformed("no `:method`"))?;
        // RFC 9113 section 8.5: a CONNECT has no `:path`, so it must be told apart before that is missed.
        if method.eq_ignore_ascii_case(b"CONNECT") {
            return Err(CallError::UpgradeRefused { reason: "CONNECT" });
        }
        let method = ascii(method).filter(|method| is_method(method));
        let method = method.ok_or(CallError::malformed("the method is not a word in upper case"))?;
        let scheme = match self.scheme.ok_or(CallError::malformed("no `:scheme`"))? {
            b"http" => "http",
            b"https" => "https",
            _ => return Err(CallError::malformed("the scheme is not `http` or `https`")),
        };
        let authority = self.authority.ok_or(CallError::malformed("no `:authority`"))?;
        if host.is_some_and(|host| !host.eq_ignore_ascii_case(authority)) {
            return Err(CallError::malformed("`host` and `:authority` differ"));
        }
        let authority = ascii(authority).and_then(Authority::parse);
        let authority =
            authority.ok_or(CallError::malformed("the authority is not a host with an optional port"))?;
        let target = self.path.ok_or(CallError::malformed("no `:path`"))?;
        if target.len() > MAX_TARGET_BYTES {
            return Err(CallError::path("it is too long"));
        }
        let target = ascii(target).ok_or(CallError::path("a character that must be escaped"))?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        Ok(RequestHead {
            headers,
            method,
            scheme,
            authority,
            target,
            path: CanonicalPath::parse(path)?,
            query: Query::parse(query)?,
            content_length,
        })
    }
}

/// Printable ASCII as text.
fn ascii(bytes: &[u8]) -> Option<&str> {
    if bytes.iter().all(u8::is_ascii_graphic) { str::from_utf8(bytes).ok() } else { None }
}

#[cfg(test)]
mod tests;
