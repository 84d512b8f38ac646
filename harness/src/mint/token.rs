//! What a token says.

use jwt_simple::prelude::HS256Key;
use serde_json::{Map, Value, json};

use super::signing;
use super::tamper::Draft;
use super::{MintError, Tamper, TokenKey};

/// The form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// OAuth access token (RFC 9068).
    AtJwt,
    /// SPIFFE JWT-SVID: no `iss`, no `jti`.
    JwtSvid,
    /// Any signed JWT.
    Generic,
}

/// Who acts, as an `act` claim (RFC 8693 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `sub`
    pub subject: String,
    /// `iss`, where the actor is another issuer's.
    pub issuer: Option<String>,
    /// The one who acted before.
    pub earlier: Option<Box<Self>>,
}

/// A token to be.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenSpec {
    /// Its form: which claims it has and what `typ` says.
    pub profile: Profile,
    /// `iss`; a JWT-SVID has none.
    pub issuer: String,
    /// `sub`
    pub subject: String,
    /// `aud`: one as text, several as a list.
    pub audiences: Vec<String>,
    /// `act`
    pub actor: Option<Actor>,
    /// `client_id`; the actor or else the subject where it is absent.
    pub client_id: Option<String>,
    /// `scope`
    pub scope: Option<String>,
    /// `jti`
    pub token_id: String,
    /// `iat`, in seconds since 1970.
    pub issued_at: i64,
    /// How long it is valid, in seconds.
    pub lifetime: i64,
    /// Further claims; they replace those above.
    pub claims: Map<String, Value>,
    /// What is then done to it.
    pub tamper: Vec<Tamper>,
}

/// A token id that nobody had before.
pub fn random_token_id() -> String {
    // jwt-simple's own generator: a fresh MAC key is nothing but random bytes.
    let bytes = HS256Key::generate().to_bytes();
    signing::encode(bytes.get(..16).unwrap_or(&bytes))
}

// === impl Profile ===

impl Profile {
    /// The `typ` that this form has.
    pub fn typ(self) -> &'static str {
        match self {
            Self::AtJwt => "at+jwt",
            Self::JwtSvid | Self::Generic => "JWT",
        }
    }

    /// The `use` of its keys (SPIFFE Trust Domain and Bundle, section 4.1.2, for the JWT-SVID).
    pub fn key_use(self) -> &'static str {
        match self {
            Self::AtJwt | Self::Generic => "sig",
            Self::JwtSvid => "jwt-svid",
        }
    }

    /// The name in `actgate.yaml`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "at+jwt" => Some(Self::AtJwt),
            "jwt-svid" => Some(Self::JwtSvid),
            "generic" => Some(Self::Generic),
            _ => None,
        }
    }
}

// === impl Actor ===

impl Actor {
    /// The actor `subject` of the token's own issuer.
    pub fn named(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), issuer: None, earlier: None }
    }

    /// The `act` claim.
    pub fn claim(&self) -> Value {
        let mut claim = json!({ "sub": self.subject });
        if let Some(object) = claim.as_object_mut() {
            if let Some(issuer) = &self.issuer {
                object.insert("iss".to_owned(), json!(issuer));
            }
            if let Some(earlier) = &self.earlier {
                object.insert("act".to_owned(), earlier.claim());
            }
        }
        claim
    }
}

// === impl TokenSpec ===

impl TokenSpec {
    /// The token, signed and then tampered with as the spec says.
    pub fn mint(&self, key: &TokenKey) -> Result<String, MintError> {
        let header = json!({ "alg": key.algorithm().name(), "kid": key.kid(), "typ": self.profile.typ() });
        Draft::new(&header, &Value::Object(self.payload())).finish(key, &self.tamper)
    }

    /// The claims.
    pub fn payload(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("sub", json!(self.subject));
        match self.audiences.as_slice() {
            [only] => set("aud", json!(only)),
            several => set("aud", json!(several)),
        };
        set("iat", json!(self.issued_at));
        set("exp", json!(self.issued_at.saturating_add(self.lifetime)));
        match self.profile {
            Profile::JwtSvid => {}
            Profile::AtJwt => {
                let actor = self.actor.as_ref().map(|actor| &actor.subject);
                set("client_id", json!(self.client_id.as_ref().or(actor).unwrap_or(&self.subject)));
                set("iss", json!(self.issuer));
                set("jti", json!(self.token_id));
            }
            Profile::Generic => {
                if let Some(client) = &self.client_id {
                    set("client_id", json!(client));
                }
                set("iss", json!(self.issuer));
                set("jti", json!(self.token_id));
            }
        }
        if let Some(actor) = &self.actor {
            set("act", actor.claim());
        }
        if let Some(scope) = &self.scope {
            set("scope", json!(scope));
        }
        claims.extend(self.claims.clone());
        claims
    }
}
