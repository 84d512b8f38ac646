//! Where a request to change something comes from.

use axum::http::{HeaderMap, header};

use crate::{app::App, problem::Problem};

/// Refuses what another site's page sends. Programs that are no browser send neither header.
pub(crate) fn check(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    if site.is_some_and(|site| site != b"same-origin") {
        return Err(Problem::invalid("this was sent from another site"));
    }
    let origin = headers.get(header::ORIGIN).map(|value| value.as_bytes());
    if origin.is_some_and(|origin| origin != app.config.public_url.as_bytes()) {
        return Err(Problem::Invalid(format!(
            "this was sent from another origin than {}",
            app.config.public_url
        )));
    }
    Ok(())
}
