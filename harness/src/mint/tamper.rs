//! Tokens that are wrong in exactly one way.

use serde::Deserialize;
use serde_json::Value;

use super::signing::{encode, sign_segments, sign_with_public_key};
use super::{MintError, TokenKey};

/// One thing done to a token. What changes header or payload is signed over by the right key, so that nothing
/// but the change itself can be the reason of a refusal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tamper {
    /// `alg` is `none` and the signature empty.
    AlgorithmNone,
    /// A claim is changed after signing.
    AlterClaim {
        /// The claim.
        name: String,
        /// What it says then.
        value: Value,
    },
    /// The payload ends in unused bits that are not zero (RFC 4648 section 3.5).
    DirtyPayload,
    /// A claim stands there twice; the second says `value`.
    DuplicateClaim {
        /// The claim.
        name: String,
        /// What the second one says.
        value: Value,
    },
    /// A header member stands there twice; the second says `value`.
    DuplicateHeader {
        /// The member.
        name: String,
        /// What the second one says.
        value: Value,
    },
    /// Nothing behind the second dot.
    EmptySignature,
    /// A fourth segment.
    ExtraSegment,
    /// One bit of the signature is flipped.
    FlipSignature,
    /// A header member is set.
    Header {
        /// The member.
        name: String,
        /// What it says.
        value: Value,
    },
    /// Authenticated by HS256 with the public key's PEM text as the secret.
    HmacWithPublicKey,
    /// A line break behind the token.
    LineBreak,
    /// No third segment.
    NoSignature,
    /// The payload segment is padded with `=`.
    PadPayload,
    /// The header is this text.
    RawHeader(String),
    /// The payload is this text.
    RawPayload(String),
    /// A claim is missing.
    RemoveClaim(String),
    /// A header member is missing.
    RemoveHeader(String),
    /// Signed by a fresh key of the same algorithm under the same key id.
    WrongKey,
}

/// A token before it is signed: members in order, which may repeat.
#[derive(Debug)]
pub(super) struct Draft {
    header: Part,
    payload: Part,
}

#[derive(Debug)]
enum Part {
    Members(Vec<(String, Value)>),
    Raw(String),
}

// === impl Draft ===

impl Draft {
    pub(super) fn new(header: &Value, payload: &Value) -> Self {
        Self { header: Part::of(header), payload: Part::of(payload) }
    }

    /// Applies what changes the content, signs, then applies what changes the signed token.
    pub(super) fn finish(mut self, key: &TokenKey, tamper: &[Tamper]) -> Result<String, MintError> {
        for change in tamper {
            self.change(change)?;
        }
        let mut payload_json = self.payload.json();
        let mut payload = encode(&payload_json);
        if tamper.contains(&Tamper::DirtyPayload) {
            // Spaces behind JSON mean nothing, and make its last character have unused bits.
            while payload_json.len().checked_rem(3) == Some(0) {
                payload_json.push(' ');
            }
            payload = dirty(&encode(&payload_json))?;
        }
        if tamper.contains(&Tamper::PadPayload) {
            payload.push('=');
        }
        let mut token = if tamper.contains(&Tamper::HmacWithPublicKey) {
            sign_with_public_key(key, self.header.text("typ").unwrap_or("JWT"), &payload_json)?
        } else if tamper.contains(&Tamper::WrongKey) {
            let stranger = TokenKey::generate(key.algorithm())?;
            sign_segments(&stranger, &encode(self.header.json()), &payload)?
        } else {
            sign_segments(key, &encode(self.header.json()), &payload)?
        };
        for change in tamper {
            token = self.after(change, &token)?;
        }
        Ok(token)
    }

    fn change(&mut self, change: &Tamper) -> Result<(), MintError> {
        match change {
            Tamper::AlgorithmNone => self.header.set("alg", &Value::from("none"))?,
            Tamper::DuplicateClaim { name, value } => self.payload.repeat(name, value)?,
            Tamper::DuplicateHeader { name, value } => self.header.repeat(name, value)?,
            Tamper::Header { name, value } => self.header.set(name, value)?,
            Tamper::RawHeader(text) => self.header = Part::Raw(text.clone()),
            Tamper::RawPayload(text) => self.payload = Part::Raw(text.clone()),
            Tamper::RemoveClaim(name) => self.payload.remove(name)?,
            Tamper::RemoveHeader(name) => self.header.remove(name)?,
            Tamper::AlterClaim { .. }
            | Tamper::DirtyPayload
            | Tamper::EmptySignature
            | Tamper::ExtraSegment
            | Tamper::FlipSignature
            | Tamper::HmacWithPublicKey
            | Tamper::LineBreak
            | Tamper::NoSignature
            | Tamper::PadPayload
            | Tamper::WrongKey => {}
        }
        Ok(())
    }

