//! What people read and decide, from a terminal.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body::Body, caller::PersonCaller, view};
use crate::{
    app::App,
    approval,
    problem::Problem,
    store::{Decision, Filter},
};

/// A reason, not an essay.
pub(crate) const MAX_COMMENT_CHARS: usize = 2_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    state: Option<String>,
    before: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionBody {
    comment: Option<String>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: PersonCaller,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    must_approve(&caller)?;
    let Query(ListQuery { state, before }) = query.map_err(|error| Problem::Invalid(error.body_text()))?;
    let state = match state {
        None => None,
        Some(text) => {
            Some(approval::State::parse(&text).ok_or_else(|| Problem::invalid("`state` is no state"))?)
        }
    };
    let now = app.clock.now();
    let found = app.store.approvals(&Filter { state, before }, now).await?;
    let rows: Vec<Value> = found.iter().map(|approval| view::summary(&app, approval, now)).collect();
    Ok(Json(json!({ "approvals": rows })))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: PersonCaller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    must_approve(&caller)?;
    let found = app.store.approval(&id).await?.ok_or(Problem::NotFound("approval"))?;
    Ok(Json(view::full(&app, &found, app.clock.now()).await?))
}

pub(super) async fn approve(
    app: State<Arc<App>>,
    caller: PersonCaller,
    id: Path<String>,
    body: Body<DecisionBody>,
) -> Result<Json<Value>, Problem> {
    decide(app, caller, id, body, Decision::Approve).await
}

pub(super) async fn deny(
    app: State<Arc<App>>,
    caller: PersonCaller,
    id: Path<String>,
    body: Body<DecisionBody>,
) -> Result<Json<Value>, Problem> {
    decide(app, caller, id, body, Decision::Deny).await
}

pub(super) async fn revoke(
    app: State<Arc<App>>,
    caller: PersonCaller,
    id: Path<String>,
    body: Body<DecisionBody>,
) -> Result<Json<Value>, Problem> {
    decide(app, caller, id, body, Decision::Revoke).await
}

async fn decide(
    State(app): State<Arc<App>>,
    caller: PersonCaller,
    Path(id): Path<String>,
    Body(DecisionBody { comment }): Body<DecisionBody>,
    decision: Decision,
) -> Result<Json<Value>, Problem> {
    let comment = comment_of(comment)?;
    let now = app.clock.now();
    let decided =
        app.store.decide(&app.config, &id, &caller.person, decision, comment.as_deref(), now).await?;
    Ok(Json(view::summary(&app, &decided, now)))
}

/// A comment that says something, within bounds.
pub(crate) fn comment_of(comment: Option<String>) -> Result<Option<String>, Problem> {
    let comment = comment.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if comment.as_ref().is_some_and(|text| text.chars().count() > MAX_COMMENT_CHARS) {
        return Err(Problem::invalid("`comment` is longer than 2,000 characters"));
    }
    // PostgreSQL stores no NUL.
    if comment.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Problem::invalid("`comment` holds a NUL"));
    }
    Ok(comment)
}

/// Calls hold what agents do for other people: only those who are asked about some of them see them.
fn must_approve(caller: &PersonCaller) -> Result<(), Problem> {
    if caller.person.groups.is_empty() {
        return Err(Problem::Ineligible(crate::person::Ineligible::Group));
    }
    Ok(())
}
