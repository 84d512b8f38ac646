//! What people read.

use sqlx::Row as _;

use super::{
    Store,
    row::{approval, columns, state},
};
use crate::approval::{Approval, Event, State, Vote};

/// More than anybody scrolls.
const PAGE: i64 = 100;

/// Which approvals to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those that stand so now.
    pub state: Option<State>,
    /// Only those opened before this one.
    pub before: Option<String>,
}

/// What became of an agent's other calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// How many there were.
    pub asked: i64,
    /// How many of them were approved, whether or not that was used.
    pub approved: i64,
    /// How many were denied.
    pub denied: i64,
    /// How many were this very call.
    pub same_call: i64,
}

// === impl Store ===

impl Store {
    /// One approval.
    ///
    /// # Errors
    /// The database's.
    pub async fn approval(&self, id: &str) -> Result<Option<Approval>, sqlx::Error> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM approvals WHERE id = $1"))
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(approval).transpose()
    }

    /// A page of approvals, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn approvals(&self, filter: &Filter, now: i64) -> Result<Vec<Approval>, sqlx::Error> {
        let wanted = filter.state.map_or("", State::as_str);
        // What has run out reads as expired before it is written down.
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM approvals WHERE ($1 = '' OR $1 = CASE WHEN state IN ('pending', 'approved') AND expires <= $2 \
             THEN 'expired' ELSE state END) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4"
        ))
        .bind(wanted)
        .bind(now)
        .bind(filter.before.as_deref().unwrap_or_default())
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(approval).collect()
    }

    /// What happened to an approval, in order.
    ///
    /// # Errors
    /// The database's.
    pub async fn events(&self, id: &str) -> Result<Vec<Event>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT number, at, who, what, comment FROM events WHERE approval = $1 ORDER BY number",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await?;
        let event = |row: &sqlx::any::AnyRow| {
            Ok(Event {
                number: row.try_get("number")?,
                at: row.try_get("at")?,
                who: row.try_get("who")?,
                what: row.try_get("what")?,
                comment: row.try_get("comment")?,
            })
        };
        rows.iter().map(event).collect()
    }

    /// Who said yes so far.
    ///
    /// # Errors
    /// The database's.
    pub async fn votes(&self, id: &str) -> Result<Vec<Vote>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT approver_group, approver, at FROM votes WHERE approval = $1 ORDER BY at, approver, approver_group",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await?;
        let vote = |row: &sqlx::any::AnyRow| {
            Ok(Vote {
                group: row.try_get("approver_group")?,
                approver: row.try_get("approver")?,
                at: row.try_get("at")?,
            })
        };
        rows.iter().map(vote).collect()
    }

    /// What this agent asked besides this.
    ///
    /// # Errors
    /// The database's.
    pub async fn history(&self, of: &Approval) -> Result<History, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS count, SUM(CASE WHEN digest = $3 THEN 1 ELSE 0 END) AS same \
             FROM approvals WHERE actor = $1 AND id <> $2 GROUP BY state",
        )
        .bind(of.actor.as_str())
        .bind(of.id.as_str())
        .bind(of.digest.as_str())
        .fetch_all(&self.pool)
        .await?;
        let mut history = History::default();
        for row in &rows {
            let count: i64 = row.try_get("count")?;
            history.asked = history.asked.saturating_add(count);
            history.same_call = history.same_call.saturating_add(row.try_get("same")?);
            match state(&row.try_get::<String, _>("state")?)? {
                State::Approved | State::Consumed => {
                    history.approved = history.approved.saturating_add(count)
                }
                State::Denied => history.denied = history.denied.saturating_add(count),
                State::Pending | State::Expired | State::Revoked => {}
            }
        }
        Ok(history)
    }
}
