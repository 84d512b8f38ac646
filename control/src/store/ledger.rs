//! Taking records in: each once, in its emitter's order, each in its chain.

use std::collections::HashMap;

use sqlx::{Any, AssertSqlSafe, Row as _, Transaction, any::AnyArguments, query::Query};

use super::{
    Store,
    attempts::{Awaited, settle},
    counts::Counting,
};
use crate::{
    ledger::{Facts, Link, record_digest},
    problem::Problem,
};

/// Rows of one statement. Few different sizes, so that the statements stay prepared.
const BATCHES: [usize; 3] = [128, 16, 1];

/// A gateway's clock may be ahead by so much; what is later is filed under then.
pub(super) const AHEAD_MILLIS: i64 = 5 * 60 * 1000;

const COLUMNS: [&str; 17] = [
    "at", "number", "gateway", "emitter", "sequence", "link", "id", "service", "subject", "actor", "task",
    "action", "decision", "reason", "status", "awaited", "record",
];

/// A record that has been checked.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Its number, of its emitter.
    pub sequence: i64,
    /// The record, byte for byte.
    pub record: String,
    /// What it is searched by.
    pub facts: Facts,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingested {
    /// Records that were new.
    pub stored: usize,
    /// Records that were there already.
    pub known: usize,
    /// The last number of this emitter.
    pub last: i64,
}

/// A row to be written.
pub(super) struct NewRow<'a> {
    pub(super) at: i64,
    pub(super) number: i64,
    pub(super) link: String,
    pub(super) new: &'a NewRecord,
}

/// The end of an emitter's chain, while a transaction adds to it.
pub(super) struct Chain {
    last: i64,
    count: i64,
    link: Link,
}

// === impl Store ===

impl Store {
    /// Stores the records of one emitter, in order. Sent again, they are there already.
    ///
    /// # Errors
    /// [`Problem::Sequence`] where a number was used for another record, or is before the last one; or the database's.
    pub async fn ingest(
        &self,
        gateway: &str,
        emitter: &str,
        records: &[NewRecord],
        keep_seconds: i64,
        now: i64,
    ) -> Result<Ingested, Problem> {
        let now = now.saturating_mul(1000);
        let (earliest, latest) =
            (now.saturating_sub(keep_seconds.saturating_mul(1000)), now.saturating_add(AHEAD_MILLIS));
        // Filed under a time that there is a place for; what the record says stays as it is.
        let filed = |record: &NewRecord| record.facts.at.clamp(earliest, latest);
        self.have_days(records.iter().map(filed)).await?;

        let mut change = self.pool.begin().await?;
        let mut chain = Chain::lock(&mut change, gateway, emitter).await?;
        let last = chain.last;
        let (old, new): (Vec<&NewRecord>, Vec<&NewRecord>) =
            records.iter().partition(|record| record.sequence <= last);
        known(&mut change, gateway, emitter, &old).await?;
        let mut rows = Vec::with_capacity(new.len());
        for record in new {
            if record.sequence <= chain.last {
                return Err(Problem::Sequence(record.sequence));
            }
            let link = chain.extend(record);
            rows.push(NewRow { at: filed(record), number: link.number(), link: link.text(), new: record });
        }
        if !rows.is_empty() {
            write(&mut change, gateway, emitter, &rows, Awaited::Nothing).await?;
            let told = settle(&mut change, gateway, &rows).await?;
            let mut counting = Counting::default();
            rows.iter().for_each(|row| counting.add(row.at, &row.new.facts));
            told.iter().for_each(|told| counting.take_back(told.at, &told.facts));
            chain.store(&mut change, gateway, emitter).await?;
            // Last: other emitters wait for these rows.
            counting.write(&mut change).await?;
        }
        // Nothing is acknowledged that is not durable.
        change.commit().await?;
        Ok(Ingested { stored: rows.len(), known: old.len(), last: chain.last })
    }
}

// === impl Chain ===

impl Chain {
    /// Reads it, and lets nobody else add to it until the transaction is over.
    pub(super) async fn lock(
        change: &mut Transaction<'_, Any>,
        gateway: &str,
        emitter: &str,
    ) -> Result<Self, Problem> {
        let row = sqlx::query(
            "INSERT INTO emitters (gateway, emitter, sequence, count, link) VALUES ($1, $2, 0, 0, $3) \
             ON CONFLICT (gateway, emitter) DO UPDATE SET count = emitters.count RETURNING sequence, count, link",
        )
        .bind(gateway)
        .bind(emitter)
        .bind(Link::origin(gateway, emitter).text())
        .fetch_one(&mut **change)
        .await?;
        let link = Link::parse(&row.try_get::<String, _>("link")?)
            .ok_or_else(|| Problem::Store("an emitter's chain cannot be read".into()))?;
        Ok(Self { last: row.try_get("sequence")?, count: row.try_get("count")?, link })
    }

