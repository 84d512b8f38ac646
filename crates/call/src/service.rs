//! Which service a request is for.

use thiserror::Error;

use crate::{
    adapter::Adapter,
    error::CallError,
    head::{Authority, RequestHead, is_name},
    path::CanonicalPath,
};

/// A tool API behind the gate.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The host it answers to, with any port unless it names one; any host where absent.
    pub host: Option<String>,
    /// The path under which it is reached, ending on a segment: `/secrets` and `/secrets/` mean the same.
    pub prefix: String,
    /// The header that carries the caller's token, where it is not `authorization`.
    pub token_header: Option<String>,
    /// How its requests are read.
    pub adapter: Adapter,
}

/// All services, so that a request has one or none.
#[derive(Debug, Clone, Default)]
pub struct Services {
    // INVARIANT: sorted by how particular the host is, then by the longest prefix, so that the first match is the one.
    services: Vec<Service>,
}

/// Why services cannot stand beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServicesError {
    /// A prefix that no canonical path can begin with.
    #[error("service {index}: prefix `{prefix}` is not a canonical path without escapes")]
    Prefix {
        /// The service's place in the list.
        index: usize,
        /// The prefix.
        prefix: String,
    },
    /// A host that no request can name.
    #[error("service {index}: host `{host}` is not a host with an optional port")]
    Host {
        /// The service's place in the list.
        index: usize,
        /// The host.
        host: String,
    },
    /// A token header that no request can carry, or that the service's own catalog refuses or reads.
    #[error("service {index}: `{header}` cannot carry the token")]
    TokenHeader {
        /// The service's place in the list.
        index: usize,
        /// The header.
        header: String,
    },
    /// Two services of one name.
    #[error("services {first} and {second} have the same name")]
    SameName {
        /// The one's place in the list.
        first: usize,
        /// The other's place in the list.
        second: usize,
    },
    /// Two services for the same requests.
    #[error("services {first} and {second} have the same host and prefix")]
    SamePlace {
        /// The one's place in the list.
        first: usize,
        /// The other's place in the list.
        second: usize,
    },
}

// === impl Service ===

impl Service {
    fn admits(&self, authority: &Authority<'_>) -> bool {
        let Some(host) = &self.host else { return true };
        host.eq_ignore_ascii_case(authority.as_str()) || host.eq_ignore_ascii_case(authority.host())
    }

    /// How particular the host is, then the prefix: greater is tried first.
    fn rank(&self) -> (u8, usize) {
        let host = match self.host.as_deref().and_then(Authority::parse) {
            Some(authority) if authority.port().is_some() => 2,
            Some(_) => 1,
            None => 0,
        };
        (host, bare(&self.prefix).len())
    }

    fn check(&self, index: usize) -> Result<(), ServicesError> {
        let is_prefix = CanonicalPath::parse(&self.prefix).is_ok() && !self.prefix.contains('%');
        if !is_prefix {
            return Err(ServicesError::Prefix { index, prefix: self.prefix.clone() });
        }
        if let Some(host) = &self.host
            && Authority::parse(host).is_none()
        {
            return Err(ServicesError::Host { index, host: host.clone() });
        }
        if let Some(header) = &self.token_header
            && (!is_name(header.as_bytes()) || self.adapter.uses_header(header))
        {
            return Err(ServicesError::TokenHeader { index, header: header.clone() });
        }
        Ok(())
    }

    fn has_place_of(&self, other: &Self) -> bool {
        let same_host = match (&self.host, &other.host) {
            (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_host && bare(&self.prefix) == bare(&other.prefix)
    }
}

// === impl Services ===

impl Services {
    /// Checks that every request has one service at most.
    ///
    /// # Errors
    /// The first service that cannot be reached or that another one hides.
    pub fn new(mut services: Vec<Service>) -> Result<Self, ServicesError> {
        for (second, service) in services.iter().enumerate() {
            service.check(second)?;
            for (first, other) in services.iter().take(second).enumerate() {
                if service.name == other.name {
                    return Err(ServicesError::SameName { first, second });
                }
                if service.has_place_of(other) {
                    return Err(ServicesError::SamePlace { first, second });
                }
            }
        }
        services.sort_by_key(|service| std::cmp::Reverse(service.rank()));
        Ok(Self { services })
    }

    /// The service that a request is for: by exact host, then by the longest prefix.
    ///
    /// # Errors
    /// [`CallError::RouteUnknown`] where there is none; a duplicate or disguised token header of the one there is.
    pub fn select(&self, head: &RequestHead<'_>) -> Result<&Service, CallError> {
        let service = self
            .services
            .iter()
            .find(|service| service.admits(head.authority()) && head.path().after(&service.prefix).is_some())
            .ok_or(CallError::RouteUnknown)?;
        if let Some(header) = &service.token_header {
            head.sole_header(header)?;
        }
        Ok(service)
    }

    /// All services, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Service> {
        self.services.iter()
    }
}

/// The prefix without its trailing slash.
fn bare(prefix: &str) -> &str {
    prefix.strip_suffix('/').unwrap_or(prefix)
}

#[cfg(test)]
mod tests;
