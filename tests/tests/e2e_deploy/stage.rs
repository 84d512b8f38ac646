//! A gateway before a registry, and what is in the registry.

use std::collections::BTreeMap;

use actgate_demo::{
    http::Exchange,
    registry::{Registry, SEEDS},
};
use actgate_harness::mint::TokenSpec;
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome},
    setup::{Needs, Setup},
    template::Template,
    tokens::{CODER, Issuer, alice, through},
};
use serde_json::{Value, json};

/// A running gateway with a registry behind it.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) registry: Registry,
    pub(crate) issuer: Issuer,
}

/// Every tag of the registry with what it points to, and every blob that its repositories have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents(pub(crate) BTreeMap<String, String>);

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Alice,
    AliceWithTicket,
    MalloryWithTicket,
    UnknownAgent,
    Expired,
    Nobody,
}

// === impl Stage ===

impl Stage {
    pub(crate) async fn set() -> Option<Self> {
        let setup = Setup::find(Needs::Registry)?;
        let issuer = Issuer::new();
        let state = State::new(&setup, &Template::read(setup.root()));
        let registry = state.registry().await;
        let nobody = state.upstream(registry.address());
        let departure = Departure { registry: Some(registry.address()), ..Departure::none(&setup, &issuer) };
        let gateway = Gateway::start(state, departure, nobody).await;
        Some(Self { gateway, registry, issuer })
    }

    pub(crate) fn token(&self, caller: Caller) -> Option<String> {
        let ticket = |mut spec: TokenSpec| {
            spec.claims.insert("ticket".to_owned(), json!("CHG-1"));
            spec
        };
        let spec = match caller {
            Caller::Alice => alice(),
            Caller::AliceWithTicket => ticket(alice()),
            Caller::MalloryWithTicket => ticket(through(CODER, "mallory@demo")),
            Caller::UnknownAgent => through("spiffe://demo/agent/unknown", "alice@demo"),
            Caller::Expired => {
                let fresh = alice();
                TokenSpec { issued_at: fresh.issued_at - 3600, ..fresh }
            }
            Caller::Nobody => return None,
        };
        Some(self.issuer.mint(&spec))
    }

    /// Sends a request: method and target, then header lines and body as they are.
    pub(crate) async fn send(&self, caller: Caller, line: &str, rest: &[u8]) -> Outcome {
        let token = self.token(caller).map(|token| format!("authorization: Bearer {token}\r\n"));
        let mut bytes =
            format!("{line} HTTP/1.1\r\nhost: gateway.demo\r\n{}", token.unwrap_or_default()).into_bytes();
        bytes.extend_from_slice(rest);
        h1::send(self.gateway.address(), &bytes).await
    }

    /// What is in the registry, asked behind the gate.
    pub(crate) async fn contents(&self) -> Contents {
        let mut contents = BTreeMap::new();
        let catalog = self.behind("/v2/_catalog").await;
        for repository in texts(&catalog["repositories"]) {
            let list = self.behind(&format!("/v2/{repository}/tags/list")).await;
            for tag in texts(&list["tags"]) {
                let name = format!("{repository}:{tag}");
                let digest = self.registry.digest(&name).await.expect("an answer of the registry");
                contents.insert(name, digest.unwrap_or_default());
            }
        }
        for (tag, _) in SEEDS {
            assert!(contents.contains_key(tag), "{tag} is gone: {contents:?}");
        }
        Contents(contents)
    }

    /// The status of a request behind the gate.
    pub(crate) async fn status_behind(&self, method: &str, path: &str) -> u16 {
        Exchange::new(self.registry.address(), method, path).send().await.expect("an answer").status
    }

    async fn behind(&self, path: &str) -> Value {
        Exchange::new(self.registry.address(), "GET", path).succeed().await.expect("an answer").json()
    }
}

// === impl Contents ===

impl Contents {
    /// These, but for one tag that points to something else.
    pub(crate) fn with(&self, tag: &str, digest: &str) -> Self {
        let mut tags = self.0.clone();
        tags.insert(tag.to_owned(), digest.to_owned());
        Self(tags)
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}
