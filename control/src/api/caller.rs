//! Who calls: a gateway, or a person's terminal. Both by bearer token, never by cookie.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use crate::{
    app::{App, GATEWAY},
    person::Person,
    problem::Problem,
    secret::{Secret, SecretHash},
    store::SessionKind,
};

/// The purpose under which terminals' tokens are hashed.
pub(crate) const TERMINAL: &str = "terminal";

/// A gateway, by name.
#[derive(Debug)]
pub(crate) struct GatewayCaller(pub(crate) String);

/// A person at a terminal.
#[derive(Debug)]
pub(crate) struct PersonCaller {
    pub(crate) person: Person,
    pub(crate) secret: SecretHash,
}

// === impl GatewayCaller ===

impl FromRequestParts<Arc<App>> for GatewayCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let presented = bearer(&parts.headers)?.hash(GATEWAY);
        // Every gateway is compared, so that the time does not tell which one is near.
        let mut found = None;
        for (name, token) in &app.gateways {
            if token.matches(&presented) {
                found = Some(name);
            }
        }
        found.cloned().map(Self).ok_or(Problem::Unauthenticated)
    }
}

// === impl PersonCaller ===

impl FromRequestParts<Arc<App>> for PersonCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let secret = bearer(&parts.headers)?.hash(TERMINAL);
        let session = app.store.session(&secret, SessionKind::Terminal, app.clock.now()).await?;
        let session = session.ok_or(Problem::Unauthenticated)?;
        Ok(Self { person: session.person, secret })
    }
}

/// The one bearer token.
fn bearer(headers: &HeaderMap) -> Result<Secret, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::Unauthenticated);
    };
    let text = value.to_str().map_err(|_| Problem::Unauthenticated)?;
    let (scheme, token) = text.split_once(' ').ok_or(Problem::Unauthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Problem::Unauthenticated);
    }
    Ok(Secret::presented(token))
}
