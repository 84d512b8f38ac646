//! What gateways ask and report.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{body::Body, caller::GatewayCaller};
use crate::{
    app::App,
    approval::Outcome,
    claim::{Answer, Claim},
    grant::GrantClaims,
    problem::Problem,
    store::Claimed,
};

pub(super) async fn claim(
    State(app): State<Arc<App>>,
    GatewayCaller(gateway): GatewayCaller,
    Body(claim): Body<Claim>,
) -> Result<Response, Problem> {
    claim.check()?;
    if claim.audience != gateway {
        return Err(Problem::Audience);
    }
    let now = app.clock.now();
    let answer = match app.store.claim(&claim, &app.config.limits, now).await? {
        Claimed::Pending(approval) => {
            Answer::Pending { url: app.url_of(&approval.id), expires: approval.expires, id: approval.id }
        }
        Claimed::Denied(approval) => Answer::Denied { id: approval.id, comment: approval.comment },
        Claimed::InFlight(approval) => Answer::InFlight { id: approval.id },
        Claimed::Consumed { approval, approvers } => {
            let grant = app.key.sign(&GrantClaims {
                id: &Uuid::now_v7().to_string(),
                issuer: &app.config.issuer,
                audience: &approval.audience,
                issued: now,
                digest: &approval.digest,
                claim: &claim.claim,
                approval: &approval.id,
                subject: &approval.subject,
                actor: &approval.actor,
                groups: &approval.groups,
                approvers: &approvers,
            });
            Answer::Granted { id: approval.id, grant }
        }
    };
    let status = match answer {
        Answer::InFlight { .. } => StatusCode::CONFLICT,
        Answer::Pending { .. } | Answer::Denied { .. } | Answer::Granted { .. } => StatusCode::OK,
    };
    Ok((status, Json(answer)).into_response())
}

/// What became of a claim's call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    claim: String,
    outcome: Outcome,
    status: Option<i64>,
}

pub(super) async fn outcome(
    State(app): State<Arc<App>>,
    GatewayCaller(gateway): GatewayCaller,
    Body(report): Body<Report>,
) -> Result<StatusCode, Problem> {
    let Report { claim, outcome, status } = report;
    if status.is_some_and(|status| !(100..=599).contains(&status)) {
        return Err(Problem::invalid("`status` must be an HTTP status"));
    }
    app.store.outcome(&gateway, &claim, outcome, status, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
