//! Proofs of possession (DPoP, RFC 9449) through a real Envoy with two workers: each proof is of use once, whichever worker
//! gets it, and a client library that knows nothing of the gate is served.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use std::{net::SocketAddr, process::Stdio, time::Duration};

use actgate_demo::recorder::{Recorder, Script};
use actgate_harness::mint::{Algorithm, ProofSpec, TokenKey};
use actgate_tests::e2e::{
    bundle,
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome, Reply},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::{Issuer, now},
};
use serde_json::{Map, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

const URL: &str = "https://tools.demo/secrets/v1/kv/dev/db";
const LIMIT: Duration = Duration::from_secs(30);

/// A gateway that clients know as `https://tools.demo`, and what is behind it.
struct Stage {
    gateway: Gateway,
    upstream: Recorder,
    issuer: Issuer,
    setup: Setup,
}

impl Stage {
    async fn set(needs: Needs) -> Option<Self> {
        let setup = Setup::find(needs)?;
        let issuer = Issuer::new();
        let upstream = Recorder::start(Script::text(200, "from the upstream")).await.expect("a recorder");
        let mut bundle = bundle::demo(setup.root(), issuer.key_set());
        bundle.config.value["dpop"] = json!({ "origins": ["https://tools.demo"] });
        let departure =
            Departure { workers: 2, ..Departure::configured(serde_json::to_string(&bundle).unwrap()) };
        let state = State::new(&setup, &Template::read(setup.root()));
        let behind = state.upstream(upstream.address());
        let gateway = Gateway::start(state, departure, behind).await;
        Some(Self { gateway, upstream, issuer, setup })
    }

    fn bound(&self, key: &TokenKey) -> String {
        self.issuer.claiming("cnf", key.confirmation())
    }
}

fn proof(key: &TokenKey, token: &str, id: &str) -> String {
    let spec = ProofSpec {
        method: "GET".to_owned(),
        uri: URL.to_owned(),
        id: id.to_owned(),
        issued_at: now(),
        header: Map::new(),
        claims: Map::new(),
    };
    spec.sign(key, token).expect("a proof")
}

async fn ask(gateway: SocketAddr, token: &str, proof: &str) -> Reply {
    let request = format!(
        "GET /secrets/v1/kv/dev/db HTTP/1.1\r\nhost: tools.demo\r\nauthorization: DPoP {token}\r\ndpop: {proof}\r\n\r\n"
    );
    match h1::send(gateway, request.as_bytes()).await {
        Outcome::Reply(reply) => reply,
        other @ (Outcome::Closed | Outcome::Silence) => panic!("no answer: {other:?}"),
    }
}

fn summary(reply: &Reply) -> String {
    match reply.status {
        200 => "200".to_owned(),
        status => format!("{status} {}", reply.json()["reason"].as_str().expect("a reason")),
    }
}

/// Many at once with the same proof, on connections of their own and so on either worker: one is served.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_of_use_once_on_all_workers_together() {
    const ROUNDS: usize = 30;
    const AT_ONCE: usize = 8;
    let Some(stage) = Stage::set(Needs::Gateway).await else { return };
    let key = TokenKey::generate(Algorithm::Es256).expect("a key");
    let token = stage.bound(&key);
    let records = ledger::from_now(&stage.gateway.ledger());
    for round in 0..ROUNDS {
        let proof = proof(&key, &token, &format!("round {round}"));
        let address = stage.gateway.address();
        let asked = (0..AT_ONCE).map(|_| {
            let (token, proof) = (token.clone(), proof.clone());
            tokio::spawn(async move { summary(&ask(address, &token, &proof).await) })
        });
        let mut answers = Vec::new();
        for asked in asked.collect::<Vec<_>>() {
            answers.push(asked.await.expect("an answer"));
        }
        answers.sort();
        let mut expected = vec!["401 dpop_proof_replayed".to_owned(); AT_ONCE];
        expected[0] = "200".to_owned();
        assert_eq!(answers, expected, "round {round}");
        assert_eq!(stage.upstream.seen().requests.len(), round + 1);
    }
    let seen = stage.upstream.seen();
    for request in &seen.requests {
        assert_eq!(
            request.header("dpop").count() + request.header("authorization").count(),
            0,
            "{request:?}"
        );
    }
    // The record names the key by its thumbprint; nothing else of a proof is in it.
    let records = ledger::records(&records, ROUNDS * AT_ONCE).await;
    assert_eq!(records.len(), ROUNDS * AT_ONCE);
    let served = records.iter().filter(|record| record.decision() == "allow").collect::<Vec<_>>();
    assert_eq!(served.len(), ROUNDS);
    for record in served {
        assert_eq!(record.value()["attempted"]["jkt"], key.kid());
    }
    let text = std::fs::read_to_string(stage.gateway.ledger()).unwrap();
    assert!(!text.contains("round 0") && !text.contains("dpop+jwt") && !text.contains(&token));
}

