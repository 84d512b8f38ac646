//! The ledger: gateways send records, people of the reading groups look for them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    body::Body,
    caller::{GatewayCaller, PersonCaller},
};
use crate::{
    app::App,
    ledger,
    person::{Ineligible, Person},
    problem::Problem,
    store::{Cursor, LedgerFilter, LedgerRow, NewRecord},
};

/// Records of one batch: what a busy gateway gathers in a second.
const MAX_RECORDS: usize = 1_000;

/// Records of one page.
const DEFAULT_PAGE: i64 = 100;
const MAX_PAGE: i64 = 500;

/// An instance and its worker.
const MAX_EMITTER_BYTES: usize = 128;

/// Beyond it, JSON readers disagree on numbers.
const MAX_SEQUENCE: i64 = 9_007_199_254_740_991;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    emitter: String,
    events: Vec<Sent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    sequence: i64,
    record: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    agent: Option<String>,
    subject: Option<String>,
    task: Option<String>,
    action: Option<String>,
    decision: Option<String>,
    service: Option<String>,
    since: Option<String>,
    until: Option<String>,
    before: Option<String>,
    limit: Option<i64>,
    gateway: Option<String>,
    emitter: Option<String>,
    after: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointQuery {
    gateway: String,
    emitter: String,
    #[serde(default)]
    after: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Page {
    events: Vec<Shown>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Shown {
    gateway: String,
    emitter: String,
    sequence: i64,
    link: String,
    record: Box<RawValue>,
}

pub(super) async fn ingest(
    State(app): State<Arc<App>>,
    GatewayCaller(gateway): GatewayCaller,
    Body(Batch { emitter, events }): Body<Batch>,
) -> Result<Json<Value>, Problem> {
    check_emitter(&emitter)?;
    if events.is_empty() || events.len() > MAX_RECORDS {
        return Err(Problem::invalid("`events` must be 1 to 1,000 records"));
    }
    // Checking is work: not on a thread that answers claims.
    let checked = tokio::task::spawn_blocking(move || checked(events)).await;
    let records = checked.map_err(|error| Problem::Store(Box::new(error)))??;
    let keep = app.config.ledger.retention.seconds();
    let done = app.store.ingest(&gateway, &emitter, &records, keep, app.clock.now()).await?;
    Ok(Json(json!({ "stored": done.stored, "known": done.known, "last": done.last })))
}

pub(super) fn check_emitter(emitter: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
    if emitter.is_empty() || emitter.len() > MAX_EMITTER_BYTES || !emitter.bytes().all(is_plain) {
        return Err(Problem::invalid("`emitter` must be 1 to 128 letters, digits and . _ : / -"));
    }
    Ok(())
}

fn checked(events: Vec<Sent>) -> Result<Vec<NewRecord>, Problem> {
    let mut before = 0;
    let mut records = Vec::with_capacity(events.len());
    for Sent { sequence, record } in events {
        if sequence <= before || sequence > MAX_SEQUENCE {
            return Err(Problem::invalid("`sequence` must rise from 1, and stay below 2^53"));
        }
        before = sequence;
        let record = record.get().to_owned();
        let facts = ledger::facts(&record)
            .map_err(|fault| Problem::Invalid(format!("the record {sequence}: {fault}")))?;
        // One of these waits for its outcome, which only its own resource sees to.
        if facts.is_attempt {
            return Err(Problem::Invalid(format!("the record {sequence}: attempts go to /v1/attempts")));
        }
        records.push(NewRecord { sequence, record, facts });
    }
    Ok(records)
}

pub(super) async fn search(
    State(app): State<Arc<App>>,
    caller: PersonCaller,
    query: Result<Query<Search>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    may_read(&app, &caller.person)?;
    let Query(search) = query.map_err(|error| Problem::Invalid(error.body_text()))?;
    let limit = search.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::invalid("`limit` must be 1 to 500"));
    }
    if let (Some(gateway), Some(emitter)) = (&search.gateway, &search.emitter) {
        let rows = app.store.ledger_of(gateway, emitter, search.after.unwrap_or(0), limit).await?;
        let next = rows.last().filter(|_| is_full(&rows, limit)).map(|row| row.sequence.to_string());
        return Ok(Json(Page { events: shown(rows)?, next }));
    }
    if search.gateway.is_some() || search.emitter.is_some() || search.after.is_some() {
        return Err(Problem::invalid("`gateway`, `emitter` and `after` go together"));
    }
    let rows = app.store.ledger(&search.filter()?, limit).await?;
    let next = rows.last().filter(|_| is_full(&rows, limit)).map(|row| row.cursor.text());
    Ok(Json(Page { events: shown(rows)?, next }))
}

pub(super) async fn checkpoints(
    State(app): State<Arc<App>>,
    caller: PersonCaller,
    query: Result<Query<CheckpointQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    may_read(&app, &caller.person)?;
    let Query(CheckpointQuery { gateway, emitter, after }) =
        query.map_err(|error| Problem::Invalid(error.body_text()))?;
    let signed = app.store.checkpoints(&gateway, &emitter, after).await?;
    Ok(Json(json!({ "checkpoints": signed })))
}

pub(super) async fn emitters(
    State(app): State<Arc<App>>,
    caller: PersonCaller,
) -> Result<Json<Value>, Problem> {
    may_read(&app, &caller.person)?;
    let found = app.store.emitters().await?;
    let rows: Vec<Value> = found
        .into_iter()
        .map(|(gateway, emitter, last)| json!({ "gateway": gateway, "emitter": emitter, "last": last }))
        .collect();
    Ok(Json(json!({ "emitters": rows })))
}

/// The public key of checkpoints, as a key set.
pub(super) async fn keys(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({ "keys": [app.ledger_key.public_jwk()] }))
}

/// The ledger says what everybody's agents do: only for those whom the configuration names.
pub(crate) fn may_read(app: &App, person: &Person) -> Result<(), Problem> {
    let is_reader = |group: &String| app.config.ledger.readers.contains(group);
    if person.groups.iter().any(is_reader) { Ok(()) } else { Err(Ineligible::Reader.into()) }
}

// === impl Search ===

impl Search {
    fn filter(self) -> Result<LedgerFilter, Problem> {
        let time = |text: Option<String>| text.map(|text| time(&text)).transpose();
        let before = self.before.as_deref().map(|text| {
            Cursor::parse(text).ok_or_else(|| Problem::invalid("`before` is no `next` of a page"))
        });
        Ok(LedgerFilter {
            actor: self.agent,
            subject: self.subject,
            task: self.task,
            action: self.action,
            decision: self.decision,
            service: self.service,
            since: time(self.since)?,
            until: time(self.until)?,
            before: before.transpose()?,
        })
    }
}

/// Unix milliseconds of a time as people and programs write it.
fn time(text: &str) -> Result<i64, Problem> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(seconds.saturating_mul(1000));
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.timestamp_millis())
        .map_err(|_| Problem::invalid("a time is Unix seconds, or as 2026-11-24T12:00:00Z"))
}

fn is_full(rows: &[LedgerRow], limit: i64) -> bool {
    i64::try_from(rows.len()).is_ok_and(|count| count == limit)
}

fn shown(rows: Vec<LedgerRow>) -> Result<Vec<Shown>, Problem> {
    let row = |row: LedgerRow| {
        let record = RawValue::from_string(row.record).map_err(|error| Problem::Store(Box::new(error)))?;
        let LedgerRow { gateway, emitter, sequence, link, .. } = row;
        Ok(Shown { gateway, emitter, sequence, link, record })
    };
    rows.into_iter().map(row).collect()
}
