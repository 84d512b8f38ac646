//! What pages load: from here only.

use axum::{http::header, response::IntoResponse};

pub(super) async fn css() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("../../assets/console.css"))
}

pub(super) async fn js() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", include_str!("../../assets/console.js"))
}

pub(super) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", include_str!("../../assets/icon.svg"))
}

fn asset(media: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-cache")], text)
}
