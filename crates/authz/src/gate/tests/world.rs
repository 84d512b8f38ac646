//! A gate before the git pack, and a host that plays requests through it.

use std::collections::BTreeMap;

use jwt_simple::prelude::*;
use serde_json::{Value, json};

use crate::{
    Authorizer, BodyProgress, BundleDocument, Document, Fault, Gate, LocalReply, Moment, PackDocument, Step,
    TextDocument, TokenCache, document::BUNDLE_FORMAT, fixture::NOW,
};

pub(in crate::gate) const CODER: &str = "spiffe://demo/agent/coder";
pub(in crate::gate) const ALICE: &str = "alice@demo";

pub(in crate::gate) struct World {
    pub(in crate::gate) authorizer: Authorizer,
    key: ES256KeyPair,
}

/// What became of a request.
#[derive(Debug)]
pub(in crate::gate) struct Outcome {
    /// The answer, if the gate gave one.
    pub(in crate::gate) reply: Option<LocalReply>,
    /// How many body bytes the host had seen when it ended.
    pub(in crate::gate) seen: usize,
    /// How many body bytes the host was told to throw away.
    pub(in crate::gate) discarded: usize,
    pub(in crate::gate) record: Value,
}

macro_rules! pack_file {
    ($name:literal) => {
        TextDocument {
            file: $name.into(),
            text: include_str!(concat!("../../../../../policies/git/", $name)).into(),
        }
    };
}

fn pack() -> PackDocument {
    let entities = include_str!("../../../../../policies/git/entities.json");
    PackDocument {
        catalog: Document {
            file: "catalog.yaml".into(),
            value: json!({ "service": "git", "groups": {
                "git.fetch": ["read"], "git.push.probe": ["read"], "git.ref.create": ["write"],
                "git.ref.update": ["write"], "git.ref.delete": ["destroy"],
            } }),
        },
        schema: pack_file!("schema.cedarschema"),
        policies: vec![
            pack_file!("people.cedar"),
            pack_file!("agents.cedar"),
            pack_file!("repositories.cedar"),
            pack_file!("approvals.cedar"),
        ],
        entities: Some(Document {
            file: "entities.json".into(),
            value: serde_json::from_str(entities).unwrap(),
        }),
    }
}

impl World {
    pub(in crate::gate) fn new(mode: &str) -> Self {
        Self::with(mode, &json!({ "groups": ["release-managers"] }), |_| {})
    }

    /// A world with these `approvals`, and something different about its pack.
    pub(in crate::gate) fn with(
        mode: &str,
        approvals: &Value,
        change: impl FnOnce(&mut PackDocument),
    ) -> Self {
        Self::made(mode, approvals, &json!({}), change).unwrap()
    }

    /// A world with this `ledger`.
    pub(super) fn recording(ledger: &Value) -> Self {
        Self::try_recording(ledger).unwrap()
    }

