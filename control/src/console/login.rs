//! Signing in and out.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Form,
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, header},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    origin,
    page::{Refused, page, see_other},
    signed_in::{BROWSER, SignedIn, forget, keep},
};
use crate::{
    api::sessions::dev_person,
    app::App,
    problem::Problem,
    secret::Secret,
    store::{Session, SessionKind},
};

#[derive(Debug, Deserialize)]
pub(super) struct LoginQuery {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoginForm {
    person: String,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogoutForm {
    csrf: String,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Query(LoginQuery { next }): Query<LoginQuery>,
) -> Markup {
    let next = next.filter(|next| is_page(next)).unwrap_or_default();
    let content = html! {
        h1 { "Sign in" }
        @if app.dev_login {
            p.warn role="note" {
                "This service runs with --dev-login: anybody on this machine can sign in as any of these people."
            }
            form.people method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                @for person in &app.config.people {
                    button name="person" value=(person.id) type="submit" {
                        strong { (person.name) }
                        span { (person.id) }
                        span.hint { @if person.groups.is_empty() { "no group" } @else { (person.groups.join(", ")) } }
                    }
                }
            }
        } @else {
            p { "Nobody can sign in: this service has no way to know people yet." }
        }
    };
    page("Sign in", None, &content)
}

pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(LoginForm { person, next }): Form<LoginForm>,
) -> Result<Response, Refused> {
    let now = app.clock.now();
    app.logins.attempt(peer.ip(), now).map_err(Problem::TooManyLogins)?;
    origin::check(&app, &headers)?;
    let person = dev_person(&app, &person).ok_or(Problem::Unauthenticated)?;
    // Always a new secret: one that was there before may be known to somebody else.
    let secret = Secret::random().map_err(|error| Problem::Store(Box::new(error)))?;
    let session = Session { person, expires: now.saturating_add(app.config.limits.session.seconds()) };
    app.store.begin_session(&secret.hash(BROWSER), SessionKind::Browser, &session, now).await?;
    let mut response = see_other(if is_page(&next) { &next } else { "/" });
    response.headers_mut().insert(header::SET_COOKIE, keep(&app, secret.reveal()));
    Ok(response)
}

pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    who: SignedIn,
    headers: HeaderMap,
    Form(LogoutForm { csrf }): Form<LogoutForm>,
) -> Result<Response, Refused> {
    origin::check(&app, &headers)?;
    who.check_form(&csrf)?;
    app.store.end_session(&who.session).await?;
    let mut response = see_other("/login");
    response.headers_mut().insert(header::SET_COOKIE, forget(&app));
    Ok(response)
}

/// Whether it is a page of ours: nothing else is ever led to.
fn is_page(path: &str) -> bool {
    let is_id = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    matches!(path, "/" | "/history" | "/terminal") || path.strip_prefix("/approvals/").is_some_and(is_id)
}
