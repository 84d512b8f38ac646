//! An approval: one exact call, who has to say yes to it, and what became of it.

use actgate_call::envelope::Envelope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// People have not decided yet.
    Pending,
    /// Enough have said yes; nobody has used it.
    Approved,
    /// Somebody said no.
    Denied,
    /// Its time ran out before it was decided, or before it was used.
    Expired,
    /// A claim has used it. Nothing brings it back.
    Consumed,
    /// It was taken back before it was used.
    Revoked,
}

/// What became of the call for which an approval was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The upstream got it.
    Forwarded,
    /// The upstream did not get it: the approval was burnt.
    NotForwarded,
    /// The gateway cannot tell.
    Unknown,
}

/// Everything about one approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// UUIDv7.
    pub id: String,
    /// Of the call.
    pub digest: String,
    /// On whose behalf.
    pub subject: String,
    /// The agent.
    pub actor: String,
    /// The service.
    pub service: String,
    /// The gateway that asked.
    pub audience: String,
    /// Where it stands.
    pub state: State,
    /// What was hashed.
    pub envelope: Envelope,
    /// Who has to approve: every one of these groups.
    pub groups: Vec<String>,
    /// The policies that asked for it.
    pub policies: Vec<String>,
    /// Everybody in the delegation chain.
    pub chain: Vec<String>,
    /// Task, ticket and purpose, as the agent's token says. Shown, not hashed.
    pub context: Map<String, Value>,
    /// The ledger's id of the attempt that opened it.
    pub action_id: String,
    /// When the token of that attempt expires.
    pub token_expires: i64,
    /// When it was opened.
    pub created: i64,
    /// When it ends where nothing happens: while pending, the time to decide; once approved, the time to use it.
    pub expires: i64,
    /// How often this call was attempted while it was open.
    pub asks: i64,
    /// When it was last.
    pub last_asked: i64,
    /// What was said with a denial.
    pub comment: Option<String>,
    /// When it was consumed.
    pub consumed: Option<i64>,
    /// What became of the call.
    pub outcome: Option<Outcome>,
    /// The upstream's status.
    pub outcome_status: Option<i64>,
}

/// One change of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Counted from 1 within its approval.
    pub number: i64,
    /// When.
    pub at: i64,
    /// A person, a gateway as `gateway/<name>`, or `control` where time ran out.
    pub who: String,
    /// What happened, such as `approved`.
    pub what: String,
    /// What was said with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// One yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vote {
    /// For which group.
    pub group: String,
    /// Whose.
    pub approver: String,
    /// When.
    pub at: i64,
}

// === impl State ===

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Consumed, Self::Revoked];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Consumed => "consumed",
            Self::Revoked => "revoked",
        }
    }

    /// Reads it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

// === impl Outcome ===

impl Outcome {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::NotForwarded => "not_forwarded",
            Self::Unknown => "unknown",
        }
    }

    /// Reads it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Forwarded, Self::NotForwarded, Self::Unknown]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

// === impl Approval ===

impl Approval {
    /// Where it stands at `now`: what has run out has expired, whether or not that is written down yet.
    pub fn state_at(&self, now: i64) -> State {
        match self.state {
            State::Pending | State::Approved if self.expires <= now => State::Expired,
            state @ (State::Pending
            | State::Approved
            | State::Denied
            | State::Expired
            | State::Consumed
            | State::Revoked) => state,
        }
    }
}
