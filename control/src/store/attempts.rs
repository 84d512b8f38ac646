//! Attempts that are stored before they go on, and their outcomes.

use sqlx::{Any, AssertSqlSafe, Row as _, Transaction, any::AnyRow};

use super::{
    Store,
    counts::Counting,
    ledger::{AHEAD_MILLIS, Chain, NewRecord, NewRow, write},
};
use crate::{
    ledger::{Facts, facts},
    problem::Problem,
};

/// An attempt and its record are filed under the time of their request. A clock that is ahead has them filed under when
/// they came, and a request may last: they are looked for a day around.
const AROUND_MILLIS: i64 = 86_400_000;

/// Ids of one statement.
const AT_ONCE: usize = 128;

/// Rows that one round of upkeep writes down.
const BATCH: i64 = 1_000;

/// INVARIANT: of the indexes only that of what is awaited may be of use (`gateway || ''`, `at + 0`): SQLite, which knows no
/// numbers of rows, took others and read all that a gateway had ever sent. On PostgreSQL `at` names the partitions.
const OVERDUE: &str = "SELECT at, number FROM ledger WHERE awaited IN (1, 2) AND awaited = 1 AND at + 0 < $1 \
     ORDER BY at + 0 LIMIT $2";

/// What is awaited of a row of the ledger when it is written (`migrations/0003_attempts.sql`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Nothing,
    Outcome,
    /// Its outcome, which is overdue and told as unknown.
    Unknown,
    Settled,
}

// === impl Awaited ===

impl Awaited {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Outcome => 1,
            Self::Unknown => 2,
            Self::Settled => 3,
        }
    }
}

// === impl Store ===

impl Store {
    /// Stores an attempt at the end of its emitter's chain, which this service numbers itself: attempts of one gateway are
    /// under way at the same time, and each waits for its own. Sent again, it is there already.
    ///
    /// # Errors
    /// [`Problem::AttemptReused`] where another attempt has its id; or the database's.
    pub async fn store_attempt(
        &self,
        gateway: &str,
        emitter: &str,
        mut attempt: NewRecord,
        keep_seconds: i64,
        now: i64,
    ) -> Result<(), Problem> {
        let now = now.saturating_mul(1000);
        let earliest = now.saturating_sub(keep_seconds.saturating_mul(1000));
        let at = attempt.facts.at.clamp(earliest, now.saturating_add(AHEAD_MILLIS));
        self.have_days(std::iter::once(at)).await?;

        let mut change = self.pool.begin().await?;
        // The row of the emitter makes its attempts take turns.
        let mut chain = Chain::lock(&mut change, gateway, emitter).await?;
        let mut awaited = Awaited::Outcome;
        let rows = sqlx::query(
            "SELECT awaited, record FROM ledger WHERE at = $1 AND gateway = $2 AND id = $3 ORDER BY awaited DESC",
        )
        .bind(at)
        .bind(gateway)
        .bind(attempt.facts.id.as_deref())
        .fetch_all(&mut *change)
        .await?;
        for row in &rows {
            if row.try_get::<i64, _>("awaited")? == Awaited::Nothing.number() {
                // The gateway did not wait: its record was faster.
                awaited = Awaited::Settled;
            } else if row.try_get::<String, _>("record")? == attempt.record {
                return Ok(());
            } else {
                return Err(Problem::AttemptReused);
            }
        }
        attempt.sequence = chain.next();
        let link = chain.extend(&attempt);
        let row = NewRow { at, number: link.number(), link: link.text(), new: &attempt };
        write(&mut change, gateway, emitter, &[row], awaited).await?;
        chain.store(&mut change, gateway, emitter).await?;
        // Nothing is acknowledged that is not durable.
        change.commit().await?;
        Ok(())
    }

