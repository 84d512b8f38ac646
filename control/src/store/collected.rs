//! What a collector has taken of each emitter, and which replica sends.

use sqlx::Row as _;

use super::Store;

/// Emitters of one round; the next one goes on with others.
const EMITTERS: i64 = 50;

/// An emitter that has something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The gateway.
    pub gateway: String,
    /// Its emitter.
    pub emitter: String,
    /// What was taken last.
    pub after: i64,
    /// Its last number.
    pub last: i64,
}

// === impl Store ===

impl Store {
    /// The emitters of which not everything was taken as `signal`.
    ///
    /// # Errors
    /// The database's.
    pub async fn uncollected(&self, signal: &str) -> Result<Vec<Waiting>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT head.gateway AS gateway, head.emitter AS emitter, head.sequence AS last, \
             COALESCE(sent.sequence, 0) AS after FROM emitters AS head LEFT JOIN collected AS sent \
             ON sent.signal = $1 AND sent.gateway = head.gateway AND sent.emitter = head.emitter \
             WHERE head.sequence > COALESCE(sent.sequence, 0) LIMIT $2",
        )
        .bind(signal)
        .bind(EMITTERS)
        .fetch_all(&self.readers)
        .await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(Waiting {
                gateway: row.try_get("gateway")?,
                emitter: row.try_get("emitter")?,
                after: row.try_get("after")?,
                last: row.try_get("last")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Writes down up to which number an emitter's records were taken. It never goes back.
    ///
    /// # Errors
    /// The database's.
    pub async fn collected(
        &self,
        signal: &str,
        gateway: &str,
        emitter: &str,
        until: i64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO collected (signal, gateway, emitter, sequence) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (signal, gateway, emitter) DO UPDATE SET sequence = excluded.sequence \
             WHERE collected.sequence < excluded.sequence",
        )
        .bind(signal)
        .bind(gateway)
        .bind(emitter)
        .bind(until)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Takes or renews a lease, which one holder has until it lets go or says nothing for so long.
    ///
    /// # Errors
    /// The database's.
    pub async fn hold(&self, name: &str, holder: &str, now: i64, seconds: i64) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
             SET holder = excluded.holder, until = excluded.until \
             WHERE leases.holder = excluded.holder OR leases.until <= $4",
        )
        .bind(name)
        .bind(holder)
        .bind(now.saturating_add(seconds))
        .bind(now)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected() == 1)
    }

    /// Lets go of a lease.
    ///
    /// # Errors
    /// The database's.
    pub async fn release(&self, name: &str, holder: &str) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
            .bind(name)
            .bind(holder)
            .execute(&self.pool)
            .await
            .map(drop)
    }
}
