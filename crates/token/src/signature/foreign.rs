//! The signature port's second implementation: Envoy's foreign function `verify_signature`, some ten times faster than
//! the same mathematics in wasm.
//!
//! A host is not believed to have it, nor to have it right: before it decides anything, it has to tell a published
//! signature from wrong ones, for each algorithm. Whatever it cannot do is done by [`PureRust`].

use p256::ecdsa::Signature;
use p256::pkcs8::EncodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::Value;

use super::{InvalidSignature, PureRust, SignaturePort};
use crate::algorithm::Algorithm;
use crate::jwk::{Material, VerifyingKey};
use crate::jws::decode;

#[cfg(test)]
mod tests;

/// Calls `verify_signature` with a serialised `VerifySignatureArguments` and returns the serialised
/// `VerifySignatureResult`, or nothing where the host refuses (`envoy/source/extensions/common/wasm/ext`).
pub type VerifySignature = fn(&[u8]) -> Option<Vec<u8>>;

/// The host's cryptography for the algorithms that it has proven to know, the one in Rust for everything else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cryptography {
    es256: Option<VerifySignature>,
    rs256: Option<VerifySignature>,
}

/// A public key as the host wants it.
pub(crate) struct ForeignKey {
    form: Form,
    /// Digest and key, as the first fields of the message.
    head: Vec<u8>,
}

/// What a signature looks like.
#[derive(Clone, Copy)]
enum Form {
    /// Two integers of 32 octets; the host takes them as ASN.1 DER.
    P256,
    /// As many octets as the modulus has.
    Rsa(usize),
}

/// Whose signature over `text` it is, published.
struct KnownAnswer {
    jwk: &'static str,
    text: &'static str,
    signature: &'static str,
}

/// RFC 7515 appendix A.3.
const ES256: KnownAnswer = KnownAnswer {
    jwk: r#"{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    text: "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y\
        b290Ijp0cnVlfQ",
    signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
};

/// RFC 7520 section 4.1.
const RS256: KnownAnswer = KnownAnswer {
    jwk: concat!(
        r#"{"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": ""#,
        "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRB\
        SFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD\
        1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_\
        qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
        r#""}"#
    ),
    text: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ\
        1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24\
        ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
    signature: "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi8\
        4wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocS\
        adnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJu\
        shZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
};

/// `VerifySignatureResult { result: true }`. Anything else is no, `result: false` with or without an `error` included.
const VALID: [u8; 2] = [0x08, 0x01];

/// Field 1 of the arguments, the digest: `sha256`.
const SHA256_FIELD: [u8; 8] = *b"\x0a\x06sha256";

// === impl Cryptography ===

impl Cryptography {
    /// Lets the host show what it can do.
    pub fn of_host(call: VerifySignature) -> Self {
        let proven = |answer: &KnownAnswer| answer.is_told_by(call).then_some(call);
        Self { es256: proven(&ES256), rs256: proven(&RS256) }
    }

    /// The algorithms that the host decides on.
    pub fn of_the_host(&self) -> impl Iterator<Item = Algorithm> {
        let Self { es256, rs256 } = self;
        [es256.map(|_| Algorithm::Es256), rs256.map(|_| Algorithm::Rs256)].into_iter().flatten()
    }
}

impl SignaturePort for Cryptography {
    fn verify(&self, key: &VerifyingKey, text: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let call = match key.material() {
            Material::Es256(_) => self.es256,
            Material::Rs256(_) => self.rs256,
            Material::EdDsa(_) | Material::Es384(_) | Material::Ps256(_) => None,
        };
        match call.zip(key.foreign()) {
            None => PureRust.verify(key, text, signature),
            Some((call, foreign)) if foreign.verifies(call, signature, text) => Ok(()),
            Some(_) => Err(InvalidSignature),
        }
    }
}

// === impl ForeignKey ===

impl ForeignKey {
    /// The key, if it is one that the host can verify with.
    pub(crate) fn of(material: &Material) -> Option<Self> {
        let (form, spki) = match material {
            Material::Es256(key) => (Form::P256, key.to_public_key_der().ok()?),
            Material::Rs256(key) => {
                let key: &rsa::PublicKey = key.as_ref();
                (Form::Rsa(key.size()), key.to_public_key_der().ok()?)
            }
            Material::EdDsa(_) | Material::Es384(_) | Material::Ps256(_) => return None,
        };
        let mut head = SHA256_FIELD.to_vec();
        field(&mut head, 2, spki.as_bytes());
        Some(Self { form, head })
    }

    fn verifies(&self, call: VerifySignature, signature: &[u8], text: &[u8]) -> bool {
        let mut message = Vec::with_capacity(
            self.head.len().saturating_add(signature.len()).saturating_add(text.len()).saturating_add(32),
        );
        message.extend_from_slice(&self.head);
        match self.form {
            Form::P256 => {
                // Exactly 64 octets, both integers from 1 to n-1; DER has one form of them.
                let Ok(signature) = Signature::from_slice(signature) else { return false };
                field(&mut message, 3, signature.to_der().as_bytes());
            }
            Form::Rsa(size) if signature.len() == size => field(&mut message, 3, signature),
            Form::Rsa(_) => return false,
        }
        field(&mut message, 4, text);
        call(&message).is_some_and(|result| result == VALID)
    }
}

/// Adds a field of bytes to a protobuf message.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    /// The wire type of bytes.
    const BYTES: u8 = 2;
    message.push((number << 3) | BYTES);
    let mut rest = bytes.len();
    while rest >= 0x80 {
        message.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    message.push(rest.to_le_bytes()[0]);
    message.extend_from_slice(bytes);
}

// === impl KnownAnswer ===

impl KnownAnswer {
    /// Whether the host takes the signature, and neither another one, nor over another text.
    fn is_told_by(&self, call: VerifySignature) -> bool {
        self.tell(call).unwrap_or(false)
    }

    fn tell(&self, call: VerifySignature) -> Option<bool> {
        let jwk: Value = serde_json::from_str(self.jwk).ok()?;
        let key = VerifyingKey::parse(jwk.as_object()?).ok()?;
        let key = key.foreign()?;
        let right = decode(self.signature)?;
        let mut wrong = right.clone();
        *wrong.last_mut()? ^= 1;
        let text = self.text.as_bytes();
        let shorter = text.split_last()?.1;
        Some(
            key.verifies(call, &right, text)
                && !key.verifies(call, &wrong, text)
                && !key.verifies(call, &right, shorter),
        )
    }
}
