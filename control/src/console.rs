//! The console: pages that people decide in. They work without JavaScript; a script only keeps them fresh.

mod assets;
mod cookie;
mod detail;
mod envelope;
mod history;
mod inbox;
mod ledger;
mod login;
mod oidc;
pub(crate) mod origin;
mod page;
mod signed_in;
mod terminal;
mod text;
mod when;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::map_response_with_state,
    routing::{get, post},
};

use crate::app::App;

/// A form holds a token and a comment; each character of it may take nine bytes as it is sent.
const MAX_FORM_BYTES: usize = 24 * 1024;

pub(crate) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(inbox::show))
        .route("/history", get(history::show))
        .route("/ledger", get(ledger::show))
        .route("/ledger/export", get(ledger::export))
        .route("/approvals/{id}", get(detail::show))
        .route("/approvals/{id}/approve", post(detail::approve))
        .route("/approvals/{id}/deny", post(detail::deny))
        .route("/approvals/{id}/revoke", post(detail::revoke))
        .route("/login", get(login::show).post(login::sign_in))
        .route("/login/begin", get(oidc::begin))
        .route("/login/callback", get(oidc::callback))
        .route("/logout", post(login::sign_out))
        .route("/terminal", get(terminal::show).post(terminal::make))
        .route("/assets/console.css", get(assets::css))
        .route("/assets/console.js", get(assets::js))
        .route("/assets/icon.svg", get(assets::icon))
        .fallback(page::not_found)
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(map_response_with_state(Arc::clone(app), page::protect))
}
