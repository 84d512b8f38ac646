//! Approvals as JSON.

use serde_json::{Value, json};

use crate::{app::App, approval::Approval, problem::Problem};

/// What a list shows.
pub(super) fn summary(app: &App, approval: &Approval, now: i64) -> Value {
    let calls: Vec<Value> = approval
        .envelope
        .calls
        .iter()
        .map(|call| json!({ "action": call.action, "resource": call.resource }))
        .collect();
    json!({
        "id": approval.id, "state": approval.state_at(now), "url": app.url_of(&approval.id),
        "digest": approval.digest, "subject": approval.subject, "actor": approval.actor,
        "service": approval.service, "audience": approval.audience, "calls": calls,
        "groups": approval.groups, "policies": approval.policies,
        "created": approval.created, "expires": approval.expires,
        "asks": approval.asks, "last_asked": approval.last_asked,
    })
}

/// Everything.
pub(super) async fn full(app: &App, approval: &Approval, now: i64) -> Result<Value, Problem> {
    let (votes, events) = (app.store.votes(&approval.id).await?, app.store.events(&approval.id).await?);
    let history = app.store.history(approval).await?;
    let mut value = summary(app, approval, now);
    if let Some(members) = value.as_object_mut() {
        let more = [
            ("envelope", serde_json::to_value(&approval.envelope).unwrap_or_default()),
            ("chain", json!(approval.chain)),
            ("context", Value::Object(approval.context.clone())),
            ("action_id", json!(approval.action_id)),
            ("token_expires", json!(approval.token_expires)),
            ("comment", json!(approval.comment)),
            ("consumed", json!(approval.consumed)),
            ("outcome", json!(approval.outcome)),
            ("outcome_status", json!(approval.outcome_status)),
            ("votes", json!(votes)),
            ("events", json!(events)),
            (
                "history",
                json!({
                    "asked": history.asked, "approved": history.approved, "denied": history.denied,
                    "same_call": history.same_call,
                }),
            ),
        ];
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(value)
}
