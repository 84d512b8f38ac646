//! A record, as far as other formats have a place for what it says. `docs/ledger-record.schema.json` is its schema.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{event::Place, time::Time};

/// One record.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// The action id; none where the plugin never saw the request.
    pub(crate) id: Option<String>,
    pub(crate) time: Time,
    pub(crate) trace: Option<String>,
    pub(crate) parent: Option<String>,
    #[serde(default)]
    pub(crate) sampled: bool,
    pub(crate) bundle: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) stage: String,
    #[serde(default)]
    pub(crate) attempted: Attempted,
    pub(crate) decided: Option<Decided>,
    #[serde(default)]
    pub(crate) answered: Value,
    pub(crate) approved: Option<Approved>,
    /// Nothing yet in an attempt that was stored before it went on, and nothing at all in a loss.
    #[serde(default, deserialize_with = "or_none")]
    pub(crate) executed: Executed,
    pub(crate) lost: Option<Lost>,
    /// A digest of its bytes: what tells records without an id apart.
    #[serde(skip)]
    digest: [u8; 32],
}

/// Who asked for what.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attempted {
    pub(crate) method: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) query: bool,
    pub(crate) subject: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) chain: Vec<String>,
    pub(crate) jti: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) ticket: Option<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) calls_total: Option<u64>,
}

/// One tool call.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Call {
    pub(crate) action: String,
    pub(crate) resource: String,
    #[serde(default)]
    pub(crate) arguments: Value,
}

/// What was decided.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) policies: Vec<String>,
    pub(crate) latency_us: Option<u64>,
    pub(crate) reason: Option<String>,
    pub(crate) status: Option<u64>,
    pub(crate) detail: Option<String>,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    pub(crate) approval: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    Allow,
    Deny,
    Hold,
    Observe,
}

/// Who approved it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Approved {
    pub(crate) id: String,
    pub(crate) grant: String,
    pub(crate) groups: Vec<String>,
    pub(crate) approvers: Vec<String>,
}

/// What the proxy says of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Executed {
    pub(crate) status: u64,
    pub(crate) details: Option<String>,
    pub(crate) flags: Option<String>,
    pub(crate) upstream: Option<String>,
    pub(crate) request_bytes: Option<u64>,
    pub(crate) response_bytes: Option<u64>,
    pub(crate) duration_ms: Option<u64>,
    /// What the ledger's service says of an attempt whose record it has not got: `open` or `unknown`.
    pub(crate) outcome: Option<String>,
}

/// Records that will not come.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Lost {
    pub(crate) cause: String,
    pub(crate) count: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// It is no record of version 1.
#[derive(Debug, thiserror::Error)]
#[error("no record: {0}")]
pub struct RecordError(#[from] serde_json::Error);

fn or_none<'de, D: Deserializer<'de>>(value: D) -> Result<Executed, D::Error> {
    Option::deserialize(value).map(Option::unwrap_or_default)
}

// === impl Record ===

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_str(text)?;
        Ok(Self { digest: Sha256::digest(text.as_bytes()).into(), ..record })
    }

    /// What everything that is made of it is called after: its id, or, where it has none, a digest of it and of its place.
    pub(crate) fn key(&self, place: &Place) -> String {
        if let Some(id) = &self.id {
            return id.clone();
        }
        let mut hash = Sha256::new();
        hash.update(b"actgate-unseen/v1\0");
        if let Place::Stored { gateway, emitter, sequence } = place {
            for name in [gateway, emitter] {
                hash.update(name.as_bytes());
                hash.update(b"\0");
            }
            hash.update(sequence.to_be_bytes());
        }
        hash.update(self.digest);
        let digest: [u8; 32] = hash.finalize().into();
        format!("unseen-{}", crate::trace::hex(digest.get(..16).unwrap_or_default()))
    }

    /// When it was decided.
    pub(crate) fn decided_at(&self) -> Time {
        let latency = self.decided.as_ref().and_then(|decided| decided.latency_us);
        self.time.after_micros(latency.unwrap_or(0)).min(self.ended_at())
    }

    /// When the request was over.
    pub(crate) fn ended_at(&self) -> Time {
        self.time.after_micros(self.executed.duration_ms.unwrap_or(0).saturating_mul(1_000))
    }

    /// How many calls there were, whether or not all are spelt out.
    pub(crate) fn calls(&self) -> u64 {
        let told = u64::try_from(self.attempted.calls.len()).unwrap_or(u64::MAX);
        self.attempted.calls_total.unwrap_or(0).max(told)
    }
}

impl Decision {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hold => "hold",
            Self::Observe => "observe",
        }
    }
}

// === impl Executed ===

impl Executed {
    /// Where the request went, if it went anywhere.
    pub(crate) fn upstream(&self) -> Option<&str> {
        self.upstream.as_deref().filter(|upstream| !matches!(*upstream, "" | "-"))
    }
}
