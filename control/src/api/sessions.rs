//! Tokens for terminals. People make theirs in the console; where `--dev-login` is given, the configuration's people
//! get one by name.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    body::Body,
    caller::{PersonCaller, TERMINAL},
};
use crate::{
    app::App,
    console::origin,
    limit,
    person::Person,
    problem::Problem,
    secret::Secret,
    store::{Session, SessionKind},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    person: String,
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Body(Login { person }): Body<Login>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    limit::attempt(&app, peer, &headers)?;
    // A page that made its name point to this machine is of another origin all the same.
    origin::check(&app, &headers)?;
    let person = dev_person(&app, &person).ok_or(Problem::Unauthenticated)?;
    let (token, session) = begin_terminal(&app, person, app.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(json!({ "token": token.reveal(), "expires": session.expires }))))
}

pub(super) async fn end(State(app): State<Arc<App>>, caller: PersonCaller) -> Result<StatusCode, Problem> {
    app.store.end_session(&caller.secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a terminal's session.
pub(crate) async fn begin_terminal(
    app: &App,
    person: Person,
    now: i64,
) -> Result<(Secret, Session), Problem> {
    let token = Secret::random().map_err(|error| Problem::Store(Box::new(error)))?;
    let session = Session { person, expires: now.saturating_add(app.config.limits.session.seconds()) };
    app.store.begin_session(&token.hash(TERMINAL), SessionKind::Terminal, &session, now).await?;
    Ok((token, session))
}

/// Somebody of the configuration, where people may sign in by name.
pub(crate) fn dev_person(app: &App, id: &str) -> Option<Person> {
    let found = app.config.people.iter().find(|person| app.dev_login && person.id == id)?;
    Some(Person { id: found.id.clone(), name: found.name.clone(), groups: found.groups.clone() })
}
