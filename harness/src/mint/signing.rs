//! The compact serialisation (RFC 7515 section 7.1) of any header and payload, well-formed or not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Claims, Duration, HS256Key, HeaderOptions, MACLike as _};
use serde_json::{Map, Value};

use super::{MintError, TokenKey};

/// Signs the JSON texts as they are; nothing looks at what they say.
pub fn sign(key: &TokenKey, header_json: &str, payload_json: &str) -> Result<String, MintError> {
    sign_segments(key, &encode(header_json), &encode(payload_json))
}

/// Signs segments that are already encoded.
pub(super) fn sign_segments(key: &TokenKey, header: &str, payload: &str) -> Result<String, MintError> {
    let message = format!("{header}.{payload}");
    let signature = key.signature(message.as_bytes())?;
    Ok(format!("{message}.{}", encode(signature)))
}

/// What an attacker makes of the public key where a verifier takes `alg` from the header: its PEM text as
/// the secret of HS256.
pub(super) fn sign_with_public_key(
    key: &TokenKey,
    typ: &str,
    payload_json: &str,
) -> Result<String, MintError> {
    let payload: Map<String, Value> =
        serde_json::from_str(payload_json).map_err(|_| MintError::Tamper("the payload is no object"))?;
    let mut claims = Claims::with_custom_claims(payload, Duration::from_secs(0));
    claims.issued_at = None;
    claims.expires_at = None;
    claims.invalid_before = None;
    let secret = HS256Key::from_bytes(key.public_pem()?.as_bytes()).with_key_id(key.kid());
    let options = HeaderOptions { content_type: None, signature_type: Some(typ.to_owned()) };
    secret.authenticate_with_options(claims, &options).map_err(|_| MintError::Tamper("HS256 refused"))
}

/// Base64url without padding.
pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
