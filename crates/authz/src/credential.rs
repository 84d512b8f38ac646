//! Where the caller's token travels.

use actgate_call::RequestHead;

use crate::{authorizer::GuardedService, decision::Denial, reason::Reason};

/// The token of a request, and how it is presented.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credential<'a> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'a [u8],
}

/// The scheme of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Whoever has it may use it (RFC 6750).
    Bearer,
    /// Whoever also proves to have its key (RFC 9449).
    Dpop,
}

/// The token of a request: exactly one, as `Bearer` (RFC 6750 section 2.1), or where proofs are checked as `DPoP` (RFC 9449
/// section 7.1). Never from the query string or a body.
///
/// # Errors
/// None, more than one, or another scheme.
pub(crate) fn credential<'a>(
    head: &RequestHead<'a>,
    service: &GuardedService,
    checks_proofs: bool,
) -> Result<Credential<'a>, Denial> {
    let sole = head.sole_header(service.token_header());
    let Some(value) = sole.map_err(|error| Denial::new(Reason::CredentialAmbiguous, error.to_string()))?
    else {
        return Err(Denial::new(
            Reason::TokenMissing,
            format!("send a bearer token in the `{}` header", service.token_header()),
        ));
    };
    let ambiguous = || Denial::new(Reason::CredentialAmbiguous, "the credential is not one `Bearer` token");
    let space = value.iter().position(|byte| *byte == b' ').ok_or_else(ambiguous)?;
    let (scheme, rest) = value.split_at_checked(space).ok_or_else(ambiguous)?;
    let token = rest.get(1..).unwrap_or_default();
    let scheme = if scheme.eq_ignore_ascii_case(b"bearer") {
        Scheme::Bearer
    } else if checks_proofs && is_dpop(scheme) {
        Scheme::Dpop
    } else {
        return Err(ambiguous());
    };
    // One space, then the token68 alone: a comma would be a second credential joined by a proxy on the way.
    if token.is_empty() || ends_early(token) {
        return Err(ambiguous());
    }
    Ok(Credential { scheme, token })
}

/// Whether a credential's value, or its scheme alone, is of DPoP.
pub(crate) fn is_dpop(value: &[u8]) -> bool {
    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"dpop")
}

/// Whether something follows the token. Without a way out of the loop, so that it is done for many bytes at once.
fn ends_early(token: &[u8]) -> bool {
    token.iter().fold(false, |found, byte| found | (*byte == b' ') | (*byte == b',') | (*byte == b'\t'))
}
