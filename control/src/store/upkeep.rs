//! Writing down what time has decided.

use super::{
    Store,
    claims::IN_FLIGHT_SECONDS,
    row::{approval, columns},
};
use crate::approval::State;

/// A round ends after so many, and the next goes on: nobody waits for upkeep.
const BATCH: i64 = 200;

// === impl Store ===

impl Store {
    /// Expires what has run out, writes off claims without an outcome, and forgets sessions that are over. Several
    /// replicas may do it at once: each change is made by one.
    ///
    /// # Errors
    /// The database's.
    pub async fn upkeep(&self, now: i64) -> Result<(), sqlx::Error> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM approvals WHERE (state IN ('pending', 'approved') AND expires <= $1) \
             OR (state = 'consumed' AND outcome IS NULL AND consumed <= $2) ORDER BY id LIMIT $3"
        ))
        .bind(now)
        .bind(now.saturating_sub(IN_FLIGHT_SECONDS))
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let found = approval(row)?;
            if found.state == State::Consumed {
                self.burn(&found.id, now).await?;
            } else {
                self.end(&found, State::Expired, now, "control", None).await?;
            }
        }
        sqlx::query("DELETE FROM sessions WHERE expires <= $1").bind(now).execute(&self.pool).await.map(drop)
    }
}