    fn after(&mut self, change: &Tamper, token: &str) -> Result<String, MintError> {
        let (signed, signature) =
            token.rsplit_once('.').ok_or(MintError::Tamper("the signature is gone already"))?;
        Ok(match change {
            Tamper::AlgorithmNone | Tamper::EmptySignature => format!("{signed}."),
            Tamper::AlterClaim { name, value } => {
                self.payload.set(name, value)?;
                let header = signed.split('.').next().unwrap_or_default();
                format!("{header}.{}.{signature}", encode(self.payload.json()))
            }
            Tamper::ExtraSegment => format!("{token}.{}", encode("{}")),
            Tamper::FlipSignature => format!("{signed}.{}", flipped(signature)?),
            Tamper::LineBreak => format!("{token}\n"),
            Tamper::NoSignature => signed.to_owned(),
            Tamper::DirtyPayload
            | Tamper::DuplicateClaim { .. }
            | Tamper::DuplicateHeader { .. }
            | Tamper::Header { .. }
            | Tamper::HmacWithPublicKey
            | Tamper::PadPayload
            | Tamper::RawHeader(_)
            | Tamper::RawPayload(_)
            | Tamper::RemoveClaim(_)
            | Tamper::RemoveHeader(_)
            | Tamper::WrongKey => token.to_owned(),
        })
    }
}

// === impl Part ===

impl Part {
    fn of(value: &Value) -> Self {
        let members = value.as_object().into_iter().flatten();
        Self::Members(members.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), MintError> {
        let members = self.members()?;
        match members.iter_mut().find(|(there, _)| there == name) {
            Some((_, there)) => *there = value.clone(),
            None => members.push((name.to_owned(), value.clone())),
        }
        Ok(())
    }

    fn repeat(&mut self, name: &str, value: &Value) -> Result<(), MintError> {
        let members = self.members()?;
        if members.iter().all(|(there, _)| there != name) {
            return Err(MintError::Tamper("there is no such member to repeat"));
        }
        members.push((name.to_owned(), value.clone()));
        Ok(())
    }

    /// A removal that removes nothing would test nothing.
    fn remove(&mut self, name: &str) -> Result<(), MintError> {
        let members = self.members()?;
        let before = members.len();
        members.retain(|(there, _)| there != name);
        if members.len() < before {
            Ok(())
        } else {
            Err(MintError::Tamper("there is no such member to remove"))
        }
    }

    fn members(&mut self) -> Result<&mut Vec<(String, Value)>, MintError> {
        match self {
            Self::Members(members) => Ok(members),
            Self::Raw(_) => Err(MintError::Tamper("a raw part has no members")),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self {
            Self::Members(members) => members.iter().find(|(there, _)| there == name)?.1.as_str(),
            Self::Raw(_) => None,
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Members(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

/// The last character with an unused bit set; it decodes to the same bytes where a decoder is lenient.
fn dirty(segment: &str) -> Result<String, MintError> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let failed = MintError::Tamper("the payload has no unused bits");
    let mut bytes = segment.as_bytes().to_vec();
    let Some(last) = bytes.last_mut() else { return Err(failed) };
    let value = ALPHABET.iter().position(|letter| letter == last).unwrap_or_default();
    let Some(dirtied) = ALPHABET.get(value | 1) else { return Err(failed) };
    if dirtied == last {
        return Err(failed);
    }
    *last = *dirtied;
    String::from_utf8(bytes).map_err(|_| failed)
}

fn flipped(signature: &str) -> Result<String, MintError> {
    use base64::Engine as _;
    let failed = MintError::Tamper("there is no signature to flip");
    let mut bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| MintError::Tamper("there is no signature to flip"))?;
    let Some(first) = bytes.first_mut() else { return Err(failed) };
    *first ^= 1;
    Ok(encode(bytes))
}
