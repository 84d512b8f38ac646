#![expect(clippy::arithmetic_side_effects, reason = "times of a test")]

use actgate_token::TokenCache;

use super::{KeyAddress, KeySource, Lease, Published};
use crate::{claim::CalloutAnswer, moment::Moment};

const SECOND: u64 = 1_000_000_000;
const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn at(seconds: u64) -> Moment {
    Moment::from_unix_nanos((1_800_000_000 + seconds) * SECOND)
}

fn source() -> KeySource {
    KeySource {
        alias: "demo".to_owned(),
        cluster: "issuer".to_owned(),
        scheme: "https".to_owned(),
        authority: "issuer.example".to_owned(),
        path: "/keys?v=1".to_owned(),
        refresh: 300,
        max_age: 3600,
    }
}

/// One worker: what it knows, and what it shares.
struct Worker {
    cache: TokenCache,
    fetched: Option<Moment>,
}

impl Worker {
    fn new() -> Self {
        Self { cache: TokenCache::default(), fetched: None }
    }

    fn adopt(&mut self, text: &str, now: Moment) {
        let published = Published { fetched: now, text: text.to_owned() };
        source().adopt(&published, &mut self.cache, now).unwrap();
        self.fetched = Some(now);
    }

    /// Whether it would ask now; the lease it would take.
    fn due(&self, lease: Lease, now: Moment) -> Option<Lease> {
        source().due(lease, self.fetched, &self.cache, now)
    }

    /// A token names a key that is not there, and this worker has not heard when it was last asked for.
    fn miss(&mut self) {
        self.cache.keys_mut().set_refetch("demo", actgate_token::Refetch::Wanted);
    }
}

#[test]
fn one_worker_asks_and_the_others_wait() {
    let worker = Worker::new();
    let taken = worker.due(Lease::default(), at(0)).expect("there are no keys");
    assert!(taken.is_held(at(5)));
    assert_eq!(worker.due(taken, at(5)), None, "somebody else is asking");
    assert!(worker.due(taken, at(6)).is_some(), "who asked has died");
}

#[test]
fn keys_are_refreshed_when_they_have_an_age() {
    let mut worker = Worker::new();
    let taken = worker.due(Lease::default(), at(0)).unwrap();
    worker.adopt(SET, at(0));
    let lease = taken.returned(true);
    assert_eq!(worker.due(lease, at(299)), None);
    let second = worker.due(lease, at(300)).expect("five minutes are over");
    // It fails: once a minute is enough while there are keys.
    let failed = second.returned(false);
    assert_eq!(worker.due(failed, at(359)), None);
    assert!(worker.due(failed, at(360)).is_some());
}

#[test]
fn without_keys_attempts_become_rarer() {
    let worker = Worker::new();
    let (mut lease, mut now, mut attempts) = (Lease::default(), 0, Vec::new());
    while now < 60 {
        if let Some(taken) = worker.due(lease, at(now)) {
            attempts.push(now);
            lease = taken.returned(false);
        }
        now += 1;
    }
    assert_eq!(attempts, [0, 1, 3, 7, 17, 27, 37, 47, 57]);
}

#[test]
fn a_flood_of_unknown_keys_asks_once_a_minute() {
    let mut worker = Worker::new();
    let mut lease = worker.due(Lease::default(), at(0)).unwrap().returned(true);
    worker.adopt(SET, at(0));
    let mut attempts = Vec::new();
    for second in 1..250 {
        worker.miss();
        if let Some(taken) = worker.due(lease, at(second)) {
            attempts.push(second);
            source().note(taken, &mut worker.cache, at(second));
            lease = taken.returned(second % 120 == 0);
            source().note(lease, &mut worker.cache, at(second));
        }
    }
    assert_eq!(attempts, [60, 120, 180, 240]);
}

