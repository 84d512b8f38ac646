//! The days of the ledger: in PostgreSQL a partition each, made when it is needed and dropped whole; in SQLite rows that are
//! removed by and by.

use std::sync::PoisonError;

use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::{Backend, Store};

pub(super) const DAY_MILLIS: i64 = 86_400_000;

/// Rows that one round removes from SQLite: claims wait meanwhile, for some milliseconds.
const REMOVED_AT_ONCE: i64 = 2_000;

/// Any number of this service's own, so that replicas make a day's partition one after the other.
const LOCK: i64 = 0x6163_7467_6174_6501;

// === impl Store ===

impl Store {
    /// Makes the partitions of some times where they are missing.
    pub(super) async fn have_days(&self, times: impl Iterator<Item = i64>) -> Result<(), sqlx::Error> {
        if self.backend == Backend::Sqlite {
            return Ok(());
        }
        let mut missing: Vec<i64> = {
            let known = self.days.lock().unwrap_or_else(PoisonError::into_inner);
            times.map(|at| at.div_euclid(DAY_MILLIS)).filter(|day| !known.contains(day)).collect()
        };
        missing.sort_unstable();
        missing.dedup();
        for day in missing {
            let (from, to) =
                (day.saturating_mul(DAY_MILLIS), day.saturating_add(1).saturating_mul(DAY_MILLIS));
            let mut change = self.pool.begin().await?;
            sqlx::query("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)")
                .bind(LOCK)
                .execute(&mut *change)
                .await?;
            for table in ["ledger", "ledger_actions"] {
                // Numbers only: nothing of this comes from outside.
                let make = format!(
                    "CREATE TABLE IF NOT EXISTS {table}_d{day} PARTITION OF {table} FOR VALUES FROM ({from}) TO ({to})"
                );
                change.execute(AssertSqlSafe(make)).await?;
            }
            change.commit().await?;
            self.days.lock().unwrap_or_else(PoisonError::into_inner).insert(day);
        }
        Ok(())
    }

    /// Removes what is older than `before`, in Unix milliseconds.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_ledger(&self, before: i64) -> Result<(), sqlx::Error> {
        // A day that is over in whole.
        sqlx::query("DELETE FROM ledger_counts WHERE day < $1")
            .bind(before.div_euclid(DAY_MILLIS))
            .execute(&self.pool)
            .await?;
        match self.backend {
            Backend::Sqlite => {
                for remove in [
                    "DELETE FROM ledger WHERE rowid IN \
                     (SELECT rowid FROM ledger WHERE at < $1 ORDER BY at LIMIT $2)",
                    "DELETE FROM ledger_actions WHERE (action, at, number) IN \
                     (SELECT action, at, number FROM ledger_actions WHERE at < $1 ORDER BY at LIMIT $2)",
                ] {
                    sqlx::query(remove).bind(before).bind(REMOVED_AT_ONCE).execute(&self.pool).await?;
                }
            }
            Backend::Postgres => {
                // A day that is over in whole.
                let last = before.div_euclid(DAY_MILLIS);
                let rows = sqlx::query(
                    "SELECT CAST(child.relname AS TEXT) AS name FROM pg_inherits \
                     JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent \
                     WHERE parent.relname = 'ledger'",
                )
                .fetch_all(&self.pool)
                .await?;
                for row in &rows {
                    let name: String = row.try_get("name")?;
                    let day = name.strip_prefix("ledger_d").and_then(|day| day.parse::<i64>().ok());
                    if let Some(day) = day.filter(|day| *day < last) {
                        for table in ["ledger", "ledger_actions"] {
                            let drop = format!("DROP TABLE IF EXISTS {table}_d{day}");
                            self.pool.execute(AssertSqlSafe(drop)).await?;
                        }
                        self.days.lock().unwrap_or_else(PoisonError::into_inner).remove(&day);
                    }
                }
            }
        }
        Ok(())
    }
}
