//! The frame of every page, and the headers that keep a page what it is.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

use super::signed_in::SignedIn;
use crate::{app::App, problem::Problem};

/// Nothing but this service's own files, no frames, no forms to elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A refusal, as a page.
#[derive(Debug)]
pub(super) struct Refused(Problem);

/// A whole page.
pub(super) fn page(title: &str, who: Option<&SignedIn>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Actgate" }
                link rel="stylesheet" href="/assets/console.css";
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                script src="/assets/console.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/" { span aria-hidden="true" { "◈" } " Actgate" }
                    @if let Some(who) = who {
                        nav aria-label="Main" {
                            a href="/" { "Inbox" }
                            a href="/history" { "History" }
                            @if who.reads_ledger { a href="/ledger" { "Ledger" } }
                            a href="/terminal" { "Terminal" }
                        }
                        form.who method="post" action="/logout" {
                            span { (who.person.name) }
                            input type="hidden" name="csrf" value=(who.csrf);
                            button.quiet type="submit" { "Sign out" }
                        }
                    }
                }
                main id="main" { (content) }
            }
        }
    }
}

/// The headers of every page.
pub(super) async fn protect(State(app): State<Arc<App>>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    // Forms tell their origin, and links elsewhere tell nothing.
    set(headers, header::REFERRER_POLICY, "same-origin");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
    if app.is_https() {
        set(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

pub(super) async fn not_found() -> Refused {
    Refused(Problem::NotFound("page"))
}

// === impl Refused ===

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        problem.log();
        let status = problem.status();
        let content = html! {
            h1 { (status.canonical_reason().unwrap_or("Refused")) }
            p role="alert" { (capitalised(&problem.to_string())) "." }
            p { a.button href="/" { "To the inbox" } }
        };
        let mut response = (status, page("Refused", None, &content)).into_response();
        if let Some(seconds) = problem.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Sends the browser on with a GET.
pub(super) fn see_other(to: &str) -> Response {
    let location = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
