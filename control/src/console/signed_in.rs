//! Somebody's browser: the session behind its cookie, and the token that its forms carry.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::page::{Refused, see_other};
use crate::{
    app::App,
    person::Person,
    problem::Problem,
    secret::{Secret, SecretHash},
    store::SessionKind,
};

/// The purposes under which a browser's secret is hashed: to find its session, and as the token of its forms.
pub(super) const BROWSER: &str = "browser";
const CSRF: &str = "csrf";

/// Somebody who is signed in.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) person: Person,
    pub(super) csrf: String,
    pub(super) session: SecretHash,
}

// === impl SignedIn ===

impl SignedIn {
    /// Refuses a form that this browser was not given.
    pub(super) fn check_form(&self, presented: &str) -> Result<(), Problem> {
        let (own, presented) = (Secret::presented(&self.csrf), Secret::presented(presented));
        if own.hash(CSRF).matches(&presented.hash(CSRF)) {
            return Ok(());
        }
        Err(Problem::invalid("this form is not from your current sign-in; go back and load the page again"))
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let anonymous = || {
            let path = parts.uri.path();
            see_other(&if path == "/" { "/login".to_owned() } else { format!("/login?next={path}") })
        };
        let Some(secret) = cookie(app, &parts.headers) else {
            return Err(anonymous());
        };
        let hash = secret.hash(BROWSER);
        let found = app.store.session(&hash, SessionKind::Browser, app.clock.now()).await;
        let session = found.map_err(|error| Refused::from(error).into_response())?.ok_or_else(anonymous)?;
        Ok(Self { person: session.person, csrf: secret.hash(CSRF).text(), session: hash })
    }
}

/// The header that makes a browser keep its secret.
pub(super) fn keep(app: &App, secret: &str) -> HeaderValue {
    let seconds = app.config.limits.session.seconds();
    cookie_header(app, &format!("{secret}; Max-Age={seconds}"))
}

/// The header that makes a browser forget it.
pub(super) fn forget(app: &App) -> HeaderValue {
    cookie_header(app, "; Max-Age=0")
}

fn cookie_header(app: &App, value: &str) -> HeaderValue {
    // Lax, so that the link in an agent's refusal leads a person who is signed in to the call. What changes anything
    // is a POST with the form's token.
    let secure = if app.is_https() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}", name(app));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn cookie(app: &App, headers: &HeaderMap) -> Option<Secret> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name(app))
        .map(|(_, value)| value);
    // Two of one name: one is not ours.
    match (found.next(), found.next()) {
        (Some(value), None) => Some(Secret::presented(value)),
        (None | Some(_), _) => None,
    }
}

/// `__Host-` makes a browser take it from this host over TLS only.
fn name(app: &App) -> &'static str {
    if app.is_https() { "__Host-actgate" } else { "actgate" }
}
