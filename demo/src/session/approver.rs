//! The people of the session: they decide in the approval service what the agent's calls wait for.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{equal, text_at};
use crate::{control::Control, error::DemoError};

/// Somebody who approves a call before it is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Approver {
    /// By what id they sign in.
    id: &'static str,
    /// The group in which they decide.
    group: &'static str,
}

/// A release manager.
pub(super) const BOB: Approver = Approver { id: "demo/bob@demo", group: "release-managers" };
/// Somebody in security.
pub(super) const CAROL: Approver = Approver { id: "demo/carol@demo", group: "security" };

/// How long somebody at the terminal may look at the console before the script decides for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway tells what became of a call once it has answered it; a loaded machine takes its time.
const OUTCOME: Duration = Duration::from_secs(10);

/// How often it is looked whether it has.
const OUTCOME_POLL: Duration = Duration::from_millis(50);

/// How often it is looked whether somebody has decided.
const POLL: Duration = Duration::from_millis(500);

/// What an approver found and said.
#[derive(Debug)]
pub(super) struct Decided {
    /// The approval.
    pub(super) id: String,
    /// For people.
    pub(super) told: String,
    /// Nothing, or what was not as it should be.
    pub(super) verdict: Result<(), String>,
}

// === impl Approver ===

impl Approver {
    /// Where the newest call waits that this person's group is asked for, and its id.
    pub(super) async fn asked(&self, control: &Control) -> Result<Option<(String, String)>, DemoError> {
        let list = control.look(self.id, "/v1/approvals?state=pending").await?;
        let waiting = list.pointer("/approvals").and_then(Value::as_array);
        let mine = waiting.into_iter().flatten().find(|approval| {
            let groups = approval.get("groups").and_then(Value::as_array);
            groups.into_iter().flatten().any(|group| group == self.group)
        });
        Ok(mine.map(|approval| (text_at(approval, "/id").to_owned(), text_at(approval, "/url").to_owned())))
    }

    /// Says yes to the newest call that waits; `waits` leaves that to whoever sits at the terminal, for a while.
    pub(super) async fn approve(&self, control: &Control, waits: bool) -> Result<Decided, DemoError> {
        let Some((id, url)) = self.asked(control).await? else {
            let verdict = Err(format!("nothing waits for {}", self.group));
            return Ok(Decided { id: String::new(), told: "nothing waits".to_owned(), verdict });
        };
        if waits && self.is_decided(control, &id).await? {
            return Ok(Decided { id, told: format!("you decided {url}"), verdict: Ok(()) });
        }
        let answer = control.decide(self.id, &id, "approve", "looked at by the demo").await?;
        let verdict = equal("status of the approval", answer.status, 200)
            .and_then(|()| {
                equal("state of the approval", answer.json().pointer("/state"), Some(&json!("approved")))
            })
            .map_err(|why| format!("{why}: {}", answer.text()));
        Ok(Decided { id, told: format!("{} approved {url}", self.id), verdict })
    }

    /// Waits until the gateway has told that the approved call went on; before, the same call would find it in flight.
    pub(super) async fn outcome(&self, control: &Control, id: &str) -> Result<Result<(), String>, DemoError> {
        let start = Instant::now();
        loop {
            let approval = control.look(self.id, &format!("/v1/approvals/{id}")).await?;
            match text_at(&approval, "/outcome") {
                "" if start.elapsed() < OUTCOME => sleep(OUTCOME_POLL).await,
                outcome => return Ok(equal("outcome told to the approval service", outcome, "forwarded")),
            }
        }
    }

    /// Whether somebody decided before patience ended.
    async fn is_decided(&self, control: &Control, id: &str) -> Result<bool, DemoError> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let approval = control.look(self.id, &format!("/v1/approvals/{id}")).await?;
            if text_at(&approval, "/state") != "pending" {
                return Ok(true);
            }
            sleep(POLL).await;
        }
        Ok(false)
    }

    /// Whom the ledger names for it, as `person (group)`.
    pub(super) fn in_ledger(&self) -> String {
        format!("{} ({})", self.id, self.group)
    }
}
