//! The approval service's answer to a claim. Whatever is not exactly one of these is no answer.

use serde::Deserialize;

use super::CalloutAnswer;

/// Longer than any answer with a grant in it.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// What the service says to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// People have yet to decide.
    Pending(Ticket),
    /// They said no.
    Denied {
        /// The approval's id.
        id: String,
        /// Why, in the approver's words.
        comment: Option<String>,
    },
    /// They said yes, and this attempt may use it.
    Granted {
        /// The grant, yet to be verified.
        grant: String,
    },
    /// Another attempt at the same call is under way.
    InFlight,
    /// The caller has too many calls waiting for people.
    TooMany,
}

/// Where a pending call can be decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ticket {
    /// The approval's id.
    pub id: String,
    /// The page on which people decide.
    pub url: String,
    /// Until when, in seconds since the epoch.
    pub expires: i64,
}

#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum RawAnswer {
    Pending {
        #[serde(flatten)]
        ticket: Ticket,
    },
    Denied {
        id: String,
        comment: Option<String>,
    },
    Granted {
        grant: String,
    },
}

// === impl Answer ===

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// What is none, for the operator.
    pub(crate) fn read(answer: Option<CalloutAnswer<'_>>) -> Result<Self, String> {
        let CalloutAnswer { status, body } =
            answer.ok_or_else(|| "the approval service did not answer".to_owned())?;
        match status {
            200 => {}
            409 => return Ok(Self::InFlight),
            429 => return Ok(Self::TooMany),
            _ => return Err(format!("the approval service answered {status}")),
        }
        if body.len() > MAX_ANSWER_BYTES {
            return Err("the approval service's answer is too long".to_owned());
        }
        let raw: RawAnswer = serde_json::from_slice(body)
            .map_err(|error| format!("the approval service's answer is none: {error}"))?;
        Ok(match raw {
            RawAnswer::Pending { ticket } => {
                ticket.check()?;
                Self::Pending(ticket)
            }
            RawAnswer::Denied { id, comment } => Self::Denied { id, comment },
            RawAnswer::Granted { grant } => Self::Granted { grant },
        })
    }
}

// === impl Ticket ===

impl Ticket {
    /// It is shown to agents and on terminals: a link is a link.
    fn check(&self) -> Result<(), String> {
        let is_link = (self.url.starts_with("https://") || self.url.starts_with("http://"))
            && self.url.len() <= 2048
            && self.url.bytes().all(|byte| byte.is_ascii_graphic());
        let is_id = !self.id.is_empty()
            && self.id.len() <= 128
            && self.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_link && is_id { Ok(()) } else { Err("the approval service gave no link".to_owned()) }
    }
}
