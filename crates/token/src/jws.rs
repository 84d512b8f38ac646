//! The compact JWS (RFC 7515 section 7.1), taken apart and believed by nobody yet.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::error::{TokenError, excerpt};
use crate::json;

#[cfg(test)]
mod tests;

/// Largest credential that is read. Envoy's default limit for all request headers is 60 KiB and common servers
/// take 8 KiB for one; tokens with an `act` chain and authorization details stay under 4 KiB.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// Header parameters that are never accepted. They bring their own key (`jku`, `x5c`, `x5u`: RFC 8725
/// section 3.10), change what is signed (`b64`: RFC 7797, `crit`: an extension that must be understood), or
/// belong to encryption (`enc`, `zip`: RFC 7516), or mean something to one library only (`salt`: jwt-simple, which many
/// services behind the gate may read tokens with). `jwk` is refused too, but in proofs of possession.
const REFUSED_PARAMETERS: [(&str, &str); 8] = [
    ("b64", "header parameter `b64` is refused"),
    ("crit", "header parameter `crit` is refused"),
    ("enc", "header parameter `enc` is refused: not a JWS"),
    ("jku", "header parameter `jku` is refused"),
    ("salt", "header parameter `salt` is refused"),
    ("x5c", "header parameter `x5c` is refused"),
    ("x5u", "header parameter `x5u` is refused"),
    ("zip", "header parameter `zip` is refused"),
];

/// Header parameters that say nothing here but have to be strings (RFC 7515 section 4.1), as strict readers demand: what a
/// token is must not depend on who reads it.
const STRINGS: [(&str, &str); 3] = [
    ("cty", "`cty` is not a string"),
    ("x5t", "`x5t` is not a string"),
    ("x5t#S256", "`x5t#S256` is not a string"),
];

/// A compact JWS in its one canonical form whose signature nobody has checked.
///
/// Its claims stay inside the crate; only [`crate::Verifier::verify`] turns them into something to decide on.
pub struct UnverifiedToken<'a> {
    compact: &'a str,
    signing_input: &'a str,
    signature: Vec<u8>,
    header: Header,
    claims: Map<String, Value>,
}

/// The protected header, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
    typ: Option<String>,
    extended: bool,
}

// === impl UnverifiedToken ===

impl<'a> UnverifiedToken<'a> {
    /// Takes a compact JWS apart. Anything with a second reading is refused: padding, trailing bits, white space,
    /// duplicate members, the JSON serialisation, a JWE.
    pub fn parse(credential: &'a [u8]) -> Result<Self, TokenError> {
        match Self::take_apart(credential)? {
            (token, None) => Ok(token),
            (_, Some(_)) => Err(malformed("header parameter `jwk` is refused")),
        }
    }

    /// The same for a JWS that proves nothing but that its sender has the key that it brings (`jwk`): no token is one.
    pub(crate) fn parse_with_key(credential: &'a [u8]) -> Result<(Self, Map<String, Value>), TokenError> {
        match Self::take_apart(credential)? {
            (token, Some(Value::Object(key))) => Ok((token, key)),
            (_, Some(_) | None) => Err(malformed("header parameter `jwk` is not a key")),
        }
    }

    fn take_apart(credential: &'a [u8]) -> Result<(Self, Option<Value>), TokenError> {
        if credential.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge { bytes: credential.len() });
        }
        let compact = str::from_utf8(credential).map_err(|_| malformed("not ASCII"))?;
        let (signing_input, signature) =
            compact.rsplit_once('.').ok_or_else(|| malformed("not three segments"))?;
        let (header, claims) =
            signing_input.split_once('.').ok_or_else(|| malformed("not three segments"))?;
        if claims.contains('.') {
            return Err(malformed("not three segments"));
        }

        let header = decode(header).ok_or_else(|| malformed("the header is not canonical base64url"))?;
        let (header, key) = Header::parse(&header)?;
        let claims = decode(claims).ok_or_else(|| malformed("the claims are not canonical base64url"))?;
        let signature =
            decode(signature).ok_or_else(|| malformed("the signature is not canonical base64url"))?;
        let claims =
            json::object(&claims).map_err(|_| malformed("the claims are not one unambiguous JSON object"))?;
        Ok((Self { compact, signing_input, signature, header, claims }, key))
    }

    /// A JWS whose payload is not claims, such as most published test vectors have.
    #[cfg(test)]
    pub(crate) fn with_payload_unread(compact: &'a str) -> Option<Self> {
        let (signing_input, signature) = compact.rsplit_once('.')?;
        let (header, _) = signing_input.split_once('.')?;
        let (header, None) = Header::parse(&decode(header)?).ok()? else { return None };
        Some(Self { compact, signing_input, signature: decode(signature)?, header, claims: Map::new() })
    }

    /// The token as it was sent.
    pub fn compact(&self) -> &'a str {
        self.compact
    }

    /// What the signature is over (RFC 7515 section 5.2).
    pub fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    /// The signature's octets: for ECDSA the two integers of RFC 7518 section 3.4, not DER.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the token says, unproven.
    pub(crate) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// What the token says, for who has checked the signature.
    pub(crate) fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    /// Without the bytes: a log of them would be a log of credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").field("header", &self.header).finish_non_exhaustive()
    }
}

// === impl Header ===

impl Header {
    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`: a name to compare with those of the issuer's keys, never a path or an address to look up.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether there is any parameter beside `alg`, `kid` and `typ`.
    pub(crate) fn extended(&self) -> bool {
        self.extended
    }

    /// The header, and the key that it brings.
    fn parse(json: &[u8]) -> Result<(Self, Option<Value>), TokenError> {
        let mut parameters =
            json::object(json).map_err(|_| malformed("the header is not one unambiguous JSON object"))?;
        for (name, problem) in REFUSED_PARAMETERS {
            if parameters.contains_key(name) {
                return Err(malformed(problem));
            }
        }
        for (name, problem) in STRINGS {
            string(&parameters, name, problem)?;
        }
        let name = string(&parameters, "alg", "`alg` is not a string")?
            .ok_or_else(|| malformed("`alg` is missing"))?;
        let algorithm =
            name.parse().map_err(|_| TokenError::AlgorithmRefused { algorithm: excerpt(&name) })?;
        let key_id = string(&parameters, "kid", "`kid` is not a string")?;
        let typ = string(&parameters, "typ", "`typ` is not a string")?;
        let extended = parameters.keys().any(|name| !matches!(name.as_str(), "alg" | "kid" | "typ"));
        Ok((Self { algorithm, key_id, typ, extended }, parameters.remove("jwk")))
    }
}

fn string(
    parameters: &Map<String, Value>,
    name: &str,
    problem: &'static str,
) -> Result<Option<String>, TokenError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| malformed(problem)),
    }
}

/// Base64url as RFC 7515 section 2 has it. The engine refuses padding, other alphabets and trailing bits.
pub(crate) fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok()
}

fn malformed(problem: &'static str) -> TokenError {
    TokenError::Malformed { problem }
}
