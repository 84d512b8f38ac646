//! A small bundle and signed tokens for the tests.

use std::collections::BTreeMap;

use actgate_call::{Effect, Entity, ToolCall, ToolCalls};
use actgate_token::{
    Algorithm, Caller, ClaimMap, IssuerKind, IssuerRules, KeySet, Profile, TokenCache, UnixTime, Verifier,
};
use jwt_simple::prelude::*;
use serde_json::{Map, Value, json};

use crate::{
    bundle::PolicyBundle,
    document::{BUNDLE_FORMAT, BundleDocument, Document, PackDocument, TextDocument},
    fault::Fault,
};

/// The moment of every test, in Unix seconds.
pub(crate) const NOW: i64 = 1_800_000_000;

const SCHEMA: &str = r#"
namespace Shop {
  entity Shelf in [Shelf];
  entity Item in [Shelf] = { owner?: User, label?: String };
}
action "item.read" in [Action::"read"] appliesTo { principal: [User, Agent], resource: [Shop::Item], context: { count?: Long } };
action "item.write" in [Action::"write"] appliesTo { principal: [User, Agent], resource: [Shop::Item], context: { count?: Long } };
"#;

/// Everybody may do everything, so that what forbids is what decides.
pub(crate) const PERMIT_ALL: &str = r#"@id("all") permit(principal, action, resource);"#;

/// Compiles policies over the fixture's schema.
pub(crate) fn bundle(policies: &str, entities: Value) -> Result<PolicyBundle, Vec<Fault>> {
    let pack = PackDocument {
        catalog: Document { file: "catalog.yaml".into(), value: Value::Null },
        schema: TextDocument { file: "schema.cedarschema".into(), text: SCHEMA.into() },
        policies: vec![TextDocument { file: "p.cedar".into(), text: policies.into() }],
        entities: Some(Document { file: "entities.json".into(), value: entities }),
    };
    let document = BundleDocument {
        format: BUNDLE_FORMAT.into(),
        config: Document { file: "actgate.yaml".into(), value: Value::Null },
        packs: BTreeMap::from([("shop".to_owned(), pack)]),
    };
    let groups: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    let used = document.packs.iter().map(|(name, pack)| (name.as_str(), pack)).collect();
    PolicyBundle::load(&document, &groups, &used).map(|(bundle, _)| bundle)
}

/// Alice, through the coder, with these claims besides.
pub(crate) fn caller(extra: &Value) -> Caller {
    let key = ES256KeyPair::generate();
    let point = key.public_key().public_key().to_bytes_uncompressed();
    let coordinate =
        |range: std::ops::Range<usize>| Base64UrlSafeNoPadding::encode_to_string(&point[range]).unwrap();
    let jwks = json!({ "keys": [
        { "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k", "x": coordinate(1..33), "y": coordinate(33..65) }
    ] });
    let rules = IssuerRules {
        alias: "demo".into(),
        issuer: "https://issuer.demo".into(),
        audiences: vec!["here".into()],
        keys: KeySet::parse(&jwks.to_string()).unwrap().0.into(),
        kind: IssuerKind::Delegated,
        profile: Profile::Generic,
        algorithms: vec![Algorithm::Es256],
        types: None,
        max_lifetime_seconds: 3600,
        skew_seconds: 30,
        act_issuers: vec!["https://issuer.demo".into()],
        claims: ClaimMap {
            groups: Some("/groups".into()),
            ticket: Some("/ticket".into()),
            ..ClaimMap::default()
        },
    };
    let verifier = Verifier::new(vec![rules]).unwrap();
    let mut claims = json!({ "act": { "sub": "coder" } });
    claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let mut signed = Claims::with_custom_claims(claims, Duration::from_mins(5))
        .with_issuer("https://issuer.demo")
        .with_subject("alice")
        .with_audience("here");
    signed.issued_at = Some(Duration::from_secs(NOW.unsigned_abs()));
    signed.expires_at = Some(Duration::from_secs(NOW.unsigned_abs().saturating_add(300)));
    signed.invalid_before = None;
    let token = key.with_key_id("k").sign(signed).unwrap();
    let mut cache = TokenCache::default();
    let token = verifier.verify(&mut cache, token.as_bytes(), UnixTime::new(NOW)).unwrap();
    Caller::resolve(token, &verifier, || None, actgate_token::ProvenKey::Unasked).unwrap()
}

/// One call on an item of a shelf.
pub(crate) fn call(action: &str, item: &str, shelf: &str) -> ToolCall {
    ToolCall {
        action: action.into(),
        effect: if action.ends_with("read") { Effect::Read } else { Effect::Write },
        resource: Entity {
            type_name: "Shop::Item".into(),
            id: item.into(),
            attributes: BTreeMap::new(),
            parents: vec![Entity {
                type_name: "Shop::Shelf".into(),
                id: shelf.into(),
                attributes: BTreeMap::new(),
                parents: Vec::new(),
            }],
        },
        arguments: Map::new(),
        secret: Vec::new(),
    }
}

/// One call as a whole request.
pub(crate) fn one(action: &str) -> ToolCalls {
    ToolCalls::one(call(action, "i", "s"))
}
