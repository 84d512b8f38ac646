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
    signed_in::{self, SignedIn},
};
use crate::{api::sessions::dev_person, app::App, limit, problem::Problem};

#[derive(Debug, Deserialize)]
pub(super) struct LoginQuery {
    next: Option<String>,
    signed_out: Option<String>,
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
    Query(LoginQuery { next, signed_out }): Query<LoginQuery>,
) -> Markup {
    let next = next.filter(|next| is_page(next)).unwrap_or_default();
    let content = html! {
        h1 { "Sign in" }
        @if signed_out.is_some() {
            p role="status" {
                "You are signed out here."
                @if let Some(oidc) = &app.oidc && let Some(url) = oidc.end_session_url() {
                    " At " (oidc.name()) " you may still be signed in: " a href=(url) { "sign out there too" } "."
                }
            }
        }
        @if let Some(oidc) = &app.oidc {
            // A link: the policy of pages lets no form lead elsewhere.
            p { a.button href={ "/login/begin?next=" (next) } { "Sign in at " (oidc.name()) } }
        }
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
        } @else if app.oidc.is_none() {
            p { "Nobody can sign in: the configuration names no identity provider (" code { "oidc" } ")." }
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
    limit::attempt(&app, peer, &headers)?;
    origin::check(&app, &headers)?;
    let person = dev_person(&app, &person).ok_or(Problem::Unauthenticated)?;
    let mut response = see_other(if is_page(&next) { &next } else { "/" });
    response.headers_mut().insert(header::SET_COOKIE, signed_in::begin(&app, person).await?);
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
    let mut response = see_other("/login?signed_out=1");
    response.headers_mut().insert(header::SET_COOKIE, signed_in::forget(&app));
    Ok(response)
}

/// Whether it is a page of ours: nothing else is ever led to.
pub(super) fn is_page(path: &str) -> bool {
    let is_id = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    matches!(path, "/" | "/history" | "/ledger" | "/terminal")
        || path.strip_prefix("/approvals/").is_some_and(is_id)
}
