//! Signing in at the identity provider: there and back.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, header},
    response::Response,
};
use serde::Deserialize;

use super::{
    cookie,
    login::is_page,
    page::{Refused, see_other},
    signed_in,
};
use crate::{
    app::App,
    limit,
    oidc::{Attempt, OidcClient, SignInError},
    problem::Problem,
};

/// Somebody looks for their second factor.
const ATTEMPT_SECONDS: i64 = 600;

/// What of `state` names the cookie, so that two tabs are two attempts.
const NAME_CHARS: usize = 8;

/// Codes are short; longer is none.
const MAX_CODE_BYTES: usize = 4096;

#[derive(Debug, Deserialize)]
pub(super) struct BeginQuery {
    #[serde(default)]
    next: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallbackQuery {
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(BeginQuery { next }): Query<BeginQuery>,
) -> Result<Response, Refused> {
    let oidc = client(&app)?;
    limit::attempt(&app, peer, &headers)?;
    let attempt = Attempt::random().map_err(|error| Problem::Store(Box::new(error)))?;
    let url = oidc.authorization_url(&attempt).await.map_err(Problem::from)?;
    let next = if is_page(&next) { &next } else { "/" };
    let value = format!("{}.{next}", attempt.reveal());
    let mut response = see_other(&url);
    let cookie = cookie::set(&app, &name(&attempt.state()), &value, ATTEMPT_SECONDS);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

pub(super) async fn callback(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(CallbackQuery { state, code, error, iss }): Query<CallbackQuery>,
) -> Result<Response, Refused> {
    let oidc = client(&app)?;
    limit::attempt(&app, peer, &headers)?;
    let proof = |what: &str| Problem::SignIn(SignInError::Proof(what.to_owned()));
    // INVARIANT: nothing is asked with a code that this browser did not set out for.
    let name = name(&state);
    let kept = cookie::get(&app, &headers, &name).and_then(|value| value.split_once('.'));
    let (secret, next) =
        kept.ok_or_else(|| proof("it was not begun in this browser, or is over; sign in again"))?;
    let attempt = Attempt::presented(secret);
    if !attempt.is_answered_by(&state) {
        return Err(proof("it was begun elsewhere; sign in again").into());
    }
    // RFC 9207: an answer of another provider.
    if iss.is_some_and(|iss| iss != oidc.issuer()) {
        return Err(proof("another provider has answered").into());
    }
    let code = match (code, error) {
        (Some(code), None) if code.len() <= MAX_CODE_BYTES => code,
        (None | Some(_), _) => return Err(proof("the provider did not sign you in").into()),
    };
    let person = oidc.person(&attempt, code).await.map_err(Problem::from)?;
    let mut response = see_other(if is_page(next) { next } else { "/" });
    let cookies = response.headers_mut();
    cookies.append(header::SET_COOKIE, signed_in::begin(&app, person).await?);
    cookies.append(header::SET_COOKIE, cookie::forget(&app, &name));
    Ok(response)
}

fn client(app: &App) -> Result<&OidcClient, Problem> {
    app.oidc.as_ref().ok_or(Problem::NotFound("page"))
}

fn name(state: &str) -> String {
    let plain = state.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    format!("actgate-login-{}", plain.take(NAME_CHARS).collect::<String>())
}
