//! The console: pages that people decide in. They work without JavaScript; a script only keeps them fresh.

pub(crate) mod origin;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
}
