//! Tokens that are bound to a client certificate, through the plugin in the wasmtime host: the certificate is what a proxy
//! says of the connection.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test panics, and says so"
)]

use actgate_harness::host::{
    Answer, Entropy, Forwarded, Headers, Module, ModuleOptions, Plugin, Request, Response, Shared, Upstream,
    Vm,
};
use actgate_harness::mint::{Algorithm, ProofSpec, TokenKey};
use actgate_tests::e2e::{
    bundle,
    setup::{Needs, Setup},
    tokens::{Issuer, now},
};
use serde_json::{Map, Value, json};

/// The SHA-256 of a certificate, in both forms.
const HEX: &str = "a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7";
const BASE64URL: &str = "p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6c";

struct Everybody;

impl Upstream for Everybody {
    fn answer(&mut self, _: &Forwarded) -> Answer {
        Answer::Response(Response::new(200, "from the upstream"))
    }
}

fn ask(vm: &mut Vm, token: &str, certificate: Option<&str>) -> String {
    show(vm, &format!("Bearer {token}"), &[], certificate)
}

fn show(vm: &mut Vm, credential: &str, more: &[(&str, &str)], certificate: Option<&str>) -> String {
    const DIGEST: &[&str] = &["connection", "sha256_peer_certificate_digest"];
    let headers = [
        (":method", "GET"),
        (":path", "/secrets/v1/kv/dev/db"),
        (":authority", "gateway.demo"),
        (":scheme", "https"),
        // What a client says of its certificate is nobody's word for it.
        (
            "x-forwarded-client-cert",
            concat!("Hash=", "a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7"),
        ),
        ("authorization", credential),
    ];
    let headers = Headers::new(headers.into_iter().chain(more.iter().copied()));
    let attributes = certificate.map(|digest| (DIGEST, digest.as_bytes().to_vec())).into_iter().collect();
    let done = vm.exchange(Request { headers, attributes, ..Request::default() }, &mut Everybody);
    let client = done.client.expect("a response");
    assert_eq!(done.upstream.is_some(), client.status() == 200);
    let body: Value = serde_json::from_slice(&client.body()).unwrap_or_default();
    format!("{} {}", client.status(), body["reason"].as_str().unwrap_or("passed"))
}

#[test]
fn a_bound_token_passes_with_its_certificate_only() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let cache = Some(setup.root().join("target/wasm-cache"));
    let options = ModuleOptions { cache, ..ModuleOptions::default() };
    let module = Module::read(&setup.layout().plugin().unwrap(), &options).expect("the plugin");
    let issuer = Issuer::new();
    let bundle = serde_json::to_string(&bundle::demo(setup.root(), issuer.key_set())).unwrap();
    let time = u64::try_from(now()).unwrap().saturating_mul(1_000_000_000);
    let plugin = Plugin::new("actgate", bundle);
    let mut vm = Vm::load(&module, plugin, Shared::new(), Entropy::seeded(1), time).expect("a VM");

    let bound = issuer.claiming("cnf", json!({ "x5t#S256": BASE64URL }));
    let other = HEX.replacen("a7", "a8", 1);
    // The second round is decided with the token from the cache.
    for _ in 0..2 {
        assert_eq!(ask(&mut vm, &bound, Some(HEX)), "200 passed");
        assert_eq!(ask(&mut vm, &bound, Some(&other)), "401 token_binding_mismatch");
        assert_eq!(ask(&mut vm, &bound, None), "401 token_binding_unchecked");
        assert_eq!(ask(&mut vm, &bound, Some("")), "401 token_binding_unchecked");
        assert_eq!(ask(&mut vm, &bound, Some("not hexadecimal")), "401 token_binding_unchecked");
    }
    // Proofs are not checked here.
    let elsewhere = issuer.claiming("cnf", json!({ "jkt": BASE64URL }));
    assert_eq!(ask(&mut vm, &elsewhere, Some(HEX)), "401 token_binding_unchecked");
    assert_eq!(ask(&mut vm, &issuer.good(), None), "200 passed");
}

/// What VMs share of proofs: whoever comes later, or anew, knows which were used.
#[test]
fn used_proofs_are_known_to_every_vm_and_outlive_each() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let cache = Some(setup.root().join("target/wasm-cache"));
    let options = ModuleOptions { cache, ..ModuleOptions::default() };
    let module = Module::read(&setup.layout().plugin().unwrap(), &options).expect("the plugin");
    let issuer = Issuer::new();
    let mut bundle = bundle::demo(setup.root(), issuer.key_set());
    bundle.config.value["dpop"] = json!({ "origins": ["https://gateway.demo"], "window": "60s" });
    let bundle = serde_json::to_string(&bundle).unwrap();
    let start = now();
    let nanos = |seconds: i64| u64::try_from(start + seconds).unwrap().saturating_mul(1_000_000_000);
    let load = |shared: Shared, seed, seconds| {
        let plugin = Plugin::new("actgate", bundle.clone());
        Vm::load(&module, plugin, shared, Entropy::seeded(seed), nanos(seconds)).expect("a VM")
    };
    let key = TokenKey::generate(Algorithm::Es256).expect("a key");
    let bound = issuer.claiming("cnf", key.confirmation());
    let proof = |id: &str, seconds: i64| {
        let spec = ProofSpec {
            method: "GET".to_owned(),
            uri: "https://gateway.demo/secrets/v1/kv/dev/db".to_owned(),
            id: id.to_owned(),
            issued_at: start + seconds,
            header: Map::new(),
            claims: Map::new(),
        };
        spec.sign(&key, &bound).expect("a proof")
    };
    let credential = format!("DPoP {bound}");
    let prove = |vm: &mut Vm, proof: &str| show(vm, &credential, &[("dpop", proof)], None);

    let shared = Shared::new();
    let (mut first, mut second) = (load(shared.clone(), 1, 0), load(shared.clone(), 2, 0));
    let once = proof("once", 0);
    assert_eq!(prove(&mut first, &once), "200 passed");
    assert_eq!(prove(&mut first, &once), "401 dpop_proof_replayed");
    assert_eq!(prove(&mut second, &once), "401 dpop_proof_replayed", "another worker");
    // A VM that is loaded anew, as after a trap or with another bundle.
    drop(first);
    let mut third = load(shared, 3, 30);
    assert_eq!(prove(&mut third, &once), "401 dpop_proof_replayed");
    assert_eq!(prove(&mut third, &proof("twice", 30)), "200 passed");
    // The token from the cache, the proof of each use checked: too old by now.
    second.set_time(nanos(61));
    assert_eq!(prove(&mut second, &once), "401 dpop_proof_invalid");
    assert_eq!(prove(&mut second, &proof("new", 61)), "200 passed");

    // Another process has another memory, and takes nothing that may have been used with the one before.
    let mut other = load(Shared::new(), 4, 10);
    assert_eq!(prove(&mut other, &once), "401 dpop_proof_invalid");
    assert_eq!(prove(&mut other, &proof("later", 10)), "200 passed");
}
