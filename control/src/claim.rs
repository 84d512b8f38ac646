//! A claim: a gateway's question about one exact call, and the answers.

use actgate_call::envelope::Envelope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::problem::Problem;

/// The version of the wire.
const VERSION: u32 = 1;

/// A 128-bit id has 22 characters of base64url; nobody needs more than a SHA-512's.
const CLAIM_ID: std::ops::RangeInclusive<usize> = 22..=86;

/// The gateway's own bound on configured groups (design: at most 16), and on the depth of delegation (4) with room.
const MAX_GROUPS: usize = 16;
const MAX_CHAIN: usize = 16;

/// Policies that can ask for one call, and their ids.
const MAX_POLICIES: usize = 256;

/// Ids are entity ids: a SPIFFE id may have 2048 bytes, and the alias comes before it.
const MAX_ID_BYTES: usize = 2304;

/// What an approver reads of task, ticket and purpose.
const MAX_CONTEXT_BYTES: usize = 8 * 1024;

/// A claim as a gateway sends it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// 1.
    pub version: u32,
    /// A random id of this attempt.
    pub claim: String,
    /// Of the envelope, as the gateway computed it.
    pub digest: String,
    /// The call.
    pub envelope: Envelope,
    /// Who has to approve: all of these.
    pub groups: Vec<String>,
    /// The policies that asked.
    pub policies: Vec<String>,
    /// Everybody in the delegation chain.
    #[serde(default)]
    pub chain: Vec<String>,
    /// Task, ticket, purpose.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// The ledger's id of the attempt.
    pub action_id: String,
    /// The gateway's name.
    pub audience: String,
    /// When the agent's token expires.
    pub token_expires: i64,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Answer {
    /// People have not decided.
    Pending {
        /// The approval.
        id: String,
        /// Where people decide it.
        url: String,
        /// Until when they can.
        expires: i64,
    },
    /// Somebody said no.
    Denied {
        /// The approval.
        id: String,
        /// What they said with it.
        #[serde(skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// The approval is consumed by this claim.
    Granted {
        /// The approval.
        id: String,
        /// The grant.
        grant: String,
    },
    /// Another claim has consumed it, and its outcome is not known yet.
    InFlight {
        /// The approval.
        id: String,
    },
}

// === impl Claim ===

impl Claim {
    /// Refuses what no gateway sends.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Problem> {
        let invalid = |what: &str| Err(Problem::invalid(what));
        if self.version != VERSION || self.envelope.version != actgate_call::envelope::VERSION {
            return invalid("`version` must be 1");
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !CLAIM_ID.contains(&self.claim.len()) || !self.claim.bytes().all(is_word) {
            return invalid("`claim` must be 22 to 86 characters of base64url");
        }
        if self.groups.is_empty() || self.groups.len() > MAX_GROUPS || has_twice(&self.groups) {
            return invalid("`groups` must be 1 to 16 different names");
        }
        if self.envelope.calls.is_empty() {
            return invalid("`envelope.calls` is empty");
        }
        if self.policies.len() > MAX_POLICIES || self.chain.len() > MAX_CHAIN {
            return invalid("`policies` or `chain` is too long");
        }
        let ids = [&self.envelope.subject, &self.envelope.actor, &self.envelope.service, &self.action_id];
        let names = self.groups.iter().chain(&self.policies).chain(&self.chain);
        if ids.into_iter().chain(names).any(|id| id.is_empty() || id.len() > MAX_ID_BYTES) {
            return invalid("an id is empty or too long");
        }
        if Value::Object(self.context.clone()).to_string().len() > MAX_CONTEXT_BYTES {
            return invalid("`context` is too long");
        }
        // INVARIANT: an approver sees exactly what was hashed, because what they see is hashed again here.
        match self.envelope.digest() {
            Ok(digest) if digest.as_str() == self.digest => Ok(()),
            Ok(_) => Err(Problem::DigestMismatch),
            Err(error) => Err(Problem::invalid(&error.to_string())),
        }
    }
}

fn has_twice(names: &[String]) -> bool {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted.dedup();
    sorted.len() != names.len()
}