    /// The same, or what is wrong with it.
    pub(super) fn try_recording(ledger: &Value) -> Result<Self, String> {
        let approvals = json!({ "groups": ["release-managers"] });
        Self::made("enforce", &approvals, ledger, |_| {})
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    fn made(
        mode: &str,
        approvals: &Value,
        ledger: &Value,
        change: impl FnOnce(&mut PackDocument),
    ) -> Result<Self, Vec<Fault>> {
        let mut pack = pack();
        change(&mut pack);
        let key = ES256KeyPair::generate().with_key_id("k");
        let point = key.public_key().public_key().to_bytes_uncompressed();
        let coordinate =
            |range: std::ops::Range<usize>| Base64UrlSafeNoPadding::encode_to_string(&point[range]).unwrap();
        let config = json!({
            "version": 1,
            "issuers": [{
                "alias": "demo", "issuer": "https://issuer.demo", "kind": "delegated", "profile": "generic",
                "audiences": ["here"], "act_issuers": ["https://issuer.demo"],
                "jwks": { "keys": [{
                    "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k",
                    "x": coordinate(1..33), "y": coordinate(33..65),
                }] },
            }],
            "services": [{ "name": "git", "prefix": "/git/", "adapter": "git", "pack": "git", "mode": mode }],
            "approvals": approvals,
            "ledger": ledger,
        });
        let document = BundleDocument {
            format: BUNDLE_FORMAT.into(),
            config: Document { file: "actgate.yaml".into(), value: config },
            packs: BTreeMap::from([("git".to_owned(), pack)]),
        };
        Ok(Self { authorizer: Authorizer::load(&document)?.authorizer, key })
    }

    pub(in crate::gate) fn token(&self, subject: &str, actor: &str) -> String {
        let claims = json!({ "act": { "sub": actor } });
        let mut signed = Claims::with_custom_claims(claims, Duration::from_mins(5))
            .with_issuer("https://issuer.demo")
            .with_subject(subject)
            .with_audience("here");
        signed.issued_at = Some(Duration::from_secs(NOW.unsigned_abs()));
        signed.expires_at = Some(Duration::from_secs(NOW.unsigned_abs().saturating_add(300)));
        signed.invalid_before = None;
        self.key.sign(signed).unwrap()
    }

    pub(in crate::gate) fn push(&self, repo: &str, body: &[u8], size: usize) -> Outcome {
        self.push_as(&self.token(ALICE, CODER), repo, body, size)
    }

    pub(in crate::gate) fn push_as(&self, token: &str, repo: &str, body: &[u8], size: usize) -> Outcome {
        let path = format!("/git/{repo}.git/git-receive-pack");
        let kind = ("content-type", "application/x-git-receive-pack-request");
        self.play("POST", &path, token, &[kind], Some(body), size)
    }

    pub(in crate::gate) fn get(&self, target: &str, token: &str) -> Outcome {
        self.play("GET", target, token, &[], None, 1)
    }

    /// Plays a request whose body comes in chunks of `size`, a second each, as a proxy holds and drops it.
    pub(in crate::gate) fn play(
        &self,
        method: &str,
        target: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
        size: usize,
    ) -> Outcome {
        let authorization = format!("Bearer {token}");
        let head = [
            (":method", method),
            (":scheme", "https"),
            (":authority", "gate"),
            (":path", target),
            ("authorization", authorization.as_str()),
        ];
        let head: Vec<(&[u8], &[u8])> =
            head.iter().chain(headers).map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let mut gate = Gate::new(at(0), [0; 10]);
        let mut cache = TokenCache::default();
        let mut step = gate.on_headers(&self.authorizer, &mut cache, &head, body.is_none(), at(0));
        let body = body.unwrap_or_default();
        let (mut seen, mut discarded, mut held) = (0_usize, 0_usize, Vec::new());
        loop {
            match step {
                Step::AwaitBody => {}
                Step::Discard(bytes) => {
                    assert_eq!(bytes, held.len(), "a part of what is held is thrown away");
                    discarded = discarded.saturating_add(bytes);
                    held.clear();
                }
                Step::Callout(_) | Step::HoldBack => panic!("nobody can be asked in this world"),
                Step::Forward(_) => return self.outcome(&gate, None, seen, discarded),
                Step::Reply(reply) => return self.outcome(&gate, Some(reply), seen, discarded),
            }
            let chunk = body.get(seen..).unwrap_or_default();
            let chunk = chunk.get(..size.min(chunk.len())).unwrap_or_default();
            held.extend_from_slice(chunk);
            seen = seen.saturating_add(chunk.len());
            let progress = BodyProgress { buffered: held.len(), complete: seen == body.len() };
            let read = |start: usize, length: usize| Some(held[start..][..length].to_vec());
            step = gate.on_body(&self.authorizer, &mut cache, progress, read, at(1));
        }
    }

    fn outcome(&self, gate: &Gate, reply: Option<LocalReply>, seen: usize, discarded: usize) -> Outcome {
        let record = format!("{}}}", gate.record().unwrap());
        Outcome { reply, seen, discarded, record: serde_json::from_str(&record).unwrap() }
    }
}

pub(in crate::gate) fn at(seconds: i64) -> Moment {
    let seconds = NOW.saturating_add(seconds).unsigned_abs();
    Moment::from_unix_nanos(seconds.saturating_mul(1_000_000_000))
}

impl Outcome {
    pub(in crate::gate) fn decision(&self) -> &str {
        self.record["decided"]["decision"].as_str().unwrap()
    }

    pub(in crate::gate) fn reason(&self) -> &str {
        self.record["decided"]["reason"].as_str().unwrap_or("-")
    }

    /// The reply as text; packets have no other bytes than their band's.
    pub(in crate::gate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.reply.as_ref().unwrap().body).into_owned()
    }
}
