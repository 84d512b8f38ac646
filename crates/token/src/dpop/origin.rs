//! The addresses that proofs are made for (`htu`, RFC 9449 section 4.2).

use super::ProvenRequest;

/// Scheme and authority under which clients know the gateway, in normal form (RFC 3986 section 6.2): lower case, and no
/// port that the scheme has anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: String,
}

/// Not `http` or `https`, a host and perhaps a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin such as `https://tools.example.org`")]
pub struct InvalidOrigin;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

// === impl Origin ===

impl Origin {
    /// Reads an origin: nothing follows the authority.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        match take(text) {
            Some((origin, "")) => Ok(origin),
            Some(_) | None => Err(InvalidOrigin),
        }
    }

    /// Whether a request's `:authority` names it.
    fn is_named(&self, authority: &str) -> bool {
        normal(authority, self.scheme).is_some_and(|authority| authority == self.authority)
    }
}

/// Whether `htu` is the address of the request. Query and fragment are ignored (RFC 9449 section 4.3); the path is that of
/// the request to the byte, which is canonical already.
///
/// Where the request's own `:authority` is one of the origins', the proof has to be for that one: a proof for one host is
/// not used on another. Behind a proxy that puts another authority in its place, any of them counts.
pub(super) fn is_of(htu: &str, origins: &[Origin], request: ProvenRequest<'_>) -> bool {
    let Some((origin, rest)) = take(htu) else { return false };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    let is_named = origins.iter().any(|known| known.is_named(request.authority));
    path == request.path && origins.contains(&origin) && (!is_named || origin.is_named(request.authority))
}

/// The origin at the beginning of an address, and what follows it.
fn take(address: &str) -> Option<(Origin, &str)> {
    if !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (scheme, rest) = address.split_once("://")?;
    let scheme = if scheme.eq_ignore_ascii_case("https") {
        Scheme::Https
    } else if scheme.eq_ignore_ascii_case("http") {
        Scheme::Http
    } else {
        return None;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    Some((Origin { scheme, authority: normal(authority, scheme)? }, rest))
}

/// An authority in normal form. User information is refused: it is a way to show one host and mean another.
fn normal(authority: &str, scheme: Scheme) -> Option<String> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    if !authority.bytes().all(is_plain) {
        return None;
    }
    let usual = match scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let lower = authority.to_ascii_lowercase();
    let lower = lower.strip_suffix(usual).or_else(|| lower.strip_suffix(':')).unwrap_or(&lower);
    (!lower.is_empty() && !lower.starts_with(':')).then(|| lower.to_owned())
}
