//! Somebody's browser: the session behind its cookie, and the token that its forms carry.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    cookie,
    page::{Refused, see_other},
};
use crate::{
    api::events::may_read,
    app::App,
    person::Person,
    problem::Problem,
    secret::{Secret, SecretHash},
    store::{Session, SessionKind},
};

/// The purposes under which a browser's secret is hashed: to find its session, and as the token of its forms.
const BROWSER: &str = "browser";
const CSRF: &str = "csrf";

/// The cookie of a session.
const COOKIE: &str = "actgate";

/// Somebody who is signed in.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) person: Person,
    pub(super) csrf: String,
    /// Whether the ledger is for them.
    pub(super) reads_ledger: bool,
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
        let Some(secret) = cookie::get(app, &parts.headers, COOKIE) else {
            return Err(anonymous());
        };
        let secret = Secret::presented(secret);
        let hash = secret.hash(BROWSER);
        let found = app.store.session(&hash, SessionKind::Browser, app.clock.now()).await;
        let session = found.map_err(|error| Refused::from(error).into_response())?.ok_or_else(anonymous)?;
        let reads_ledger = may_read(app, &session.person).is_ok();
        Ok(Self { reads_ledger, person: session.person, csrf: secret.hash(CSRF).text(), session: hash })
    }
}

/// Begins a browser's session; the header makes the browser keep its secret.
pub(super) async fn begin(app: &App, person: Person) -> Result<HeaderValue, Problem> {
    let now = app.clock.now();
    // Always a new secret: one that was there before may be known to somebody else.
    let secret = Secret::random().map_err(|error| Problem::Store(Box::new(error)))?;
    let seconds = app.config.limits.session.seconds();
    let session = Session { person, expires: now.saturating_add(seconds) };
    app.store.begin_session(&secret.hash(BROWSER), SessionKind::Browser, &session, now).await?;
    Ok(cookie::set(app, COOKIE, secret.reveal(), seconds))
}

/// The header that makes a browser forget its session.
pub(super) fn forget(app: &App) -> HeaderValue {
    cookie::forget(app, COOKIE)
}