    /// The number after the last one.
    pub(super) const fn next(&self) -> i64 {
        self.last.saturating_add(1)
    }

    /// Adds a record, whose number is after the last one.
    pub(super) fn extend(&mut self, record: &NewRecord) -> Link {
        self.link = self.link.next(record.sequence, &record_digest(&record.record));
        (self.last, self.count) = (record.sequence, self.count.saturating_add(1));
        self.link.clone()
    }

    /// Writes its new end.
    pub(super) async fn store(
        &self,
        change: &mut Transaction<'_, Any>,
        gateway: &str,
        emitter: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE emitters SET sequence = $3, count = $4, link = $5 WHERE gateway = $1 AND emitter = $2",
        )
        .bind(gateway)
        .bind(emitter)
        .bind(self.last)
        .bind(self.count)
        .bind(self.link.text())
        .execute(&mut **change)
        .await
        .map(drop)
    }
}

/// Whether all of these are stored as they are.
async fn known(
    change: &mut Transaction<'_, Any>,
    gateway: &str,
    emitter: &str,
    old: &[&NewRecord],
) -> Result<(), Problem> {
    let numbers = old.iter().map(|record| record.sequence);
    let (Some(first), Some(last)) = (numbers.clone().min(), numbers.max()) else {
        return Ok(());
    };
    let rows = sqlx::query(
        "SELECT sequence, record FROM ledger WHERE gateway = $1 AND emitter = $2 AND sequence BETWEEN $3 AND $4",
    )
    .bind(gateway)
    .bind(emitter)
    .bind(first)
    .bind(last)
    .fetch_all(&mut **change)
    .await?;
    let mut stored: HashMap<i64, String> = HashMap::with_capacity(rows.len());
    for row in &rows {
        stored.insert(row.try_get("sequence")?, row.try_get("record")?);
    }
    match old.iter().find(|record| stored.get(&record.sequence) != Some(&record.record)) {
        Some(other) => Err(Problem::Sequence(other.sequence)),
        None => Ok(()),
    }
}

pub(super) async fn write(
    change: &mut Transaction<'_, Any>,
    gateway: &str,
    emitter: &str,
    mut rows: &[NewRow<'_>],
    awaited: Awaited,
) -> Result<(), sqlx::Error> {
    let further: Vec<(&str, i64, i64)> = rows
        .iter()
        .flat_map(|row| {
            row.new.facts.actions.iter().skip(1).map(|action| (action.as_str(), row.at, row.number))
        })
        .collect();
    while !rows.is_empty() {
        let size = BATCHES.into_iter().find(|size| *size <= rows.len()).unwrap_or(1);
        let (now, later) = rows.split_at_checked(size).unwrap_or((rows, &[]));
        let text = insert("ledger", &COLUMNS, now.len());
        let mut query = sqlx::query(AssertSqlSafe(text));
        for row in now {
            query = bound(query, gateway, emitter, row, awaited);
        }
        query.execute(&mut **change).await?;
        rows = later;
    }
    for (action, at, number) in further {
        sqlx::query("INSERT INTO ledger_actions (action, at, number) VALUES ($1, $2, $3)")
            .bind(action)
            .bind(at)
            .bind(number)
            .execute(&mut **change)
            .await?;
    }
    Ok(())
}

fn bound<'q>(
    query: Query<'q, Any, AnyArguments>,
    gateway: &'q str,
    emitter: &'q str,
    row: &'q NewRow<'_>,
    awaited: Awaited,
) -> Query<'q, Any, AnyArguments> {
    let NewRow { at, number, link, new } = row;
    let facts = &new.facts;
    query
        .bind(*at)
        .bind(*number)
        .bind(gateway)
        .bind(emitter)
        .bind(new.sequence)
        .bind(link.as_str())
        .bind(facts.id.as_deref())
        .bind(facts.service.as_deref())
        .bind(facts.subject.as_deref())
        .bind(facts.actor.as_deref())
        .bind(facts.task.as_deref())
        .bind(facts.actions.first().map(String::as_str))
        .bind(facts.decision.as_str())
        .bind(facts.reason.as_deref())
        .bind(facts.status)
        .bind(awaited.number())
        .bind(new.record.as_str())
}

/// An insert of so many rows.
fn insert(table: &str, columns: &[&str], rows: usize) -> String {
    let mut text = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
    let mut placeholder = 0_usize;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns.len() {
            placeholder = placeholder.saturating_add(1);
            text.push_str(if column == 0 { "$" } else { ", $" });
            text.push_str(&placeholder.to_string());
        }
        text.push(')');
    }
    text
}
