//! The gate without a proxy, over the demo's bundle: something to hold a profiler against (docs/performance.md).
//!
//! `gate allow|deny|hold [REQUESTS]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for whoever profiles")]

use std::{
    path::Path,
    time::{Instant, UNIX_EPOCH},
};

use actgate_authz::{Authorizer, Gate, Moment, Step, TokenCache};
use actgate_harness::{
    mint::{Actor, KeyStore, TokenSpec, issuers},
    source::{Source, read_config},
};
use serde_json::Map;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = match arguments.next().as_deref() {
        None | Some("allow") => "/secrets/v1/kv/dev/db",
        Some("deny") => "/secrets/v1/kv/other/db",
        Some("hold") => "/secrets/v1/kv/prod/db",
        Some(other) => {
            println!("`{other}` is none of allow, deny and hold");
            return;
        }
    };
    let requests: u32 = arguments.next().map_or(1000, |count| count.parse().unwrap());

    let config = Path::new("demo/actgate.yaml");
    let issuer = issuers(&read_config(config).unwrap(), Path::new("demo")).unwrap().remove(0);
    let store = KeyStore::of(&issuer).unwrap();
    store.init().unwrap();
    let clock = || u64::try_from(UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap();
    let token = TokenSpec {
        profile: issuer.profile,
        issuer: issuer.issuer.clone(),
        subject: "alice@demo".to_owned(),
        audiences: issuer.audiences,
        actor: Some(Actor::named("spiffe://demo/agent/coder")),
        client_id: None,
        scope: None,
        token_id: "profile".to_owned(),
        issued_at: i64::try_from(clock() / 1_000_000_000).unwrap(),
        lifetime: 600,
        claims: Map::new(),
        tamper: Vec::new(),
    };
    let credential = format!("Bearer {}", token.mint(&store.preferred().unwrap()).unwrap());
    let mut bundle = Source::load(config).unwrap().bundle().clone();
    // Nobody is asked: what the gate itself takes is counted.
    let approvals = bundle
        .config
        .value
        .pointer_mut("/approvals")
        .and_then(|approvals| approvals.as_object_mut())
        .unwrap();
    approvals.retain(|name, _| name == "groups");
    let authorizer = Authorizer::load(&bundle).unwrap().authorizer;

    let headers: [(&[u8], &[u8]); 10] = [
        (b":authority", b"gateway.example"),
        (b":path", path.as_bytes()),
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b"user-agent", b"agent/1.0"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        (b"authorization", credential.as_bytes()),
        (b"x-request-id", b"0c3e2e4f-1f0a-4e0e-9a3a-3d2d4c1b2a10"),
    ];
    let mut cache = TokenCache::default();
    let now = Moment::from_unix_nanos(clock());
    play(&authorizer, &mut cache, &headers, now);
    let start = Instant::now();
    for _ in 0..requests {
        play(&authorizer, &mut cache, &headers, now);
    }
    println!("{:.2} us a request", start.elapsed().as_secs_f64() * 1e6 / f64::from(requests));
}

/// What the plugin does for one request.
#[inline(never)]
fn play(authorizer: &Authorizer, cache: &mut TokenCache, headers: &[(&[u8], &[u8])], now: Moment) {
    let mut gate = Gate::new(now, [7; 10]);
    let step = gate.on_headers(authorizer, cache, headers, true, now);
    match step {
        Step::Forward(forwarding) => drop(std::hint::black_box(forwarding.marker())),
        Step::Reply(reply) => drop(std::hint::black_box(reply)),
        Step::AwaitBody | Step::HoldBack | Step::Discard(_) | Step::Callout(_) => {
            println!("a body is awaited")
        }
    }
    std::hint::black_box(gate.record());
}
