//! Tokens that are bound to a client certificate (RFC 8705), over real mutual TLS to a real Envoy: only the connection that
//! has proven to hold the certificate can use them, whatever else it says, resumes or carries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use std::net::SocketAddr;

use actgate_demo::recorder::{Recorder, Script};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tls::{Authority, Client, Identity},
    tokens::Issuer,
};
use bytes::Bytes;
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio_rustls::rustls::{
    HandshakeKind, SupportedProtocolVersion,
    version::{TLS12, TLS13},
};

const PASSED: &str = "200 passed";
const MISMATCH: &str = "401 token_binding_mismatch";
const UNCHECKED: &str = "401 token_binding_unchecked";

/// A gateway that asks for certificates, and what is behind it.
struct Stage {
    gateway: Gateway,
    upstream: Recorder,
    authority: Authority,
    issuer: Issuer,
}

impl Stage {
    async fn set(requires: bool) -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let (authority, issuer) = (Authority::new(), Issuer::new());
        let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
        let mut template = Template::read(setup.root());
        template.speak_tls(authority.listener(requires));
        // Whoever forwards what clients say of certificates is still not believed.
        template.manager()["forward_client_cert_details"] = "ALWAYS_FORWARD_ONLY".into();
        let state = State::new(&setup, &template);
        let behind = state.upstream(upstream.address());
        let gateway = Gateway::start(state, Departure::none(&setup, &issuer), behind).await;
        Some(Self { gateway, upstream, authority, issuer })
    }

    fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    fn client(&self, identity: Option<&Identity>, version: &'static SupportedProtocolVersion) -> Client {
        self.authority.client(identity, version)
    }

    fn bound(&self, confirmation: Value) -> String {
        self.issuer.claiming("cnf", confirmation)
    }

    /// What becomes of a request on a connection of its own, and how that came about.
    async fn ask(&self, client: &Client, token: &str, more: &str) -> (String, HandshakeKind) {
        let before = self.upstream.seen();
        let request = format!(
            "GET /secrets/v1/kv/dev/db HTTP/1.1\r\nhost: gateway.demo\r\nconnection: close\r\n{more}\
             authorization: Bearer {token}\r\n\r\n"
        );
        let reply = client.send(self.address(), request.as_bytes()).await.expect("a reply");
        let summary = reply.summary();
        self.saw(&before, summary == PASSED);
        (summary, reply.handshake)
    }

    /// The upstream has seen one request more, or not a byte.
    fn saw(&self, before: &actgate_demo::recorder::Seen, one: bool) {
        let seen = self.upstream.seen();
        assert_eq!(seen.requests.len(), before.requests.len() + usize::from(one));
        if !one {
            assert_eq!(seen.bytes, before.bytes, "the upstream saw something of a refused request");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_of_use_on_its_holders_connections_only() {
    let Some(stage) = Stage::set(true).await else { return };
    let (own, other) = (stage.authority.vouch("coder.demo"), stage.authority.vouch("coder.demo"));
    let token = stage.bound(own.confirmation());
    let ledger = ledger::from_now(&stage.gateway.ledger());
    let mut asked = 0;
    for version in [&TLS12, &TLS13] {
        let (own_client, other_client) =
            (stage.client(Some(&own), version), stage.client(Some(&other), version));
        // In the second round both clients resume their sessions: what was proven in the first is what counts.
        for handshake in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let rows = [
                (&own_client, "", PASSED),
                (&other_client, "", MISMATCH),
                // What a client says of certificates is nobody's word for them.
                (&other_client, own_forwarded(&own).as_str(), MISMATCH),
            ]
            .map(|(client, more, expected)| (client, more.to_owned(), expected));
            for (index, (client, more, expected)) in rows.into_iter().enumerate() {
                let (summary, kind) = stage.ask(client, &token, &more).await;
                assert_eq!(summary, expected, "{version:?} {handshake:?} {more}");
                // The third row of the first round is the second of its client.
                if index < 2 {
                    assert_eq!(kind, handshake, "{version:?} {expected}");
                }
                asked += 1;
            }
        }
        let (unbound, _) = stage.ask(&other_client, &stage.issuer.good(), "").await;
        assert_eq!(unbound, PASSED, "a token that is bound to nothing");
        asked += 1;
    }
    let records = ledger::records(&ledger, asked).await;
    assert_eq!(records.len(), asked, "one record for each");
    let mismatched = records.iter().filter(|record| record.reason() == "token_binding_mismatch").count();
    assert_eq!(mismatched, 8);
}

fn own_forwarded(own: &Identity) -> String {
    format!("x-forwarded-client-cert: {}\r\n", own.forwarded())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_another_one() {
    let Some(stage) = Stage::set(true).await else { return };
    let key = KeyPair::generate().expect("a key");
    let same = KeyPair::try_from(key.serialize_der()).expect("the same key");
    let (old, new) =
        (stage.authority.certify("coder.demo", 1, key), stage.authority.certify("coder.demo", 2, same));
    let token = stage.bound(old.confirmation());
    assert_eq!(stage.ask(&stage.client(Some(&old), &TLS13), &token, "").await.0, PASSED);
    assert_eq!(stage.ask(&stage.client(Some(&new), &TLS13), &token, "").await.0, MISMATCH);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_there_is_no_connection_or_no_use_of_a_bound_token() {
    let Some(strict) = Stage::set(true).await else { return };
    let own = strict.authority.vouch("coder.demo");
    for version in [&TLS12, &TLS13] {
        let token = strict.bound(own.confirmation());
        let request = format!("GET /secrets/v1/kv/dev/db HTTP/1.1\r\nauthorization: Bearer {token}\r\n\r\n");
        let reply = strict.client(None, version).send(strict.address(), request.as_bytes()).await;
        assert!(reply.is_err(), "the handshake asks for a certificate: {reply:?}");
    }
    // Nor does a certificate of somebody whom the gateway does not trust.
    let stranger = Authority::new().vouch("coder.demo");
    let reply =
        strict.client(Some(&stranger), &TLS13).send(strict.address(), b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(reply.is_err(), "{reply:?}");
    assert!(strict.upstream.seen().is_nothing());
    drop(strict);

    let Some(lenient) = Stage::set(false).await else { return };
    let own = lenient.authority.vouch("coder.demo");
    let token = lenient.bound(own.confirmation());
    for version in [&TLS12, &TLS13] {
        let (nobody, holder) = (lenient.client(None, version), lenient.client(Some(&own), version));
        for _ in 0..2 {
            assert_eq!(lenient.ask(&nobody, &token, "").await.0, UNCHECKED);
            assert_eq!(lenient.ask(&nobody, &token, &own_forwarded(&own)).await.0, UNCHECKED);
            assert_eq!(lenient.ask(&holder, &token, "").await.0, PASSED);
        }
        assert_eq!(lenient.ask(&nobody, &lenient.issuer.good(), "").await.0, PASSED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_share_a_connection_are_checked_each() {
    let Some(stage) = Stage::set(true).await else { return };
    let (own, other) = (stage.authority.vouch("coder.demo"), stage.authority.vouch("reviewer.demo"));
    let tokens = [
        (stage.bound(own.confirmation()), 200),
        (stage.bound(other.confirmation()), 401),
        (stage.bound(json!({ "x5t#S256": "p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6c" })), 401),
        (stage.issuer.good(), 200),
    ];
    let stream = stage.client(Some(&own), &TLS13).connect(stage.address(), b"h2").await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut sender, connection) = h2::client::Builder::new().handshake::<_, Bytes>(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    // Twice: the second time every token that verifies comes from the cache.
    for (token, expected) in tokens.iter().chain(&tokens) {
        let before = stage.upstream.seen();
        let request = http::Request::get("https://gateway.demo/secrets/v1/kv/dev/db")
            .header("authorization", format!("Bearer {token}"))
            .header("x-forwarded-client-cert", other.forwarded())
            .body(())
            .unwrap();
        sender = sender.ready().await.unwrap();
        let (response, _) = sender.send_request(request, true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), *expected);
        let mut body = response.into_body();
        while body.data().await.is_some() {}
        stage.saw(&before, *expected == 200);
    }
    connection.abort();
}
