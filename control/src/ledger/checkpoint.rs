//! Checkpoints: this service's signature under the end of a chain. Who keeps one outside sees whether what came before it has
//! been written anew, even by somebody who holds the database.

use serde_json::json;

use crate::key::SigningKey;

/// The `typ` of a checkpoint: no other token is one.
pub const CHECKPOINT_TYPE: &str = "actgate-checkpoint+jwt";

/// The end of one emitter's chain, at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The gateway.
    pub gateway: String,
    /// Its emitter.
    pub emitter: String,
    /// The last record's number.
    pub sequence: i64,
    /// How many records there are up to it.
    pub count: i64,
    /// The chain's hash after it.
    pub link: String,
    /// When it was signed, in Unix seconds.
    pub at: i64,
}

// === impl Checkpoint ===

impl Checkpoint {
    /// Signs it: a compact JWS.
    pub fn sign(&self, key: &SigningKey, issuer: &str) -> String {
        let Self { gateway, emitter, sequence, count, link, at } = self;
        let claims = json!({
            "iss": issuer, "iat": at, "gateway": gateway, "emitter": emitter,
            "sequence": sequence, "count": count, "link": link,
        });
        key.sign(CHECKPOINT_TYPE, &claims)
    }
}
