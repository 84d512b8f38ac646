//! The exact call that people approve, and the digest that binds their yes to it.
//!
//! ```text
//! digest = "sha-256:" + base64url(SHA-256("actgate-call/v1" 0x00 JCS(envelope)))
//! ```
//!
//! JCS is RFC 8785, so that the order of an object's members makes no difference and every value does. What changes
//! from one try to the next (token id, trace, time, JSON-RPC id) is not in an envelope; what changes the effect is.
//! Vectors: `docs/vectors/call-digest.json`.

mod request;
mod secret;

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

pub use self::{
    request::HeldRequest,
    secret::{SecretKey, SecretKeyError},
};

/// The version of the envelope's form.
pub const VERSION: u32 = 1;

/// What is hashed before an envelope, so that no other hash of the same bytes is a call digest.
const DOMAIN: &[u8] = b"actgate-call/v1\0";

/// What a digest is written with.
const ALGORITHM: &str = "sha-256:";

/// Everything about a call that an approval is for, as the approver sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// [`VERSION`].
    pub version: u32,
    /// On whose behalf: an entity id, such as `demo/alice@demo`.
    pub subject: String,
    /// Who acts: an entity id.
    pub actor: String,
    /// The service that is called.
    pub service: String,
    /// The tool calls, in the order of the request.
    pub calls: Vec<EnvelopeCall>,
    /// The HTTP method.
    pub method: String,
    /// The canonical path.
    pub path: String,
    /// The query as sent; empty where there is none.
    pub query: String,
    /// The media type of the body, as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Header fields that the catalog reads, by name in lower case.
    pub headers: BTreeMap<String, Value>,
    /// The body.
    pub body: EnvelopeBody,
}

/// One tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeCall {
    /// The action, such as `git.ref.update`.
    pub action: String,
    /// The resource, as `Type::"id"`.
    pub resource: String,
    /// The arguments; secret ones as their keyed hash.
    pub arguments: Map<String, Value>,
}

/// A body, by what it means where that is known and by its bytes elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum EnvelopeBody {
    /// There is none.
    None,
    /// JSON: its value, whatever the order of its members.
    Json {
        /// The value; what the catalog calls secret as its keyed hash.
        value: Value,
    },
    /// Anything else.
    Bytes {
        /// `sha-256:` and the base64url of the bytes' SHA-256.
        digest: String,
        /// How many there are.
        length: u64,
    },
    /// The commands and options of a push. The objects behind them are what the new ids name.
    Git {
        /// The ref updates, in order.
        commands: Vec<GitCommand>,
        /// The push options, in order.
        push_options: Vec<String>,
    },
}

/// One ref update of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitCommand {
    /// The ref, such as `refs/heads/main`.
    #[serde(rename = "ref")]
    pub name: String,
    /// The object id that it has, in hexadecimal.
    pub old: String,
    /// The object id that it gets.
    pub new: String,
}

/// The digest of an [`Envelope`]: `sha-256:` and 43 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CallDigest(String);

/// The envelope has a value that two readers could write differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the call has no canonical form: {0}")]
pub struct EnvelopeError(String);

// === impl Envelope ===

impl Envelope {
    /// The digest.
    ///
    /// # Errors
    /// A number that no canonical form is exact for.
    pub fn digest(&self) -> Result<CallDigest, EnvelopeError> {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.canonical()?);
        Ok(CallDigest(written(&hash.finalize())))
    }

    /// The canonical text (RFC 8785) that is hashed.
    ///
    /// # Errors
    /// A number that no canonical form is exact for.
    pub fn canonical(&self) -> Result<Vec<u8>, EnvelopeError> {
        let value = serde_json::to_value(self).map_err(|error| EnvelopeError(error.to_string()))?;
        check_numbers(&value)?;
        canonical(&value)
    }
}

// === impl EnvelopeBody ===

impl EnvelopeBody {
    /// A body by its bytes.
    pub fn bytes(body: &[u8]) -> Self {
        if body.is_empty() {
            return Self::None;
        }
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        Self::Bytes { digest: written(&Sha256::digest(body)), length }
    }
}

// === impl CallDigest ===

impl CallDigest {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn written(hash: &[u8]) -> String {
    format!("{ALGORITHM}{}", URL_SAFE_NO_PAD.encode(hash))
}

fn canonical(value: &Value) -> Result<Vec<u8>, EnvelopeError> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| EnvelopeError(error.to_string()))
}

/// Readers of the gate's own JSON keep no integer beyond 2^53-1 exactly (RFC 7493 section 2.2), and JCS would write two
/// of them alike.
fn check_numbers(value: &Value) -> Result<(), EnvelopeError> {
    match value {
        Value::Number(number) => {
            let largest = crate::json::MAX_INTEGER.unsigned_abs();
            let fits = match (number.as_u64(), number.as_i64()) {
                (Some(unsigned), _) => unsigned <= largest,
                (None, Some(signed)) => signed.unsigned_abs() <= largest,
                (None, None) => number.as_f64().is_some_and(f64::is_finite),
            };
            if fits { Ok(()) } else { Err(EnvelopeError("a number is beyond 2^53-1".to_owned())) }
        }
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(members) => members.values().try_for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
