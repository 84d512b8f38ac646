//! How often what was attempted and what was executed: counted as records come in, and read without reading them.

use std::collections::BTreeMap;

use sqlx::{Any, AssertSqlSafe, Row as _, Transaction};

use super::{Store, ledger_query::LedgerFilter, partitions::DAY_MILLIS};
use crate::ledger::Facts;

/// Lines of an answer: more is no chart. The rest is left out, the smallest first.
const LINES: i64 = 500;

/// Calls of one agent, action and decision on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// Days since 1970.
    pub day: i64,
    /// The agent; empty where nobody proved who they are.
    pub actor: String,
    /// The action; empty where the request was not understood as any call.
    pub action: String,
    /// What was decided, or the stage.
    pub decision: String,
    /// How many.
    pub attempted: i64,
    /// How many of them people had approved.
    pub approved: i64,
    /// How many of them reached an upstream.
    pub executed: i64,
}

/// By what counts are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// The agent, and the decision.
    Actor,
    /// The action, and the decision.
    Action,
    /// The day.
    Day,
}

/// Counts of one batch, in one order for everybody: batches of different emitters meet in the same rows.
#[derive(Debug, Default)]
pub(super) struct Counting<'a>(BTreeMap<Place<'a>, Sums>);

/// Day, agent, action and decision.
type Place<'a> = (i64, &'a str, &'a str, &'a str);

/// Attempted, approved and executed.
type Sums = (i64, i64, i64);

// === impl Counting ===

impl<'a> Counting<'a> {
    /// Counts each call of a record that is filed under some time.
    pub(super) fn add(&mut self, at: i64, facts: &'a Facts) {
        self.count(at, facts, 1);
    }

    /// Counts the calls of a record no more: another record tells of them.
    pub(super) fn take_back(&mut self, at: i64, facts: &'a Facts) {
        self.count(at, facts, -1);
    }

    fn count(&mut self, at: i64, facts: &'a Facts, sign: i64) {
        let actor = facts.actor.as_deref().unwrap_or_default();
        let day = at.div_euclid(DAY_MILLIS);
        for (action, calls) in &facts.calls {
            let calls = calls.saturating_mul(sign);
            let counts = self.0.entry((day, actor, action, &facts.decision)).or_default();
            counts.0 = counts.0.saturating_add(calls);
            counts.1 = counts.1.saturating_add(if facts.approved { calls } else { 0 });
            counts.2 = counts.2.saturating_add(if facts.executed { calls } else { 0 });
        }
    }

    pub(super) async fn write(self, change: &mut Transaction<'_, Any>) -> Result<(), sqlx::Error> {
        for ((day, actor, action, decision), (attempted, approved, executed)) in self.0 {
            sqlx::query(
                "INSERT INTO ledger_counts (day, actor, action, decision, attempted, approved, executed) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (day, actor, action, decision) DO UPDATE SET \
                 attempted = ledger_counts.attempted + excluded.attempted, \
                 approved = ledger_counts.approved + excluded.approved, \
                 executed = ledger_counts.executed + excluded.executed",
            )
            .bind(day)
            .bind(actor)
            .bind(action)
            .bind(decision)
            .bind(attempted)
            .bind(approved)
            .bind(executed)
            .execute(&mut **change)
            .await?;
        }
        Ok(())
    }
}

// === impl Store ===

impl Store {
    /// Sums of whole days: of a filter its agent, action, decision and time.
    ///
    /// # Errors
    /// The database's.
    pub async fn counts(&self, filter: &LedgerFilter, by: CountBy) -> Result<Vec<Count>, sqlx::Error> {
        let (columns, order) = match by {
            CountBy::Actor => ("actor, decision", "attempted DESC, actor, decision"),
            CountBy::Action => ("action, decision", "attempted DESC, action, decision"),
            CountBy::Day => ("day", "day DESC"),
        };
        let text = format!(
            "SELECT {columns}, CAST(SUM(attempted) AS BIGINT) AS attempted, \
             CAST(SUM(approved) AS BIGINT) AS approved, CAST(SUM(executed) AS BIGINT) AS executed FROM ledger_counts \
             WHERE day >= $1 AND day <= $2 AND ($3 = '' OR actor = $3) AND ($4 = '' OR action = $4) \
             AND ($5 = '' OR decision = $5) GROUP BY {columns} ORDER BY {order} LIMIT {LINES}"
        );
        let day = |at: i64| at.div_euclid(DAY_MILLIS);
        // The text is made of this file's own words.
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(filter.since.map_or(0, day))
            .bind(filter.until.map_or(i64::MAX, |until| day(until.saturating_sub(1))))
            .bind(filter.actor.as_deref().unwrap_or_default())
            .bind(filter.action.as_deref().unwrap_or_default())
            .bind(filter.decision.as_deref().unwrap_or_default())
            .fetch_all(&self.readers)
            .await?;
        let read = |row: &sqlx::any::AnyRow| {
            let mut count = Count {
                attempted: row.try_get("attempted")?,
                approved: row.try_get("approved")?,
                executed: row.try_get("executed")?,
                ..Count::default()
            };
            match by {
                CountBy::Actor => {
                    (count.actor, count.decision) = (row.try_get("actor")?, row.try_get("decision")?);
                }
                CountBy::Action => {
                    (count.action, count.decision) = (row.try_get("action")?, row.try_get("decision")?);
                }
                CountBy::Day => count.day = row.try_get("day")?,
            }
            Ok(count)
        };
        rows.iter().map(read).collect()
    }
}
