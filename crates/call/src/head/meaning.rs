//! Which headers carry meaning, and which a client may not send at all.

use crate::error::CallError;

/// No header in the table below has a longer name, so a longer one cannot be a disguise of it.
const LONGEST: usize = 32;

/// What a header means to HTTP or to a decision. All but `Plain` may be there once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing that is decided on here.
    Plain,
    /// Something, so that there must not be two of it.
    Single,
    Host,
    ContentLength,
    TransferEncoding,
    ContentType,
    Connection,
    Expect,
}

impl Meaning {
    /// The meaning of a header whose name is a token in lower case.
    ///
    /// # Errors
    /// Headers that no client may send, and names that a backend may take for one that carries meaning.
    pub(crate) fn of(name: &[u8]) -> Result<Self, CallError> {
        let is_plain_spelling = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        if is_plain_spelling {
            return Self::spelt(name, name);
        }
        // CGI and its heirs (WSGI, Rack, PHP) see `_`, `-` and, in part, `.` as one.
        let mut buffer = [0_u8; LONGEST];
        let Some(place) = buffer.get_mut(..name.len()) else { return Ok(Self::Plain) };
        for (to, from) in place.iter_mut().zip(name) {
            *to = folded(*from);
        }
        match Self::spelt(place, name)? {
            Self::Plain => Ok(Self::Plain),
            Self::Single
            | Self::Host
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::ContentType
            | Self::Connection
            | Self::Expect => Err(CallError::refused(name, "it can be taken for another header")),
        }
    }

    fn spelt(name: &[u8], shown: &[u8]) -> Result<Self, CallError> {
        match name {
            b"host" => Ok(Self::Host),
            b"content-length" => Ok(Self::ContentLength),
            b"transfer-encoding" => Ok(Self::TransferEncoding),
            b"content-type" => Ok(Self::ContentType),
            b"connection" => Ok(Self::Connection),
            b"expect" => Ok(Self::Expect),
            b"authorization"
            | b"proxy-authorization"
            | b"dpop"
            | b"txn-token"
            | b"cookie"
            | b"content-encoding"
            | b"content-range"
            | b"range"
            | b"te"
            | b"x-amz-target"
            | b"git-protocol"
            | b"last-event-id"
            | b"idempotency-key" => Ok(Self::Single),
            _ if name.starts_with(b"mcp-") => Ok(Self::Single),
            b"upgrade" => Err(CallError::UpgradeRefused { reason: "`upgrade`" }),
            b"http2-settings" => Err(CallError::UpgradeRefused { reason: "`http2-settings`" }),
            b"x-http-method-override"
            | b"x-http-method"
            | b"x-method-override"
            | b"x-method"
            | b"x-original-method"
            | b"x-forwarded-method"
            | b"x-tunneled-method" => {
                Err(CallError::refused(shown, "it asks for another method than the request's"))
            }
            b"x-original-url"
            | b"x-original-uri"
            | b"x-original-path"
            | b"x-rewrite-url"
            | b"x-rewrite-uri"
            | b"x-override-url"
            | b"x-forwarded-uri"
            | b"x-forwarded-path"
            | b"x-http-path-override" => {
                Err(CallError::refused(shown, "it asks for another path than the request's"))
            }
            _ => Ok(Self::Plain),
        }
    }
}

/// The character as which the most lenient backend sees one of a header or cookie name.
pub(crate) const fn folded(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Whether the most lenient backend takes one name for the other.
pub(crate) fn folds_to(name: &[u8], other: &[u8]) -> bool {
    name.len() == other.len() && name.iter().zip(other).all(|(a, b)| folded(*a) == folded(*b))
}
