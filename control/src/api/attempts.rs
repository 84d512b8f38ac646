//! Attempts that gateways have stored before they let them go on.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{body::Body, caller::GatewayCaller, events};
use crate::{
    app::App,
    ledger::{self, record_digest},
    problem::Problem,
    store::NewRecord,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempt {
    emitter: String,
    record: Box<RawValue>,
}

/// Stores one, and gives the receipt without which the gateway forwards nothing.
pub(super) async fn store(
    State(app): State<Arc<App>>,
    GatewayCaller(gateway): GatewayCaller,
    Body(Attempt { emitter, record }): Body<Attempt>,
) -> Result<Json<Value>, Problem> {
    events::check_emitter(&emitter)?;
    let record = record.get().to_owned();
    let facts = ledger::facts(&record).map_err(|fault| Problem::Invalid(fault.to_string()))?;
    let Some(id) = facts.id.clone().filter(|_| facts.is_attempt) else {
        return Err(Problem::invalid("`record` must be of the stage `attempted`"));
    };
    let digest = format!("sha-256:{}", URL_SAFE_NO_PAD.encode(record_digest(&record)));
    let keep = app.config.ledger.retention.seconds();
    let attempt = NewRecord { sequence: 0, record, facts };
    app.store.store_attempt(&gateway, &emitter, attempt, keep, app.clock.now()).await?;
    Ok(Json(json!({ "id": id, "digest": digest })))
}
