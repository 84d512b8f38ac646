//! Claims: opening an approval, finding the open one, and using a yes once.

use sqlx::Row as _;
use uuid::Uuid;

use super::{
    Store, record,
    row::{approval, columns, written},
};
use crate::{
    approval::{Approval, Outcome, State},
    claim::Claim,
    config::Limits,
    problem::Problem,
};

/// How long a claim may be without an outcome. Then its approval is burnt, and the same call has to be approved again.
pub const IN_FLIGHT_SECONDS: i64 = 60;

/// Somebody else changed the approval between reading and writing: each round somebody gets on.
const ROUNDS: usize = 16;

/// What a claim found.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// An open approval that people have not decided.
    Pending(Box<Approval>),
    /// Somebody said no.
    Denied(Box<Approval>),
    /// INVARIANT: returned to at most one claim of an approval: the one whose `UPDATE` made it `consumed`.
    Consumed {
        /// The approval.
        approval: Box<Approval>,
        /// Who said yes, each once.
        approvers: Vec<String>,
    },
    /// Another claim has consumed it and has no outcome yet.
    InFlight(Box<Approval>),
}

// === impl Store ===

impl Store {
    /// Claims.
    ///
    /// # Errors
    /// [`Problem::TooManyPending`], [`Problem::ClaimReused`], or the database's.
    pub async fn claim(&self, claim: &Claim, limits: &Limits, now: i64) -> Result<Claimed, Problem> {
        for _ in 0..ROUNDS {
            let Some(found) = self.latest(claim, now).await? else {
                match self.open(claim, limits, now).await? {
                    Some(opened) => return Ok(Claimed::Pending(Box::new(opened))),
                    None => continue,
                }
            };
            match found.state {
                State::Pending | State::Approved if found.expires <= now => {
                    self.end(&found, State::Expired, now, "control", None).await?;
                }
                State::Pending if same(&found.groups, &claim.groups) => {
                    if self.asked_again(&found.id, now).await? {
                        return Ok(Claimed::Pending(Box::new(found)));
                    }
                }
                State::Approved if claim.groups.iter().all(|group| found.groups.contains(group)) => {
                    if let Some(approvers) = self.consume(&found.id, claim, now).await? {
                        let approval =
                            Box::new(Approval { state: State::Consumed, consumed: Some(now), ..found });
                        return Ok(Claimed::Consumed { approval, approvers });
                    }
                }
                State::Pending | State::Approved => {
                    let why = "the policy asks for other groups now";
                    self.end(&found, State::Revoked, now, "control", Some(why)).await?;
                }
                State::Consumed => {
                    let deadline = found.consumed.unwrap_or(found.created).saturating_add(IN_FLIGHT_SECONDS);
                    if now < deadline {
                        return Ok(Claimed::InFlight(Box::new(found)));
                    }
                    self.burn(&found.id, now).await?;
                }
                State::Denied => return Ok(Claimed::Denied(Box::new(found))),
                // `latest` returns none of these.
                State::Expired | State::Revoked => {}
            }
        }
        Err(Problem::Store("an approval changes faster than it can be read".into()))
    }

