//! Rows of `approvals` as values.

use serde::de::DeserializeOwned;
use sqlx::{Error, Row as _, any::AnyRow};

use crate::approval::{Approval, Outcome, State};

/// The columns that [`approval`] reads.
macro_rules! columns {
    () => {
        "id, digest, subject, actor, service, audience, state, envelope, approver_groups, policies, chain, context, \
         action_id, token_expires, created, expires, asks, last_asked, comment, consumed, outcome, outcome_status"
    };
}
pub(super) use columns;

/// Reads a row of [`columns`].
pub(super) fn approval(row: &AnyRow) -> Result<Approval, Error> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(Approval {
        id: text("id")?,
        digest: text("digest")?,
        subject: text("subject")?,
        actor: text("actor")?,
        service: text("service")?,
        audience: text("audience")?,
        state: state(&text("state")?)?,
        envelope: json(&text("envelope")?)?,
        groups: json(&text("approver_groups")?)?,
        policies: json(&text("policies")?)?,
        chain: json(&text("chain")?)?,
        context: json(&text("context")?)?,
        action_id: text("action_id")?,
        token_expires: row.try_get("token_expires")?,
        created: row.try_get("created")?,
        expires: row.try_get("expires")?,
        asks: row.try_get("asks")?,
        last_asked: row.try_get("last_asked")?,
        comment: row.try_get("comment")?,
        consumed: row.try_get("consumed")?,
        outcome: row.try_get::<Option<String>, _>("outcome")?.as_deref().and_then(Outcome::parse),
        outcome_status: row.try_get("outcome_status")?,
    })
}

pub(super) fn state(text: &str) -> Result<State, Error> {
    State::parse(text).ok_or_else(|| Error::Decode(format!("`{text}` is no state").into()))
}

pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Decode(Box::new(error)))
}

/// A value that was read as JSON or is made of text, as JSON.
pub(super) fn written<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Encode(Box::new(error)))
}