    /// Writes down which attempts have had no outcome since `before`, in Unix milliseconds: their gateway died meanwhile,
    /// or lost the record. They count as attempted from then on. An outcome that comes later takes the place of that all
    /// the same.
    ///
    /// # Errors
    /// The database's.
    pub async fn write_off_attempts(&self, before: i64) -> Result<(), Problem> {
        let overdue = sqlx::query(OVERDUE).bind(before).bind(BATCH).fetch_all(&self.readers).await?;
        for row in &overdue {
            let mut change = self.pool.begin().await?;
            let rows = sqlx::query(
                "UPDATE ledger SET awaited = 2 WHERE at = $1 AND number = $2 AND awaited = 1 RETURNING at, record",
            )
            .bind(row.try_get::<i64, _>("at")?)
            .bind(row.try_get::<i64, _>("number")?)
            .fetch_all(&mut *change)
            .await?;
            let told = rows.iter().map(Told::read).collect::<Result<Vec<_>, _>>()?;
            let mut counting = Counting::default();
            told.iter().for_each(|told| counting.add(told.at, &told.facts));
            counting.write(&mut change).await?;
            change.commit().await?;
        }
        Ok(())
    }
}

/// An attempt that was told as one without an outcome, and has been counted as that.
pub(super) struct Told {
    pub(super) at: i64,
    pub(super) facts: Facts,
}

// === impl Told ===

impl Told {
    fn read(row: &AnyRow) -> Result<Self, Problem> {
        let facts = facts(&row.try_get::<String, _>("record")?)
            .map_err(|_| Problem::Store("an attempt cannot be read".into()))?;
        Ok(Self { at: row.try_get("at")?, facts })
    }
}

/// The records of these rows are what readers see from now on, where there was an attempt. Returns those attempts that
/// were told as having no outcome.
pub(super) async fn settle(
    change: &mut Transaction<'_, Any>,
    gateway: &str,
    rows: &[NewRow<'_>],
) -> Result<Vec<Told>, Problem> {
    let mut told = Vec::new();
    for rows in rows.chunks(AT_ONCE) {
        let ids: Vec<&str> = rows.iter().filter_map(|row| row.new.facts.id.as_deref()).collect();
        let times = rows.iter().map(|row| row.at);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { continue };
        if ids.is_empty() {
            continue;
        }
        let around = (first.saturating_sub(AROUND_MILLIS), last.saturating_add(AROUND_MILLIS));
        settled(change, gateway, around, &ids, Awaited::Outcome).await?;
        // After those: one that is told as unknown meanwhile is found now.
        for row in settled(change, gateway, around, &ids, Awaited::Unknown).await? {
            told.push(Told::read(&row)?);
        }
    }
    Ok(told)
}

/// The attempts with these ids, of which so much was awaited, and nothing is any more.
async fn settled(
    change: &mut Transaction<'_, Any>,
    gateway: &str,
    (first, last): (i64, i64),
    ids: &[&str],
    awaited: Awaited,
) -> Result<Vec<AnyRow>, sqlx::Error> {
    let mut query =
        sqlx::query(AssertSqlSafe(settling())).bind(awaited.number()).bind(gateway).bind(first).bind(last);
    let filler = ids.first().copied();
    for id in ids.iter().copied().map(Some).chain(std::iter::repeat(filler)).take(AT_ONCE) {
        query = query.bind(id);
    }
    query.fetch_all(&mut **change).await
}

/// The statement: always of as many ids as there can be, so that it stays prepared.
fn settling() -> String {
    let places: Vec<String> = (5..).take(AT_ONCE).map(|number: usize| format!("${number}")).collect();
    format!(
        "UPDATE ledger SET awaited = 3 WHERE awaited IN (1, 2) AND awaited = $1 AND gateway || '' = $2 \
         AND at BETWEEN $3 AND $4 AND id IN ({}) RETURNING at, record",
        places.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sqlite_reads_what_is_awaited_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("control.db")).await.unwrap();
        for text in [OVERDUE.to_owned(), settling()] {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
            let rows = plan.fetch_all(&store.pool).await.unwrap();
            let steps: Vec<String> = rows.iter().map(|row| row.try_get("detail").unwrap()).collect();
            assert!(steps.iter().any(|step| step.contains("ledger_awaited")), "{steps:?}");
        }
    }
}
