//! Signed ends of chains.

use sqlx::Row as _;

use super::Store;
use crate::{key::SigningKey, ledger::Checkpoint};

/// A chain that grows is signed this often: what is younger rests on the database alone.
const EVERY_SECONDS: i64 = 60;

/// Of one round.
const BATCH: i64 = 200;

/// Of one answer.
const PAGE: i64 = 500;

// === impl Store ===

impl Store {
    /// Signs the chains that have grown. Several replicas may do it at once.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_chains(&self, key: &SigningKey, issuer: &str, now: i64) -> Result<(), sqlx::Error> {
        let rows = sqlx::query(
            "SELECT gateway, emitter, sequence, count, link FROM emitters AS head WHERE count > 0 AND NOT EXISTS \
             (SELECT 1 FROM checkpoints AS signed WHERE signed.gateway = head.gateway \
              AND signed.emitter = head.emitter AND (signed.sequence = head.sequence OR signed.at > $1)) \
             ORDER BY gateway, emitter LIMIT $2",
        )
        .bind(now.saturating_sub(EVERY_SECONDS))
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let checkpoint = Checkpoint {
                gateway: row.try_get("gateway")?,
                emitter: row.try_get("emitter")?,
                sequence: row.try_get("sequence")?,
                count: row.try_get("count")?,
                link: row.try_get("link")?,
                at: now,
            };
            sqlx::query(
                "INSERT INTO checkpoints (gateway, emitter, sequence, at, signed) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(checkpoint.gateway.as_str())
            .bind(checkpoint.emitter.as_str())
            .bind(checkpoint.sequence)
            .bind(now)
            .bind(checkpoint.sign(key, issuer))
            .execute(&self.pool)
            .await?;
        }
        Ok(())
    }

    /// The emitters, each with its last number.
    ///
    /// # Errors
    /// The database's.
    pub async fn emitters(&self) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
        let rows = sqlx::query("SELECT gateway, emitter, sequence FROM emitters ORDER BY gateway, emitter")
            .fetch_all(&self.readers)
            .await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok((row.try_get("gateway")?, row.try_get("emitter")?, row.try_get("sequence")?))
        };
        rows.iter().map(read).collect()
    }

    /// One emitter's checkpoints after a number, in order.
    ///
    /// # Errors
    /// The database's.
    pub async fn checkpoints(
        &self,
        gateway: &str,
        emitter: &str,
        after: i64,
    ) -> Result<Vec<String>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT signed FROM checkpoints WHERE gateway = $1 AND emitter = $2 AND sequence > $3 \
             ORDER BY sequence LIMIT $4",
        )
        .bind(gateway)
        .bind(emitter)
        .bind(after)
        .bind(PAGE)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| row.try_get("signed")).collect()
    }
}