    /// The approval of this call that still means something, if there is one.
    async fn latest(&self, claim: &Claim, now: i64) -> Result<Option<Approval>, sqlx::Error> {
        let row = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM approvals WHERE digest = $1 AND subject = $2 AND actor = $3 AND service = $4 AND audience = $5 \
             AND (state IN ('pending', 'approved') OR (state = 'consumed' AND outcome IS NULL) \
                  OR (state = 'denied' AND expires > $6)) \
             ORDER BY id DESC LIMIT 1"
        ))
        .bind(claim.digest.as_str())
        .bind(claim.envelope.subject.as_str())
        .bind(claim.envelope.actor.as_str())
        .bind(claim.envelope.service.as_str())
        .bind(claim.audience.as_str())
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(approval).transpose()
    }

    /// Opens an approval; `None` where another claim of the same call was faster.
    async fn open(&self, claim: &Claim, limits: &Limits, now: i64) -> Result<Option<Approval>, Problem> {
        let actor = claim.envelope.actor.as_str();
        let mut change = self.pool.begin().await?;
        // First, because it makes the agent's other new requests wait: the count below is then exact.
        sqlx::query(
            "INSERT INTO actors (actor, asked) VALUES ($1, 1) \
             ON CONFLICT (actor) DO UPDATE SET asked = actors.asked + 1",
        )
        .bind(actor)
        .execute(&mut *change)
        .await?;
        let pending: i64 = sqlx::query(
            "SELECT COUNT(*) AS pending FROM approvals WHERE actor = $1 AND state = 'pending' AND expires > $2",
        )
        .bind(actor)
        .bind(now)
        .fetch_one(&mut *change)
        .await?
        .try_get("pending")?;
        if pending >= limits.pending_per_actor {
            return Err(Problem::TooManyPending(pending));
        }
        let row = sqlx::query(concat!(
            "INSERT INTO approvals (id, digest, subject, actor, service, audience, state, envelope, \
             approver_groups, policies, chain, context, action_id, token_expires, created, expires, asks, last_asked) \
             VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $9, $10, $11, $12, $13, $14, $15, 1, $14) \
             ON CONFLICT DO NOTHING RETURNING ",
            columns!()
        ))
        .bind(Uuid::now_v7().to_string())
        .bind(claim.digest.as_str())
        .bind(claim.envelope.subject.as_str())
        .bind(actor)
        .bind(claim.envelope.service.as_str())
        .bind(claim.audience.as_str())
        .bind(written(&claim.envelope)?)
        .bind(written(&claim.groups)?)
        .bind(written(&claim.policies)?)
        .bind(written(&claim.chain)?)
        .bind(written(&claim.context)?)
        .bind(claim.action_id.as_str())
        .bind(claim.token_expires)
        .bind(now)
        .bind(now.saturating_add(limits.pending.seconds()))
        .fetch_optional(&mut *change)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let opened = approval(&row)?;
        let who = format!("gateway/{}", claim.audience);
        record(&mut change, &opened.id, now, &who, "requested", None).await?;
        change.commit().await?;
        Ok(Some(opened))
    }

    /// Counts an attempt of a call that waits already. `false` where it waits no more.
    async fn asked_again(&self, id: &str, now: i64) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "UPDATE approvals SET asks = asks + 1, last_asked = $2 WHERE id = $1 AND state = 'pending'",
        )
        .bind(id)
        .bind(now)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected() == 1)
    }

    /// Uses the yes. `None` where another claim was faster, or its time ran out.
    async fn consume(&self, id: &str, claim: &Claim, now: i64) -> Result<Option<Vec<String>>, Problem> {
        let mut change = self.pool.begin().await?;
        // INVARIANT: an approval is consumed by this statement alone, and it finds `approved` once.
        let consumed = sqlx::query(
            "UPDATE approvals SET state = 'consumed', claim = $2, consumed = $3 \
             WHERE id = $1 AND state = 'approved' AND expires > $3 RETURNING id",
        )
        .bind(id)
        .bind(claim.claim.as_str())
        .bind(now)
        .fetch_optional(&mut *change)
        .await;
        let consumed = match consumed {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(Problem::ClaimReused);
            }
            other => other?,
        };
        if consumed.is_none() {
            return Ok(None);
        }
        let rows = sqlx::query("SELECT DISTINCT approver FROM votes WHERE approval = $1 ORDER BY approver")
            .bind(id)
            .fetch_all(&mut *change)
            .await?;
        let approvers = rows.iter().map(|row| row.try_get("approver")).collect::<Result<_, _>>()?;
        let who = format!("gateway/{}", claim.audience);
        record(&mut change, id, now, &who, "consumed", None).await?;
        // What is not durably consumed is not granted.
        change.commit().await?;
        Ok(Some(approvers))
    }

    /// Ends an open approval, if it is still as it was read.
    pub(super) async fn end(
        &self,
        found: &Approval,
        state: State,
        now: i64,
        who: &str,
        why: Option<&str>,
    ) -> Result<bool, sqlx::Error> {
        let mut change = self.pool.begin().await?;
        let ended =
            sqlx::query("UPDATE approvals SET state = $2 WHERE id = $1 AND state = $3 AND expires = $4")
                .bind(found.id.as_str())
                .bind(state.as_str())
                .bind(found.state.as_str())
                .bind(found.expires)
                .execute(&mut *change)
                .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        record(&mut change, &found.id, now, who, state.as_str(), why).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Writes down that nothing was heard of a claim: its approval is used up, and nothing is known to have run.
    pub(super) async fn burn(&self, id: &str, now: i64) -> Result<(), sqlx::Error> {
        let mut change = self.pool.begin().await?;
        let burnt = sqlx::query(
            "UPDATE approvals SET outcome = 'not_forwarded', outcome_by = 'control' \
             WHERE id = $1 AND state = 'consumed' AND outcome IS NULL",
        )
        .bind(id)
        .execute(&mut *change)
        .await?;
        if burnt.rows_affected() == 1 {
            let why = "no outcome was reported in time";
            record(&mut change, id, now, "control", Outcome::NotForwarded.as_str(), Some(why)).await?;
            change.commit().await?;
        }
        Ok(())
    }

    /// Writes down what became of a claim's call. A report that comes after the approval was written off replaces that:
    /// the gateway knows better.
    ///
    /// # Errors
    /// [`Problem::NotFound`] where no approval was consumed by this claim of this gateway, or the database's.
    pub async fn outcome(
        &self,
        gateway: &str,
        claim: &str,
        outcome: Outcome,
        status: Option<i64>,
        now: i64,
    ) -> Result<(), Problem> {
        let who = format!("gateway/{gateway}");
        let mut change = self.pool.begin().await?;
        let row = sqlx::query(
            "UPDATE approvals SET outcome = $3, outcome_status = $4, outcome_by = $5 \
             WHERE claim = $1 AND audience = $2 AND (outcome IS NULL OR outcome_by = 'control') RETURNING id",
        )
        .bind(claim)
        .bind(gateway)
        .bind(outcome.as_str())
        .bind(status)
        .bind(who.as_str())
        .fetch_optional(&mut *change)
        .await?;
        if let Some(row) = row {
            let id: String = row.try_get("id")?;
            record(&mut change, &id, now, &who, outcome.as_str(), None).await?;
            change.commit().await?;
            return Ok(());
        }
        drop(change);
        let known = sqlx::query("SELECT id FROM approvals WHERE claim = $1 AND audience = $2")
            .bind(claim)
            .bind(gateway)
            .fetch_optional(&self.pool)
            .await?;
        if known.is_some() { Ok(()) } else { Err(Problem::NotFound("claim")) }
    }
}

fn same(left: &[String], right: &[String]) -> bool {
    left.len() == right.len() && left.iter().all(|group| right.contains(group))
}
