//! Tokens of the demo's issuer, and the bundle that trusts it.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use actgate_harness::{
    mint::{Actor, Issuer, KeyStore, TokenKey, TokenSpec, issuers, random_token_id},
    source::{Source, read_config},
};
use serde_json::{Map, Value, json};

use crate::error::BenchError;

/// On whose behalf.
pub(crate) const SUBJECT: &str = "alice@demo";
/// By whose hand.
pub(crate) const ACTOR: &str = "spiffe://demo/agent/coder";

/// As long as an issuer's tokens may be valid by default, less a minute: a full run takes less.
const LIFETIME: i64 = 3540;

/// Who signs.
#[derive(Debug)]
pub(crate) struct Signer {
    issuer: Issuer,
    key: TokenKey,
}

// === impl Signer ===

impl Signer {
    /// The first issuer of a configuration. Its development keys are made where they are missing.
    pub(crate) fn of(config: &Path) -> Result<Self, BenchError> {
        let document = read_config(config).map_err(BenchError::Configuration)?;
        let folder = config.parent().unwrap_or_else(|| Path::new(""));
        let found = issuers(&document, folder).map_err(BenchError::Configuration)?;
        let issuer = found
            .into_iter()
            .next()
            .ok_or_else(|| BenchError::Template { file: config.to_owned(), part: "issuer".to_owned() })?;
        let store = KeyStore::of(&issuer)?;
        store.init()?;
        let key = store.preferred()?;
        Ok(Self { issuer, key })
    }

    /// Its `iss`.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer.issuer
    }

    /// What its tokens are for.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.issuer.audiences
    }

    /// Its public key, as a key set.
    pub(crate) fn key_set(&self) -> Result<Value, BenchError> {
        Ok(json!({ "keys": [self.key.jwk(self.issuer.profile)?] }))
    }

    /// A token that differs from any other in its `jti`.
    pub(crate) fn mint(&self) -> Result<String, BenchError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| BenchError::Io {
            doing: "read the clock".to_owned(),
            source: std::io::Error::other(error),
        })?;
        let spec = TokenSpec {
            profile: self.issuer.profile,
            issuer: self.issuer.issuer.clone(),
            subject: SUBJECT.to_owned(),
            audiences: self.issuer.audiences.clone(),
            actor: Some(Actor::named(ACTOR)),
            client_id: None,
            scope: None,
            token_id: random_token_id(),
            issued_at: i64::try_from(now.as_secs()).unwrap_or_default(),
            lifetime: LIFETIME,
            claims: Map::new(),
            tamper: Vec::new(),
        };
        Ok(spec.mint(&self.key)?)
    }
}

/// The bundle of a configuration, as the plugin is configured with it, with this `ledger`.
pub(crate) fn bundle(config: &Path, ledger: Option<Value>) -> Result<String, BenchError> {
    let source = Source::load(config).map_err(BenchError::Configuration)?;
    let mut bundle = source.bundle().clone();
    // A hold is measured without the service that would be asked: that is another process's time.
    if let Some(approvals) = bundle.config.value.get_mut("approvals").and_then(Value::as_object_mut) {
        approvals.remove("control");
        approvals.remove("key");
    }
    // Records stay in the log but where their delivery is what is measured.
    if let Some(config) = bundle.config.value.as_object_mut() {
        config.remove("ledger");
        config.extend(ledger.map(|ledger| ("ledger".to_owned(), ledger)));
    }
    serde_json::to_string(&bundle)
        .map_err(|error| BenchError::Io { doing: "write the bundle".to_owned(), source: error.into() })
}
