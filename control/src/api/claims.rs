//! What gateways ask and report.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{body::Body, caller::GatewayCaller};
use crate::{
    app::App,
    approval::{Approval, Outcome, State as Stage},
    claim::{Answer, Claim},
    grant::GrantClaims,
    problem::Problem,
    store::Claimed,
};

/// Longer than any gateway waits.
const MAX_WAIT_SECONDS: u64 = 60;

/// People notice no delay of this length, and a database does not notice such a query.
const POLL: Duration = Duration::from_millis(250);

pub(super) async fn claim(
    State(app): State<Arc<App>>,
    GatewayCaller(gateway): GatewayCaller,
    headers: HeaderMap,
    Body(claim): Body<Claim>,
) -> Result<Response, Problem> {
    claim.check()?;
    if claim.audience != gateway {
        return Err(Problem::Audience);
    }
    let mut claimed = app.store.claim(&claim, &app.config.limits, app.clock.now()).await?;
    if let Claimed::Pending(approval) = &claimed
        && is_decided(&app, approval, wanted(&headers)).await?
    {
        claimed = app.store.claim(&claim, &app.config.limits, app.clock.now()).await?;
    }
    let now = app.clock.now();
    let answer = match claimed {
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

/// How many seconds a gateway would wait for people (`Prefer: wait=N`, RFC 7240 section 4.3).
fn wanted(headers: &HeaderMap) -> u64 {
    let preference = headers.get("prefer").and_then(|value| value.to_str().ok()?.strip_prefix("wait="));
    preference.and_then(|seconds| seconds.parse().ok()).unwrap_or(0).min(MAX_WAIT_SECONDS)
}

/// Waits until an approval is pending no more; `false` where it still is after so many seconds. A gateway that goes away
/// ends this, and claims nothing.
async fn is_decided(app: &App, approval: &Approval, seconds: u64) -> Result<bool, Problem> {
    let waiting = async {
        loop {
            tokio::time::sleep(POLL).await;
            let found = app.store.approval(&approval.id).await?;
            if found.is_none_or(|found| found.state_at(app.clock.now()) != Stage::Pending) {
                return Ok::<_, Problem>(());
            }
        }
    };
    if seconds == 0 {
        return Ok(false);
    }
    match tokio::time::timeout(Duration::from_secs(seconds), waiting).await {
        Ok(decided) => decided.map(|()| true),
        Err(_elapsed) => Ok(false),
    }
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
