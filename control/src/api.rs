//! `/v1`: gateways claim and report, people (from a terminal) list and decide. `openapi.yaml` describes it.

pub(crate) mod approvals;
mod attempts;
mod body;
mod caller;
mod claims;
pub(crate) mod events;
pub(crate) mod sessions;
mod view;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::Value;

use crate::{app::App, problem::Problem};

/// An envelope carries a JSON body of at most 1 MiB (the gate's own bound), and escapes may double it.
const MAX_CLAIM_BYTES: usize = 2 * 1024 * 1024;

/// A thousand records of some KiB; a gateway whose records are longer sends fewer at once.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A record, which is refused where it is longer than records are.
const MAX_ATTEMPT_BYTES: usize = 64 * 1024;

/// A comment, a claim id: nothing else is long.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The description of this API, as it is served.
pub const OPENAPI: &str = include_str!("../openapi.yaml");

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/claims", post(claims::claim).layer(DefaultBodyLimit::max(MAX_CLAIM_BYTES)))
        .route(
            "/v1/events",
            post(events::ingest).get(events::search).layer(DefaultBodyLimit::max(MAX_BATCH_BYTES)),
        )
        .route("/v1/attempts", post(attempts::store).layer(DefaultBodyLimit::max(MAX_ATTEMPT_BYTES)))
        .route("/v1/emitters", get(events::emitters))
        .route("/v1/checkpoints", get(events::checkpoints))
        .route("/v1/keys/ledger", get(events::keys))
        .merge(
            Router::new()
                .route("/v1/outcomes", post(claims::outcome))
                .route("/v1/approvals", get(approvals::list))
                .route("/v1/approvals/{id}", get(approvals::show))
                .route("/v1/approvals/{id}/approve", post(approvals::approve))
                .route("/v1/approvals/{id}/deny", post(approvals::deny))
                .route("/v1/approvals/{id}/revoke", post(approvals::revoke))
                .route("/v1/sessions", post(sessions::begin).delete(sessions::end))
                .layer(DefaultBodyLimit::max(MAX_BODY_BYTES)),
        )
        .route("/v1/keys", get(keys))
        .route("/v1/openapi.yaml", get(openapi))
        .route("/healthz", get(health))
}

/// The public key of grants, as a key set.
async fn keys(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.key.public_set())
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml")], OPENAPI)
}

/// Whether claims can be answered.
async fn health(State(app): State<Arc<App>>) -> Result<StatusCode, Problem> {
    app.store.ping().await?;
    Ok(StatusCode::OK)
}
