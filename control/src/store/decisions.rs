//! People's decisions.

use sqlx::Row as _;

use super::{
    Store, record,
    row::{approval, columns},
};
use crate::{
    approval::{Approval, State},
    config::Config,
    person::Person,
    problem::Problem,
};

/// What a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
    /// Not any more: takes back a yes that has not been used.
    Revoke,
}

// === impl Store ===

impl Store {
    /// Decides, and returns the approval as it then stands.
    ///
    /// # Errors
    /// The person may not, the approval is not open, or the database's.
    pub async fn decide(
        &self,
        config: &Config,
        id: &str,
        person: &Person,
        decision: Decision,
        comment: Option<&str>,
        now: i64,
    ) -> Result<Approval, Problem> {
        let from = match decision {
            Decision::Approve | Decision::Deny => State::Pending,
            Decision::Revoke => State::Approved,
        };
        let mut change = self.pool.begin().await?;
        // A write that changes nothing: it makes other decisions on this approval wait, in both databases.
        let row = sqlx::query(concat!(
            "UPDATE approvals SET state = state WHERE id = $1 AND state = $2 AND expires > $3 RETURNING ",
            columns!()
        ))
        .bind(id)
        .bind(from.as_str())
        .bind(now)
        .fetch_optional(&mut *change)
        .await?;
        let Some(row) = row else {
            drop(change);
            let found = self.approval(id).await?.ok_or(Problem::NotFound("approval"))?;
            person.eligible(&found)?;
            return Err(Problem::State(found.state_at(now).as_str()));
        };
        let found = approval(&row)?;
        let groups = person.eligible(&found)?;
        match decision {
            Decision::Approve => {
                let mut counted = false;
                for group in &groups {
                    counted |= sqlx::query(
                        "INSERT INTO votes (approval, approver_group, approver, at) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT DO NOTHING",
                    )
                    .bind(id)
                    .bind(group.as_str())
                    .bind(person.id.as_str())
                    .bind(now)
                    .execute(&mut *change)
                    .await?
                    .rows_affected()
                        == 1;
                }
                if !counted {
                    return Err(Problem::AlreadyApproved);
                }
                record(&mut change, id, now, &person.id, "vote", comment).await?;
                let rows = sqlx::query(
                    "SELECT approver_group, COUNT(*) AS votes FROM votes WHERE approval = $1 GROUP BY approver_group",
                )
                .bind(id)
                .fetch_all(&mut *change)
                .await?;
                let mut votes: Vec<(String, i64)> = Vec::with_capacity(rows.len());
                for row in &rows {
                    votes.push((row.try_get("approver_group")?, row.try_get("votes")?));
                }
                // INVARIANT: every group has its quorum of different people; a group without a quorum has never.
                let is_enough = found.groups.iter().all(|group| {
                    let given = votes.iter().find(|(name, _)| name == group).map_or(0, |(_, count)| *count);
                    config.quorum(group).is_some_and(|needed| given >= needed)
                });
                if is_enough {
                    let expires = now.saturating_add(config.limits.approved.seconds());
                    set(&mut change, id, State::Approved, expires, None).await?;
                    record(&mut change, id, now, "control", State::Approved.as_str(), None).await?;
                }
            }
            Decision::Deny => {
                let expires = now.saturating_add(config.limits.denied.seconds());
                set(&mut change, id, State::Denied, expires, comment).await?;
                record(&mut change, id, now, &person.id, State::Denied.as_str(), comment).await?;
            }
            Decision::Revoke => {
                set(&mut change, id, State::Revoked, found.expires, comment).await?;
                record(&mut change, id, now, &person.id, State::Revoked.as_str(), comment).await?;
            }
        }
        change.commit().await?;
        self.approval(id).await?.ok_or(Problem::NotFound("approval"))
    }
}

async fn set(
    connection: &mut sqlx::AnyConnection,
    id: &str,
    state: State,
    expires: i64,
    comment: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE approvals SET state = $2, expires = $3, comment = $4 WHERE id = $1")
        .bind(id)
        .bind(state.as_str())
        .bind(expires)
        .bind(comment)
        .execute(connection)
        .await
        .map(drop)
}
