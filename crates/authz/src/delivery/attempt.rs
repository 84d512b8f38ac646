//! An attempt that has to be stored before it goes on.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::LedgerService;
use crate::claim::{Callout, CalloutAnswer};

/// Where attempts are stored.
const ATTEMPTS_PATH: &str = "/v1/attempts";

/// One indexed write of the service; whoever waits longer holds a client's connection for nothing. A permit is no older
/// than this when it is used.
const TIMEOUT_MILLIS: u64 = 3_000;

/// Longer than any receipt.
const MAX_ANSWER_BYTES: usize = 1024;

/// What the service has to say of an attempt, once it is stored: which it is, and that it has read all of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Receipt {
    id: String,
    digest: String,
}

/// Why an attempt does not count as stored; for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AttemptFault {
    #[error("the ledger's service did not answer")]
    Silence,
    #[error("the ledger's service answered {0}")]
    Status(u16),
    #[error("the ledger's service gave no receipt")]
    NoReceipt,
    #[error("the ledger's service gave a receipt of something else")]
    OtherReceipt,
}

// === impl LedgerService ===

impl LedgerService {
    /// What stores an attempt, and the receipt that has to come back for it.
    pub(crate) fn attempt(&self, id: &str, open_record: &str) -> (Receipt, Callout) {
        let record = format!("{},\"executed\":null}}", attempted(open_record));
        let digest = format!("sha-256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(record.as_bytes())));
        let body = format!("{{\"emitter\":\"{}/attempts\",\"record\":{record}}}", self.emitter);
        (Receipt { id: id.to_owned(), digest }, self.callout(ATTEMPTS_PATH, body, TIMEOUT_MILLIS))
    }
}

/// The record of what has yet to happen.
fn attempted(open_record: &str) -> String {
    // The member comes before anything that a caller has a say in, and a quotation mark in a text is escaped.
    open_record.replacen("\"stage\":\"decided\"", "\"stage\":\"attempted\"", 1)
}

// === impl Receipt ===

impl Receipt {
    /// Whether an answer is this receipt.
    ///
    /// # Errors
    /// What it is instead.
    pub(crate) fn check(&self, answer: Option<CalloutAnswer<'_>>) -> Result<(), AttemptFault> {
        let CalloutAnswer { status, body } = answer.ok_or(AttemptFault::Silence)?;
        if status != 200 {
            return Err(AttemptFault::Status(status));
        }
        if body.len() > MAX_ANSWER_BYTES {
            return Err(AttemptFault::NoReceipt);
        }
        let given: Self = serde_json::from_slice(body).map_err(|_| AttemptFault::NoReceipt)?;
        if given == *self { Ok(()) } else { Err(AttemptFault::OtherReceipt) }
    }
}
