//! The query of a request: each parameter once, in canonical form.

use std::borrow::Cow;

use crate::{
    error::CallError,
    escape::{self, is_pchar},
};

/// No route declares more, and finding duplicates costs the square of it.
const MAX_PARAMETERS: usize = 64;

/// The query parameters of a request (`a=1&b`), each once and canonically escaped.
///
/// Whether `+` is a space is a matter of opinion (RFC 3986 says no, HTML forms say yes): it is passed on, but never
/// decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    raw: Option<&'a str>,
}

/// One query parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its decoded name.
    pub name: Cow<'a, str>,
    /// Its value as sent; empty where there is no `=`.
    raw: &'a str,
}

// === impl Query ===

impl<'a> Query<'a> {
    /// Reads what follows the first `?`; `None` where there is none.
    ///
    /// # Errors
    /// [`CallError::QueryMalformed`] for a query that is not canonical or has a parameter twice.
    pub fn parse(raw: Option<&'a str>) -> Result<Self, CallError> {
        let query = Self { raw };
        let Some(text) = raw else { return Ok(query) };
        if let Some(byte) = text.bytes().find(|byte| !(is_pchar(*byte) || matches!(byte, b'/' | b'?'))) {
            return Err(CallError::query(match byte {
                b';' => "`;`, which separates parameters for some",
                b'#' => "a fragment",
                _ => "a character that must be escaped",
            }));
        }
        let mut names: Vec<Cow<'a, str>> = Vec::new();
        for part in text.split('&') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if name.is_empty() {
                return Err(CallError::query("a parameter without a name"));
            }
            if name.contains('+') {
                return Err(CallError::query("`+` in a name"));
            }
            let name = escape::decode(name).map_err(|flaw| CallError::query(flaw.reason()))?;
            escape::decode(value).map_err(|flaw| CallError::query(flaw.reason()))?;
            if names.contains(&name) {
                return Err(CallError::query("a parameter is there twice"));
            }
            if names.len() >= MAX_PARAMETERS {
                return Err(CallError::query("too many parameters"));
            }
            names.push(name);
        }
        Ok(query)
    }

    /// The query as sent, without its `?`.
    pub const fn as_str(&self) -> Option<&'a str> {
        self.raw
    }

    /// The parameters in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = Parameter<'a>> {
        self.raw.into_iter().flat_map(|raw| raw.split('&')).filter_map(|part| {
            let (name, raw) = part.split_once('=').unwrap_or((part, ""));
            // `parse` has decoded it before.
            Some(Parameter { name: escape::decode(name).ok()?, raw })
        })
    }

    /// The parameter `name`.
    pub fn find(&self, name: &str) -> Option<Parameter<'a>> {
        self.iter().find(|parameter| parameter.name == name)
    }
}

// === impl Parameter ===

impl<'a> Parameter<'a> {
    /// The decoded value.
    ///
    /// # Errors
    /// [`CallError::QueryMalformed`] where the value contains `+`, which some read as a space and some do not.
    pub fn value(&self) -> Result<Cow<'a, str>, CallError> {
        if self.raw.contains('+') {
            return Err(CallError::query("`+` in a value that is decided on; write `%20` or `%2B`"));
        }
        escape::decode(self.raw).map_err(|flaw| CallError::query(flaw.reason()))
    }
}

#[cfg(test)]
mod tests;
