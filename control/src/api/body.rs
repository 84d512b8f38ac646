//! JSON bodies, strictly.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::header,
};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Bodies are small and callers near.
const WHOLE_BODY: Duration = Duration::from_secs(10);

/// A body that is exactly a `T`.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

// === impl Body ===

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // A form cannot send this type from another origin without asking first.
        let is_json = content_type
            .and_then(|value| value.split(';').next())
            .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(Problem::invalid("the body must be application/json"));
        }
        let read = tokio::time::timeout(WHOLE_BODY, Bytes::from_request(request, state)).await;
        let bytes = read
            .map_err(|_| Problem::invalid("the body did not arrive in time"))?
            .map_err(|_| Problem::TooLong)?;
        let mut text = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut text)
            .map_err(|error| Problem::Invalid(format!("{}: {}", error.path(), error.inner())))?;
        text.end().map_err(|error| Problem::Invalid(error.to_string()))?;
        Ok(Self(value))
    }
}