/// An OAuth client of others, as its own process.
struct Client {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(stage: &Stage, alg: &str) -> Self {
        let layout = stage.setup.layout();
        let mut process = Command::new(layout.mcp_suite_node().unwrap())
            .arg(stage.setup.root().join("tests/oauth/protected-resource.mjs"))
            .arg(layout.oauth4webapi().unwrap())
            .args([URL, &stage.gateway.address().to_string(), alg])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a client");
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { _process: process, input, output: BufReader::new(output).lines() }
    }

    async fn line(&mut self) -> String {
        let line = timeout(LIMIT, self.output.next_line()).await.expect("a line in time");
        line.expect("a line").expect("the client lives")
    }

    async fn ask(&mut self, token: &str) -> String {
        self.input.write_all(format!("{token}\n").as_bytes()).await.expect("a write");
        self.line().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_library_is_served_and_understands_refusals() {
    const ALGS: &str = "EdDSA ES256 ES384 PS256 RS256";
    let Some(stage) = Stage::set(Needs::OAuthClient).await else { return };
    for alg in ["ES256", "ES384", "Ed25519", "RS256", "PS256"] {
        let mut client = Client::start(&stage, alg);
        let thumbprint = client.line().await;
        let token = stage.issuer.claiming("cnf", json!({ "jkt": thumbprint }));
        // The library makes a proof for each request.
        for _ in 0..3 {
            assert_eq!(client.ask(&token).await, "200", "{alg}");
        }
        let elsewhere = TokenKey::generate(Algorithm::Es256).expect("a key");
        let refused = format!("401 dpop invalid_token {ALGS}");
        assert_eq!(client.ask(&stage.bound(&elsewhere)).await, refused, "{alg}: somebody else's token");
        assert_eq!(client.ask(&stage.issuer.good()).await, refused, "{alg}: a token that is not bound");
    }
    assert_eq!(stage.upstream.seen().requests.len(), 15);
}

/// What `actgate mint proof` prints is a proof, and only for the address that it was made for.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_makes_proofs_for_clients_without_a_library() {
    let Some(stage) = Stage::set(Needs::Gateway).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.pem");
    let key = TokenKey::read_or_make(&file, Algorithm::Es256).expect("a key");
    let token = stage.bound(&key);
    let make = async |uri: &str| {
        let output = Command::new(stage.setup.root().join("target/debug/actgate"))
            .args(["mint", "proof", "--dpop-key"])
            .arg(&file)
            .args(["--uri", uri, "--token", &token])
            .output()
            .await
            .expect("the command");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let address = stage.gateway.address();
    let good = make(&format!("{URL}?with=a&query#part")).await;
    assert_eq!(summary(&ask(address, &token, &good).await), "200");
    assert_eq!(summary(&ask(address, &token, &good).await), "401 dpop_proof_replayed");
    let other = make("https://tools.demo/secrets/v1/kv/dev/other").await;
    assert_eq!(summary(&ask(address, &token, &other).await), "401 dpop_proof_invalid");
    assert_eq!(stage.upstream.seen().requests.len(), 1);
}
