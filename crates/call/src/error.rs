//! Why a request is not a tool call.

use thiserror::Error;

use crate::json::JsonError;

/// As much of a name that a client chose as an error repeats: enough to recognise it, not enough to flood a log.
const EXCERPT_CHARS: usize = 64;

/// Why a request cannot be read as tool calls. Each is a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// The request head breaks HTTP's own rules, or is outside what this reader bounds.
    #[error("the request is malformed: {reason}")]
    RequestMalformed {
        /// Which rule.
        reason: &'static str,
    },
    /// The path is not in the one canonical form of RFC 3986 section 6.2.2, or readers could disagree about it.
    #[error("the path is not canonical: {reason}")]
    PathNotCanonical {
        /// Which rule.
        reason: &'static str,
    },
    /// A header that carries meaning is there more than once.
    #[error("header `{name}` is there more than once")]
    HeaderDuplicate {
        /// The header.
        name: Box<str>,
    },
    /// A header or cookie that a client may not send.
    #[error("header `{name}` is refused: {reason}")]
    HeaderRefused {
        /// The header.
        name: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// A query parameter that the catalog does not declare for this route.
    #[error("query parameter {} is not declared for this route", name.as_deref().unwrap_or("(not named here)"))]
    QueryUndeclared {
        /// The parameter, in backticks, unless it might be a credential that somebody put there without a name.
        name: Option<Box<str>>,
    },
    /// The query is not canonical, or has a parameter twice.
    #[error("the query is malformed: {reason}")]
    QueryMalformed {
        /// Which rule.
        reason: &'static str,
    },
    /// No service or no route of the catalog is meant by this request.
    #[error("no route of the catalog matches the request")]
    RouteUnknown,
    /// A body where the route has none.
    #[error("the route takes no body")]
    BodyNotAllowed,
    /// The body is larger than what is read for a decision.
    #[error("the body is larger than {max} bytes")]
    BodyTooLarge {
        /// The most that is read.
        max: usize,
    },
    /// The body would have to be decompressed to be read.
    #[error("a body that is decided on must not be encoded")]
    BodyEncodingRefused,
    /// The body that is decided on is not declared to be what it is read as; JSON is read as UTF-8.
    #[error("the body must be `{expected}`")]
    BodyTypeRefused {
        /// The content type.
        expected: &'static str,
    },
    /// The body is not JSON as strictly as it is read here.
    #[error("the body is not acceptable JSON: {0}")]
    JsonInvalid(#[from] JsonError),
    /// A value of the request that the policy decides on is missing or is not what the catalog says.
    #[error("`{name}` {reason}")]
    ArgumentInvalid {
        /// The catalog's name for the value.
        name: Box<str>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A push whose packets could be cut in another way.
    #[error("the push is malformed: {reason}")]
    GitFramingInvalid {
        /// Which rule.
        reason: &'static str,
    },
    /// A command of a push that could be understood in another way, or not at all.
    #[error("a command of the push is refused: {reason}")]
    GitCommandInvalid {
        /// Which rule.
        reason: &'static str,
    },
    /// A ref name that git does not allow, or that could be taken for another.
    #[error("ref `{name}` is refused: {reason}")]
    GitRefInvalid {
        /// The name.
        name: Box<str>,
        /// Which rule.
        reason: &'static str,
    },
    /// A capability of a push that may change what its commands mean.
    #[error("capability `{name}` is refused: {reason}")]
    GitCapabilityRefused {
        /// The capability.
        name: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// A push option that hooks could read differently.
    #[error("a push option is refused: {reason}")]
    GitPushOptionInvalid {
        /// Which rule.
        reason: &'static str,
    },
    /// A body that is no message of MCP, or one that servers could understand in another way.
    #[error("the message is refused: {reason}")]
    McpMessageInvalid {
        /// Which rule.
        reason: &'static str,
    },
    /// A message without a session that does not say of itself what it must (`_meta`).
    #[error("`_meta` {reason}")]
    McpMetaInvalid {
        /// Which rule.
        reason: &'static str,
    },
    /// A header that says something else than the message, or is missing beside it.
    #[error("header `{name}` {reason}")]
    McpHeaderMismatch {
        /// The header.
        name: Box<str>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A version of MCP that is not read here.
    #[error("the MCP version is not one of 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28")]
    McpVersionUnsupported,
    /// A method that the version does not have, or that nobody knows.
    #[error("no method of this MCP version is `{method}`")]
    McpMethodUnknown {
        /// The method.
        method: Box<str>,
    },
    /// More of something than is decided on at once.
    #[error("the request exceeds the limit `{limit}` of {max}")]
    LimitExceeded {
        /// The limit's name.
        limit: &'static str,
        /// The most there may be.
        max: usize,
    },
    /// The request asks for a tunnel or another protocol, which nobody could look into.
    #[error("upgrades and tunnels are refused: {reason}")]
    UpgradeRefused {
        /// What asks for it.
        reason: &'static str,
    },
}

/// A name of a parameter that is shown, and so recorded, is a word: `?hvs.CAESIJ` is a credential and no name.
const LONGEST_WORD: usize = 24;

// === impl CallError ===

impl CallError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RequestMalformed { .. } => "request_malformed",
            Self::PathNotCanonical { .. } => "path_not_canonical",
            Self::HeaderDuplicate { .. } => "header_duplicate",
            Self::HeaderRefused { .. } => "header_refused",
            Self::QueryUndeclared { .. } => "query_undeclared",
            Self::QueryMalformed { .. } => "query_malformed",
            Self::RouteUnknown => "route_unknown",
            Self::BodyNotAllowed => "body_not_allowed",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyEncodingRefused => "body_encoding_refused",
            Self::BodyTypeRefused { .. } => "body_type_refused",
            Self::JsonInvalid(_) => "json_invalid",
            Self::ArgumentInvalid { .. } => "argument_invalid",
            Self::GitFramingInvalid { .. } => "git_framing_invalid",
            Self::GitCommandInvalid { .. } => "git_command_invalid",
            Self::GitRefInvalid { .. } => "git_ref_invalid",
            Self::GitCapabilityRefused { .. } => "git_capability_refused",
            Self::GitPushOptionInvalid { .. } => "git_push_option_invalid",
            Self::McpMessageInvalid { .. } => "mcp_message_invalid",
            Self::McpMetaInvalid { .. } => "mcp_meta_invalid",
            Self::McpHeaderMismatch { .. } => "mcp_header_mismatch",
            Self::McpVersionUnsupported => "mcp_version_unsupported",
            Self::McpMethodUnknown { .. } => "mcp_method_unknown",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::UpgradeRefused { .. } => "upgrade_refused",
        }
    }

    pub(crate) const fn malformed(reason: &'static str) -> Self {
        Self::RequestMalformed { reason }
    }

    pub(crate) const fn path(reason: &'static str) -> Self {
        Self::PathNotCanonical { reason }
    }

    pub(crate) const fn framing(reason: &'static str) -> Self {
        Self::GitFramingInvalid { reason }
    }

    pub(crate) const fn command(reason: &'static str) -> Self {
        Self::GitCommandInvalid { reason }
    }

    pub(crate) fn ref_name(name: &[u8], reason: &'static str) -> Self {
        Self::GitRefInvalid { name: excerpt(name), reason }
    }

    pub(crate) fn capability(name: &[u8], reason: &'static str) -> Self {
        Self::GitCapabilityRefused { name: excerpt(name), reason }
    }

    pub(crate) const fn push_option(reason: &'static str) -> Self {
        Self::GitPushOptionInvalid { reason }
    }

    pub(crate) const fn message(reason: &'static str) -> Self {
        Self::McpMessageInvalid { reason }
    }

    pub(crate) const fn meta(reason: &'static str) -> Self {
        Self::McpMetaInvalid { reason }
    }

    pub(crate) fn mismatch(name: &str, reason: &'static str) -> Self {
        Self::McpHeaderMismatch { name: excerpt(name.as_bytes()), reason }
    }

    pub(crate) fn method_unknown(method: &str) -> Self {
        Self::McpMethodUnknown { method: excerpt(method.as_bytes()) }
    }

    pub(crate) const fn limit(limit: &'static str, max: usize) -> Self {
        Self::LimitExceeded { limit, max }
    }

    pub(crate) const fn query(reason: &'static str) -> Self {
        Self::QueryMalformed { reason }
    }

    pub(crate) fn duplicate(name: &[u8]) -> Self {
        Self::HeaderDuplicate { name: excerpt(name) }
    }

    pub(crate) fn refused(name: &[u8], reason: &'static str) -> Self {
        Self::HeaderRefused { name: excerpt(name), reason }
    }

    pub(crate) fn undeclared(name: &str) -> Self {
        let is_word = name.len() <= LONGEST_WORD
            && name.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
        Self::QueryUndeclared { name: is_word.then(|| format!("`{name}`").into_boxed_str()) }
    }

    pub(crate) fn argument(name: &str, reason: &'static str) -> Self {
        Self::ArgumentInvalid { name: excerpt(name.as_bytes()), reason }
    }
}

/// The beginning of a name from the wire, fit for a message: printable ASCII only.
fn excerpt(name: &[u8]) -> Box<str> {
    name.iter()
        .take(EXCERPT_CHARS)
        .map(|byte| if byte.is_ascii_graphic() && *byte != b'`' { char::from(*byte) } else { '?' })
        .collect::<String>()
        .into_boxed_str()
}

#[cfg(test)]
mod tests;
