//! A gateway before a git server, and the refs behind it.

use std::{collections::BTreeMap, path::PathBuf};

use actgate_demo::git::{self, Git, REPOSITORIES};
use actgate_harness::mint::TokenSpec;
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome},
    relay::Relay,
    setup::{Needs, Setup},
    template::Template,
    tokens::{CODER, Issuer, alice, through},
};

/// A running gateway with repositories behind it.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) world: Repositories,
    pub(crate) issuer: Issuer,
    /// What is between the two, where somebody counts.
    wire: Option<Relay>,
}

/// Repositories behind git's own server, with or without a gate before them.
pub(crate) struct Repositories {
    pub(crate) git: Git,
    seeds: Refs,
    _files: Option<State>,
}

/// Every ref of every repository and what it points to.
pub(crate) type Refs = BTreeMap<String, String>;

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Alice,
    Mallory,
    UnknownAgent,
    Expired,
    Nobody,
}

// === impl Stage ===

impl Stage {
    pub(crate) async fn set() -> Option<Self> {
        Self::with(false).await
    }

    /// The same with a relay that counts what the server sees.
    pub(crate) async fn watched() -> Option<Self> {
        Self::with(true).await
    }

    async fn with(relayed: bool) -> Option<Self> {
        let setup = Setup::find(Needs::Git)?;
        let issuer = Issuer::new();
        let state = State::new(&setup, &Template::read(setup.root()));
        let git = state.git().await;
        let wire = if relayed { Some(Relay::to(git.address()).await) } else { None };
        let upstream = wire.as_ref().map_or_else(|| git.address(), Relay::address);
        let nobody = state.upstream(upstream);
        let departure = Departure { git: Some(upstream), ..Departure::none(&setup, &issuer) };
        let gateway = Gateway::start(state, departure, nobody).await;
        let world = Repositories::of(git, None).await;
        Some(Self { gateway, world, issuer, wire })
    }

    /// Where clients find `/git/`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/git", self.gateway.address())
    }

    /// Waits until Envoy has read everything that has been sent to it.
    pub(crate) async fn settled(&self) {
        // An answer of its own interface means that its loop has come round; the worker's figures stand still then.
        let mut before = None;
        loop {
            let now = self.gateway.stat("http.gateway.downstream_cx_rx_bytes_total").await;
            if before == Some(now) && now.is_some_and(|bytes| bytes > 0) {
                return;
            }
            before = Some(now);
        }
    }

    /// How many connections the server saw, where somebody counts.
    pub(crate) fn seen(&self) -> usize {
        self.wire.as_ref().expect("a relay").connections()
    }

    pub(crate) fn token(&self, caller: Caller) -> Option<String> {
        let spec = match caller {
            Caller::Alice => alice(),
            Caller::Mallory => through(CODER, "mallory@demo"),
            Caller::UnknownAgent => through("spiffe://demo/agent/unknown", "alice@demo"),
            Caller::Expired => {
                let fresh = alice();
                TokenSpec { issued_at: fresh.issued_at - 3600, ..fresh }
            }
            Caller::Nobody => return None,
        };
        Some(self.issuer.mint(&spec))
    }

    /// A request's bytes: method and target, then header lines and body as they are.
    pub(crate) fn request(&self, caller: Caller, line: &str, rest: &[u8]) -> Vec<u8> {
        let token = self.token(caller).map(|token| format!("authorization: Bearer {token}\r\n"));
        let mut bytes =
            format!("{line} HTTP/1.1\r\nhost: gateway.demo\r\n{}", token.unwrap_or_default()).into_bytes();
        bytes.extend_from_slice(rest);
        bytes
    }

    pub(crate) async fn send(&self, caller: Caller, line: &str, rest: &[u8]) -> Outcome {
        h1::send(self.gateway.address(), &self.request(caller, line, rest)).await
    }
}

// === impl Repositories ===

impl Repositories {
    /// The same repositories without a gate.
    pub(crate) async fn twin() -> Option<Self> {
        let setup = Setup::find(Needs::Git)?;
        let state = State::new(&setup, &Template::read(setup.root()));
        let git = state.git().await;
        Some(Self::of(git, Some(state)).await)
    }

    async fn of(git: Git, files: Option<State>) -> Self {
        let seeds = refs(&git).await;
        for name in ["payments refs/heads/main", "payments refs/tags/v1.0", "website refs/heads/main"] {
            assert!(seeds.contains_key(name), "the repositories are not seeded: {seeds:?}");
        }
        Self { git, seeds, _files: files }
    }

    /// Where clients find `/git/`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/git", self.git.address())
    }

    /// The folder of a repository.
    pub(crate) fn path(&self, repository: &str) -> PathBuf {
        self.git.root().join(format!("{repository}.git"))
    }

    /// What is there, asked behind any gate.
    pub(crate) async fn refs(&self) -> Refs {
        refs(&self.git).await
    }

    /// What was there at first.
    pub(crate) fn seeds(&self) -> &Refs {
        &self.seeds
    }

    /// Makes the refs what they were at first.
    pub(crate) async fn restore(&self) {
        for repository in REPOSITORIES {
            let now = self.git.refs(repository).await.expect("refs");
            let seed = |name: &str| self.seeds.get(&format!("{repository} {name}"));
            let mut orders: String = now
                .keys()
                .filter(|name| seed(name).is_none())
                .map(|name| format!("delete {name}\n"))
                .collect();
            for (name, object) in &self.seeds {
                if let Some((_, name)) = name.split_once(' ').filter(|(own, _)| *own == repository) {
                    orders.push_str(&format!("update {name} {object}\n"));
                }
            }
            let update = git::tool(&self.path(repository), ["update-ref", "--stdin"]).input(orders);
            update.succeed().await.expect("refs are restored");
        }
    }
}

async fn refs(git: &Git) -> Refs {
    let mut all = Refs::new();
    for repository in REPOSITORIES {
        let refs = git.refs(repository).await.expect("refs");
        all.extend(refs.into_iter().map(|(name, object)| (format!("{repository} {name}"), object)));
    }
    all
}