#[test]
fn old_keys_are_no_keys() {
    let mut worker = Worker::new();
    worker.adopt(SET, at(0));
    assert!(worker.cache.keys().is_known("demo", at(3599).unix_time()));
    assert!(!worker.cache.keys().is_known("demo", at(3600).unix_time()));
    // The failures before do not keep it from trying again soon.
    assert!(worker.due(Lease::default(), at(3600)).is_some());
}

#[test]
fn a_clock_that_was_ahead_makes_nothing_younger() {
    let mut worker = Worker::new();
    let published = Published { fetched: at(1_000_000), text: SET.to_owned() };
    source().adopt(&published, &mut worker.cache, at(0)).unwrap();
    assert!(!worker.cache.keys().is_known("demo", at(3600).unix_time()));
    let ahead = Lease::default().taken(0, at(1_000_000)).returned(false);
    assert!(worker.due(ahead, at(4000)).is_some());
}

#[test]
fn an_answer_is_a_key_set_or_nothing() {
    let read = |status: u16, body: &[u8]| KeySource::read(Some(CalloutAnswer { status, body }));
    assert_eq!(read(200, SET.as_bytes()).as_deref(), Ok(SET));
    assert_eq!(read(200, br#"{"keys":[]}"#).as_deref(), Ok(r#"{"keys":[]}"#), "all keys are withdrawn");
    assert_eq!(KeySource::read(None), Err("no answer came".to_owned()));
    let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 65].join(","));
    let huge = format!("{}{SET}", " ".repeat(actgate_token::MAX_SET_BYTES));
    let lies: [(u16, &[u8]); 11] = [
        (204, b""),
        (302, SET.as_bytes()),
        (404, SET.as_bytes()),
        (500, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"{}"),
        (200, br#"{"keys":{}}"#),
        (200, b"\xff\xfe"),
        (200, many.as_bytes()),
        (200, huge.as_bytes()),
    ];
    for (status, body) in lies {
        assert!(read(status, body).is_err(), "{status} {}", String::from_utf8_lossy(body));
    }
}

#[test]
fn what_workers_share_survives_the_way() {
    let lease = Lease::default().taken(5000, at(7)).returned(false).taken(5000, at(9));
    assert_eq!(Lease::read(&lease.write()), lease);
    assert_eq!(Lease::read(&Lease::default().write()), Lease::default());
    for strange in [&b""[..], b"x", &[0; 19], &[1; 21]] {
        assert_eq!(Lease::read(strange), Lease::default());
    }
    let published = Published { fetched: at(3), text: SET.to_owned() };
    assert_eq!(Published::read(&published.write()), Some(published));
    assert_eq!(Published::read(b"short"), None);
    assert_eq!(Published::read(b"12345678\xff"), None);
}

#[test]
fn addresses_are_taken_apart() {
    let parse = |uri: &str| {
        KeyAddress::parse(uri).map(|address| [address.scheme, address.authority, address.path].join(" "))
    };
    assert_eq!(
        parse("https://issuer.example:8443/a/b?c=d").as_deref(),
        Some("https issuer.example:8443 /a/b?c=d")
    );
    assert_eq!(parse("http://[::1]/keys").as_deref(), Some("http [::1] /keys"));
    for bad in [
        "",
        "keys.json",
        "https://issuer.example",
        "ftp://issuer.example/",
        "HTTPS://issuer.example/",
        "https:///keys",
        "https://user@issuer.example/",
        "https://issuer.example/#keys",
        "https://issuer.example/ keys",
        "https://issuer.example/\r\nx: y",
        "https://issuer.example?x=/",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn the_request_is_for_the_address_and_uncompressed() {
    let callout = source().callout();
    let header =
        |name: &str| callout.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(callout.cluster, "issuer");
    assert_eq!((header(":method"), header(":path")), (Some("GET"), Some("/keys?v=1")));
    assert_eq!((header(":authority"), header("accept-encoding")), (Some("issuer.example"), Some("identity")));
    assert!(callout.body.is_empty());
}
