//! Host and port of a request.

/// The longest host name of the DNS (RFC 1035 section 2.3.4); an IPv6 literal with a port is shorter.
const MAX_HOST_BYTES: usize = 253;

/// A host with an optional port, in the letters in which it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    text: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port`, `[ipv6]` or `[ipv6]:port`: no user, no escapes, no trailing dot.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => {
                address.parse::<std::net::Ipv6Addr>().ok()?;
                let port = match rest {
                    "" => None,
                    _ => Some(rest.strip_prefix(':')?),
                };
                (text.strip_suffix(rest)?, port)
            }
            None => {
                let (host, port) = match text.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (text, None),
                };
                // `host.` is the same name for the DNS and another one for a table of virtual hosts.
                let is_host = (1..=MAX_HOST_BYTES).contains(&host.len())
                    && !host.starts_with('.')
                    && !host.ends_with('.')
                    && !host.contains("..")
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
                is_host.then_some((host, port))?
            }
        };
        let port = match port {
            // Numbers have one spelling here: no sign, no leading zero.
            Some(digits) if digits.starts_with(|c: char| matches!(c, '1'..='9')) => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
            None => None,
        };
        Some(Self { text, host, port })
    }

    /// As sent.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The host; an IPv6 address keeps its brackets.
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port, where one is named.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}
