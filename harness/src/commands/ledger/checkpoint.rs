//! Signed ends of chains.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{PublicKey, Signature};
use serde_json::{Map, Value};

/// The `typ` of a checkpoint: nothing else that the service signs is one.
const CHECKPOINT_TYPE: &str = "actgate-checkpoint+jwt";

/// The service's keys of checkpoints, by `kid`.
pub(super) struct CheckpointKeys(Vec<(String, PublicKey)>);

// === impl CheckpointKeys ===

impl CheckpointKeys {
    /// Reads a JWK set; Ed25519 (RFC 8037) is all that checkpoints are signed with.
    pub(super) fn parse(set: &str) -> Option<Self> {
        let set: Value = serde_json::from_str(set).ok()?;
        let key = |jwk: &Value| {
            let text = |name: &str| jwk.get(name).and_then(Value::as_str);
            if text("kty") != Some("OKP") || text("crv") != Some("Ed25519") {
                return None;
            }
            let bytes = URL_SAFE_NO_PAD.decode(text("x")?).ok()?;
            Some((text("kid")?.to_owned(), PublicKey::from_slice(&bytes).ok()?))
        };
        let keys: Vec<_> = set.get("keys")?.as_array()?.iter().filter_map(key).collect();
        if keys.is_empty() { None } else { Some(Self(keys)) }
    }

    /// The claims of a checkpoint whose signature holds.
    pub(super) fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let read = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Map<String, Value>>(&bytes).ok()
        };
        let header = read(header)?;
        let said = |name: &str| header.get(name).and_then(Value::as_str);
        if said("alg") != Some("EdDSA") || said("typ") != Some(CHECKPOINT_TYPE) {
            return None;
        }
        let (_, key) = self.0.iter().find(|(id, _)| said("kid") == Some(id))?;
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        key.verify(signed, &signature).ok()?;
        read(claims)
    }
}
