//! Every refusal of the API, in one closed list: what the caller is told, and with which status.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{oidc::SignInError, person::Ineligible};

/// How soon a caller may try again where the database is away.
const RETRY_AFTER_SECONDS: i64 = 2;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The body or query is not what this resource takes.
    #[error("{0}")]
    Invalid(String),
    /// The envelope's digest is another.
    #[error("the digest is not the envelope's")]
    DigestMismatch,
    /// No credential, or none that counts.
    #[error("this needs a bearer token")]
    Unauthenticated,
    /// The gateway speaks for another.
    #[error("`audience` is not the name of the gateway whose token this is")]
    Audience,
    /// The person may not decide it.
    #[error("{0}")]
    Ineligible(#[from] Ineligible),
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The approval's state does not allow it any more.
    #[error("the approval is {0} already")]
    State(&'static str),
    /// The same person said yes before.
    #[error("you have approved this already; it needs another person")]
    AlreadyApproved,
    /// The claim id was used before.
    #[error("this claim id was used before")]
    ClaimReused,
    /// A record's number is another record's, or comes too late.
    #[error("the number {0} of this emitter is another record's, or before its last one")]
    Sequence(i64),
    /// An attempt has the id of another.
    #[error("another attempt has this id")]
    AttemptReused,
    /// An agent has too many open approvals.
    #[error("{0} calls of this agent wait for approval already")]
    TooManyPending(i64),
    /// Somebody tries to sign in too often.
    #[error("too many attempts to sign in; try again in {0} s")]
    TooManyLogins(i64),
    /// What the identity provider says does not sign anybody in.
    #[error("{0}")]
    SignIn(#[from] SignInError),
    /// The body is too long.
    #[error("the body is too long")]
    TooLong,
    /// The database does not answer, or not as it should.
    #[error("the approval store is unavailable")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

// === impl Problem ===

impl Problem {
    /// What is wrong with a request.
    pub fn invalid(what: &str) -> Self {
        Self::Invalid(what.to_owned())
    }

    /// A stable code, the end of the problem's `type`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::DigestMismatch => "digest_mismatch",
            Self::Unauthenticated => "unauthenticated",
            Self::Audience => "audience",
            Self::Ineligible(Ineligible::Group) => "not_in_group",
            Self::Ineligible(Ineligible::Own) => "own_call",
            Self::Ineligible(Ineligible::Reader) => "not_a_reader",
            Self::Sequence(_) => "sequence",
            Self::AttemptReused => "attempt_reused",
            Self::NotFound(_) => "not_found",
            Self::State(_) => "decided_already",
            Self::AlreadyApproved => "approved_already",
            Self::ClaimReused => "claim_reused",
            Self::TooManyPending(_) => "too_many_pending",
            Self::TooManyLogins(_) => "too_many_logins",
            Self::SignIn(SignInError::Provider(_)) => "provider_unavailable",
            Self::SignIn(SignInError::Proof(_)) => "sign_in_failed",
            Self::SignIn(SignInError::Unmapped(_)) => "unmapped",
            Self::TooLong => "too_long",
            Self::Store(_) => "unavailable",
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::DigestMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated | Self::SignIn(SignInError::Proof(_)) => StatusCode::UNAUTHORIZED,
            Self::Audience | Self::Ineligible(_) | Self::SignIn(SignInError::Unmapped(_)) => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::State(_)
            | Self::AlreadyApproved
            | Self::ClaimReused
            | Self::Sequence(_)
            | Self::AttemptReused => StatusCode::CONFLICT,
            Self::TooManyPending(_) | Self::TooManyLogins(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Store(_) | Self::SignIn(SignInError::Provider(_)) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// When it may be worth trying again.
    pub const fn retry_after(&self) -> Option<i64> {
        match self {
            Self::TooManyPending(_) => Some(60),
            Self::TooManyLogins(seconds) => Some(*seconds),
            Self::Store(_) | Self::SignIn(SignInError::Provider(_)) => Some(RETRY_AFTER_SECONDS),
            Self::Invalid(_)
            | Self::DigestMismatch
            | Self::Unauthenticated
            | Self::Audience
            | Self::Ineligible(_)
            | Self::NotFound(_)
            | Self::State(_)
            | Self::AlreadyApproved
            | Self::ClaimReused
            | Self::Sequence(_)
            | Self::AttemptReused
            | Self::SignIn(SignInError::Proof(_) | SignInError::Unmapped(_))
            | Self::TooLong => None,
        }
    }

    /// Tells the operator what the caller is not told.
    pub fn log(&self) {
        if let Self::Store(source) = self {
            crate::app::log(&format!("store: {source}"));
        }
        if let Self::SignIn(error) = self {
            crate::app::log(&format!("sign-in: {error}"));
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let status = self.status();
        let body = json!({
            "type": format!("urn:actgate:control:{}", self.code()),
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"actgate-control\""),
            );
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
