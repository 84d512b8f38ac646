//! The ledger's store: what gateways send is there once, in a chain that shows every change, and is found.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code"
)]

mod support;

use std::time::Instant;

use actgate_control::{
    ledger::{Link, record_digest},
    store::{Count, CountBy, LedgerFilter, Store},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use support::{BEGIN, BOB, CAROL, GATEWAY, Replica, Reply, postgres::Cluster};

const DAY: i64 = 86_400;

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("control.db");
                let replica = super::Replica::start(folder.path(), super::Store::sqlite(&file).await.unwrap()).await;
                super::$name(&replica, &format!("sqlite://{}", file.display())).await;
                replica.stop().await;
            })+
        }

        #[tokio::test]
        async fn everything_holds_on_postgresql() {
            let Some(cluster) = Cluster::start().await else { return };
            $({
                println!("{}", stringify!($name));
                let folder = tempfile::tempdir().unwrap();
                let url = cluster.database(stringify!($name)).await;
                let replica = Replica::start(folder.path(), Store::postgres(&url).await.unwrap()).await;
                $name(&replica, &url).await;
                replica.stop().await;
            })+
        }
    };
}

scenarios![
    what_is_sent_again_is_there_once,
    an_emitters_numbers_only_rise,
    records_are_found_by_who_what_and_when,
    pages_go_through_everything_once,
    only_readers_read_and_only_gateways_write,
    the_chain_shows_every_change,
    what_is_too_old_is_forgotten,
    what_is_no_record_is_not_taken,
    calls_are_counted_as_records_come_in,
    an_attempt_has_one_outcome_or_an_explicit_unknown,
    losses_are_told_in_their_chain,
];

fn pick(words: &'static [&'static str], variant: i64) -> &'static str {
    words[usize::try_from(variant).unwrap() % words.len()]
}

/// A record of some second after the beginning, in one of many variants.
fn record(second: i64, variant: i64) -> Value {
    let time =
        DateTime::from_timestamp(BEGIN + second, 0).unwrap().format("%Y-%m-%dT%H:%M:%S.250Z").to_string();
    let (decision, more) = match variant % 4 {
        0 => ("deny", json!({ "reason": "policy_denied", "status": 403 })),
        1 => ("hold", json!({ "reason": "approval_required", "status": 403 })),
        _ => ("allow", json!({})),
    };
    let mut decided = json!({ "decision": decision, "policies": ["git.x"], "latency_us": 100 });
    decided.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "v": 1, "id": format!("01a20e83-a248-7000-8000-{variant:012x}"), "time": time, "trace": null,
        "bundle": "sha-256:JkbhIWqXkaJ1eNiihNwU6Lf2d-w8iv-I0niFSOXH52c", "service": pick(&["git", "secrets"], variant),
        "stage": "decided",
        "attempted": {
            "method": "POST", "authority": "gateway:10000", "path": "/git/payments.git/git-receive-pack",
            "subject": format!("demo/user{}@demo", variant % 50), "actor": format!("demo/spiffe://demo/agent/a{}", variant % 20),
            "chain": [], "jti": "7OsglCObydgl0jzfBW0e4A", "task": format!("task-{}", variant % 1000),
            "calls": [{
                "action": pick(&["git.ref.update", "git.fetch", "secrets.read"], variant),
                "resource": "Git::Ref::\"payments/refs/heads/main\"", "arguments": { "ref": "refs/heads/main" },
            }],
        },
        "decided": decided, "approved": null,
        "executed": { "status": 200, "details": "via_upstream", "flags": "-", "upstream": "127.0.0.1:36301",
                      "request_bytes": 0, "response_bytes": 119, "duration_ms": 2 },
    })
}

fn batch(emitter: &str, records: impl IntoIterator<Item = (i64, Value)>) -> Value {
    let events: Vec<Value> = records
        .into_iter()
        .map(|(sequence, record)| json!({ "sequence": sequence, "record": record }))
        .collect();
    json!({ "emitter": emitter, "events": events })
}

async fn send(replica: &Replica, batch: &Value) -> Reply {
    replica.post("/v1/events", &replica.gateway_token(GATEWAY), batch).await
}

/// The numbers that a search finds, as Carol, and where the next page begins.
async fn found(replica: &Replica, query: &str) -> (Vec<i64>, Option<String>) {
    let reply = replica.get(&format!("/v1/events{query}"), &replica.token_of(CAROL).await).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text);
    let page = reply.json();
    let numbers = page["events"].as_array().unwrap().iter().map(|event| event["sequence"].as_i64().unwrap());
    (numbers.collect(), page["next"].as_str().map(str::to_owned))
}

async fn what_is_sent_again_is_there_once(replica: &Replica, _: &str) {
    let one = batch("envoy-1", (1..=40).map(|number| (number, record(number, number))));
    let reply = send(replica, &one).await;
    assert_eq!(
        (reply.status, reply.json()),
        (200, json!({ "stored": 40, "known": 0, "last": 40 })),
        "{}",
        reply.text
    );
    assert_eq!(send(replica, &one).await.json(), json!({ "stored": 0, "known": 40, "last": 40 }));
    // Half of it was known, from a batch whose answer was lost.
    let half = batch("envoy-1", (30..=50).map(|number| (number, record(number, number))));
    assert_eq!(send(replica, &half).await.json(), json!({ "stored": 10, "known": 11, "last": 50 }));
    // Another emitter counts for itself, and so does another gateway.
    let other = batch("envoy-2", [(1, record(1, 1))]);
    assert_eq!(send(replica, &other).await.json()["stored"], 1);
    let foreign = replica.post("/v1/events", &replica.gateway_token("gateway-other"), &other).await;
    assert_eq!(foreign.json()["stored"], 1);
    assert_eq!(found(replica, "?limit=500").await.0.len(), 52);

    // An answer that was late: both are under way at once.
    let twice = batch("envoy-3", (1..=100).map(|number| (number, record(number, number))));
    let (left, right) = tokio::join!(send(replica, &twice), send(replica, &twice));
    let stored = [left.json()["stored"].as_i64().unwrap(), right.json()["stored"].as_i64().unwrap()];
    assert!(stored == [100, 0] || stored == [0, 100], "{stored:?}");
    assert_eq!(found(replica, "?gateway=gateway-demo&emitter=envoy-3&limit=500").await.0.len(), 100);
}

async fn an_emitters_numbers_only_rise(replica: &Replica, _: &str) {
    let with_gap = batch("envoy-1", [(1, record(1, 1)), (2, record(2, 2)), (5, record(5, 5))]);
    assert_eq!(send(replica, &with_gap).await.json()["last"], 5);
    // A gap stays, and nothing takes the place of what is there.
    for late in
        [batch("envoy-1", [(3, record(3, 3))]), batch("envoy-1", [(2, record(2, 7)), (6, record(6, 6))])]
    {
        let reply = send(replica, &late).await;
        assert_eq!((reply.status, reply.problem().as_str()), (409, "sequence"));
    }
    assert_eq!(found(replica, "?gateway=gateway-demo&emitter=envoy-1").await.0, [1, 2, 5]);
    for odd in [
        batch("envoy-1", [(7, record(1, 1)), (7, record(1, 1))]),
        batch("envoy-1", [(0, record(1, 1))]),
        batch("envoy-1", [(1_i64 << 53, record(1, 1))]),
        batch("", [(7, record(1, 1))]),
        batch("envoy 1", [(7, record(1, 1))]),
        batch("envoy-1", []),
        batch("envoy-1", (1..=1001).map(|number| (number, json!({})))),
    ] {
        assert_eq!(send(replica, &odd).await.problem(), "invalid");
    }
}

/// The attempt of a record: what a gateway has stored before it lets it go on.
fn attempt(record: &Value) -> Value {
    let mut attempt = record.clone();
    attempt["stage"] = "attempted".into();
    attempt["executed"] = Value::Null;
    attempt
}

async fn store(replica: &Replica, record: &Value) -> Reply {
    let body = json!({ "emitter": "envoy/attempts", "record": record });
    replica.post("/v1/attempts", &replica.gateway_token(GATEWAY), &body).await
}

/// What readers see of everything: id, stage and `executed`.
async fn seen(replica: &Replica) -> Vec<(String, String, Value)> {
    let reply = replica.get("/v1/events?limit=500", &replica.token_of(CAROL).await).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let page = reply.json();
    let records = page["events"].as_array().unwrap().iter().map(|event| &event["record"]);
    records.map(|record| (text(&record["id"]), text(&record["stage"]), record["executed"].clone())).collect()
}

async fn an_attempt_has_one_outcome_or_an_explicit_unknown(replica: &Replica, _: &str) {
    // Permitted ones: 2, 3, 6, 7, ...
    let records: Vec<Value> = [2, 3, 6, 7].iter().map(|number| record(*number, *number)).collect();
    let mut receipts = Vec::new();
    for record in &records[..3] {
        let reply = store(replica, &attempt(record)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        receipts.push(reply.json());
    }
    let text = attempt(&records[0]).to_string();
    let digest = record_digest(&text);
    let digest = URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(receipts[0], json!({ "id": records[0]["id"], "digest": format!("sha-256:{digest}") }));
    assert_eq!(store(replica, &attempt(&records[0])).await.json(), receipts[0], "sent again");
    let mut other = attempt(&records[0]);
    other["attempted"]["method"] = "GET".into();
    let reply = store(replica, &other).await;
    assert_eq!((reply.status, reply.problem().as_str()), (409, "attempt_reused"));
    // Only what is an attempt, and attempts nowhere else.
    for odd in [records[0].clone(), attempt(&record(1, 1)), attempt(&record(4, 4))] {
        assert_eq!(store(replica, &odd).await.problem(), "invalid", "{odd}");
    }
    assert_eq!(send(replica, &batch("envoy-1", [(1, attempt(&records[0]))])).await.problem(), "invalid");

    let open = json!({ "outcome": "open", "said_by": "control" });
    assert!(seen(replica).await.iter().all(|(_, stage, executed)| stage == "attempted" && *executed == open));
    assert_eq!(seen(replica).await.len(), 3);
    // The record of the first comes, and of one whose attempt is late.
    let sent = batch("envoy-1", [(1, records[0].clone()), (2, records[3].clone())]);
    assert_eq!(send(replica, &sent).await.status, 200);
    assert_eq!(store(replica, &attempt(&records[3])).await.status, 200);
    // Another gateway's record settles nothing here.
    let foreign = batch("envoy-1", [(1, records[1].clone())]);
    let reply = replica.post("/v1/events", &replica.gateway_token("gateway-other"), &foreign).await;
    assert_eq!(reply.status, 200);
    let by_id = |id: &Value, seen: &[(String, String, Value)]| -> Vec<(String, Value)> {
        let of_id = seen.iter().filter(|(other, _, _)| id == other);
        of_id.map(|(_, stage, executed)| (stage.clone(), executed.clone())).collect()
    };
    let all = seen(replica).await;
    assert_eq!(by_id(&records[0]["id"], &all), [("decided".to_owned(), records[0]["executed"].clone())]);
    assert_eq!(by_id(&records[3]["id"], &all), [("decided".to_owned(), records[3]["executed"].clone())]);
    assert_eq!(by_id(&records[2]["id"], &all), [("attempted".to_owned(), open.clone())]);
    assert_eq!(by_id(&records[1]["id"], &all).len(), 2);

    // After ten minutes what has no outcome is unknown, and one that comes later counts all the same.
    replica.app.keep_up_once().await.unwrap();
    assert_eq!(by_id(&records[2]["id"], &seen(replica).await), [("attempted".to_owned(), open)]);
    replica.turn(700);
    replica.app.keep_up_once().await.unwrap();
    let unknown = json!({ "outcome": "unknown", "said_by": "control" });
    assert_eq!(by_id(&records[2]["id"], &seen(replica).await), [("attempted".to_owned(), unknown)]);
    assert_eq!(send(replica, &batch("envoy-1", [(3, records[2].clone())])).await.status, 200);
    assert_eq!(
        by_id(&records[2]["id"], &seen(replica).await),
        [("decided".to_owned(), records[2]["executed"].clone())]
    );
    // The chain holds the attempts as they were sent, whatever readers see.
    let chain = replica
        .get("/v1/events?gateway=gateway-demo&emitter=envoy/attempts", &replica.token_of(CAROL).await)
        .await
        .json();
    let events = chain["events"].as_array().unwrap();
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event["record"]["executed"].is_null()));
    assert_eq!(events[0]["record"], attempt(&records[0]));
}

async fn losses_are_told_in_their_chain(replica: &Replica, _: &str) {
    let lost = json!({
        "v": 1, "time": "2027-01-15T08:00:05.000Z", "stage": "lost", "attempted": {}, "decided": null,
        "executed": null, "lost": { "cause": "overflow", "count": 2, "first": 2, "last": 3 },
    });
    let sent = batch("envoy-1", [(1, record(2, 2)), (4, lost.clone())]);
    assert_eq!(send(replica, &sent).await.status, 200);
    assert_eq!(found(replica, "?decision=lost").await.0, [4]);
    let mut half = lost;
    half["lost"].as_object_mut().unwrap().remove("count");
    assert_eq!(send(replica, &batch("envoy-1", [(5, half)])).await.problem(), "invalid");
}

async fn records_are_found_by_who_what_and_when(replica: &Replica, _: &str) {
    let mut records: Vec<(i64, Value)> = (1..=60).map(|number| (number, record(number, number))).collect();
    // The second call's action is found as well.
    let more = json!({ "action": "deploy.manifest.put", "resource": "Deploy::Tag::\"x\"", "arguments": {} });
    records[9].1["attempted"]["calls"].as_array_mut().unwrap().push(more);
    records.push((61, json!({
        "v": 1, "stage": "rejected_by_proxy", "time": "2027-01-15T08:01:01.000Z", "attempted": { "method": "GET" },
        "executed": { "status": 400 },
    })));
    assert_eq!(send(replica, &batch("envoy-1", records)).await.status, 200);
    let matching =
        |matches: fn(i64) -> bool| (1..=60).rev().filter(|number| matches(*number)).collect::<Vec<_>>();
    for (query, expected) in [
        ("?agent=demo/spiffe://demo/agent/a3", matching(|number| number % 20 == 3)),
        ("?subject=demo/user7@demo", matching(|number| number % 50 == 7)),
        ("?task=task-11", vec![11]),
        ("?action=git.fetch", matching(|number| number % 3 == 1)),
        ("?action=deploy.manifest.put", vec![10]),
        ("?action=deploy.manifest.put&decision=allow", vec![10]),
        ("?action=deploy.manifest.put&decision=deny", vec![]),
        ("?decision=hold", matching(|number| number % 4 == 1)),
        ("?decision=rejected_by_proxy", vec![61]),
        ("?service=git&decision=deny&action=git.ref.update", matching(|number| number % 12 == 0)),
        ("?since=2027-01-15T08:00:10Z&until=2027-01-15T08:00:13Z", vec![12, 11, 10]),
        ("?since=1800000010&until=1800000011&action=deploy.manifest.put", vec![10]),
        ("?agent=nobody", vec![]),
    ] {
        assert_eq!(found(replica, query).await.0, expected, "{query}");
    }
    let reply = replica.get("/v1/events?task=task-11", &replica.token_of(CAROL).await).await;
    assert_eq!(reply.json()["events"][0]["record"], record(11, 11));
    for odd in ["?limit=0", "?limit=501", "?since=yesterday", "?before=x", "?agnt=x", "?emitter=envoy-1"] {
        let reply = replica.get(&format!("/v1/events{odd}"), &replica.token_of(CAROL).await).await;
        assert_eq!((reply.status, reply.problem().as_str()), (422, "invalid"), "{odd}");
        replica.turn(5);
    }
}

async fn pages_go_through_everything_once(replica: &Replica, _: &str) {
    // Many of one millisecond.
    let records = (1..=95).map(|number| (number, record(number / 20, number)));
    assert_eq!(send(replica, &batch("envoy-1", records)).await.status, 200);
    for query in ["?limit=10", "?limit=10&action=git.fetch"] {
        let (mut all, mut next) = (Vec::new(), Some(String::new()));
        while let Some(before) = next {
            let before = if before.is_empty() { before } else { format!("&before={before}") };
            let (page, after) = found(replica, &format!("{query}{before}")).await;
            assert!(page.len() <= 10);
            all.extend(page);
            next = after;
        }
        all.sort_unstable();
        let expected: Vec<i64> =
            (1..=95).filter(|number| !query.contains("fetch") || number % 3 == 1).collect();
        assert_eq!(all, expected, "{query}");
        replica.turn(60);
    }
}

async fn only_readers_read_and_only_gateways_write(replica: &Replica, _: &str) {
    let one = batch("envoy-1", [(1, record(1, 1))]);
    let carol = replica.token_of(CAROL).await;
    assert_eq!(replica.post("/v1/events", &carol, &one).await.status, 401);
    assert_eq!(send(replica, &one).await.status, 200);
    for path in ["/v1/events", "/v1/emitters", "/v1/checkpoints?gateway=gateway-demo&emitter=envoy-1"] {
        assert_eq!(replica.get(path, &carol).await.status, 200, "{path}");
        assert_eq!(replica.get(path, &replica.gateway_token(GATEWAY)).await.status, 401, "{path}");
        let bob = replica.get(path, &replica.token_of(BOB).await).await;
        assert_eq!((bob.status, bob.problem().as_str()), (403, "not_a_reader"), "{path}");
    }
}

/// Reads an emitter's records over the API and follows the chain, to where it ends.
async fn followed(replica: &Replica) -> Result<String, String> {
    let reply = replica
        .get("/v1/events?gateway=gateway-demo&emitter=envoy-1&limit=500", &replica.token_of(CAROL).await)
        .await;
    // As it stands in the answer: nothing may have written it anew.
    let mut link = Link::origin(GATEWAY, "envoy-1");
    let page: serde_json::Map<String, Value> = serde_json::from_str(&reply.text).unwrap();
    for event in page["events"].as_array().unwrap() {
        link = link.next(event["sequence"].as_i64().unwrap(), &record_digest(&event["record"].to_string()));
        if event["link"] != link.text() {
            return Err(format!("broken at {}", event["sequence"]));
        }
    }
    Ok(link.text())
}

async fn the_chain_shows_every_change(replica: &Replica, url: &str) {
    let records = (1..=20).map(|number| (number, record(number, number)));
    assert_eq!(send(replica, &batch("envoy-1", records)).await.status, 200);
    let end = followed(replica).await.unwrap();
    // A signature keeps the end.
    replica.app.keep_up_once().await.unwrap();
    replica.app.keep_up_once().await.unwrap();
    let carol = replica.token_of(CAROL).await;
    let path = "/v1/checkpoints?gateway=gateway-demo&emitter=envoy-1";
    let signed = replica.get(path, &carol).await.json();
    assert_eq!(signed["checkpoints"].as_array().unwrap().len(), 1);
    let token = signed["checkpoints"][0].as_str().unwrap();
    let claims = checkpoint(token, &replica.get("/v1/keys/ledger", "none").await.json()["keys"][0]);
    assert_eq!(
        (&claims["sequence"], &claims["count"], &claims["link"]),
        (&json!(20), &json!(20), &json!(end))
    );
    assert_eq!(claims["iat"], BEGIN);
    // It is no grant's key.
    assert_ne!(replica.get("/v1/keys", "none").await.text, replica.get("/v1/keys/ledger", "none").await.text);
    // A chain that grows is signed again, a minute later.
    assert_eq!(send(replica, &batch("envoy-1", [(21, record(21, 21))])).await.status, 200);
    replica.app.keep_up_once().await.unwrap();
    assert_eq!(replica.get(path, &carol).await.json()["checkpoints"].as_array().unwrap().len(), 1);
    replica.turn(60);
    replica.app.keep_up_once().await.unwrap();
    assert_eq!(replica.get(path, &carol).await.json()["checkpoints"].as_array().unwrap().len(), 2);

    // Somebody who holds the database.
    let mut other = sqlx::AnyConnection::connect(url).await.unwrap();
    let deny = "UPDATE ledger SET record = REPLACE(record, '\"deny\"', '\"hold\"') WHERE sequence = 8";
    for (change, at) in [(deny, "broken at 8"), ("DELETE FROM ledger WHERE sequence = 5", "broken at 6")] {
        other.execute(AssertSqlSafe(change)).await.unwrap();
        assert_eq!(followed(replica).await, Err(at.to_owned()));
    }
    other.close().await.unwrap();
}

/// The claims of a checkpoint whose signature holds.
fn checkpoint(token: &str, jwk: &Value) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    let key = ed25519_compact::PublicKey::from_slice(&key).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    key.verify(signed, &ed25519_compact::Signature::from_slice(&signature).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(read(header)["typ"], "actgate-checkpoint+jwt");
    read(claims)
}

async fn what_is_too_old_is_forgotten(replica: &Replica, url: &str) {
    // A clock that is days behind or ahead loses nothing: it is filed where there is a place.
    let records =
        [(1, record(-90 * DAY, 1)), (2, record(-3 * DAY, 2)), (3, record(0, 3)), (4, record(400 * DAY, 4))];
    assert_eq!(send(replica, &batch("envoy-1", records)).await.json()["stored"], 4);
    assert_eq!(found(replica, "").await.0, [4, 3, 2, 1]);
    if url.starts_with("postgres") {
        let mut other = sqlx::AnyConnection::connect(url).await.unwrap();
        let count = "SELECT COUNT(*) AS count FROM pg_inherits JOIN pg_class ON oid = inhparent WHERE relname = 'ledger'";
        let count: i64 = other.fetch_one(count).await.unwrap().try_get("count").unwrap();
        assert_eq!(count, 3);
        other.close().await.unwrap();
    }
    replica.turn(2 * DAY);
    replica.app.keep_up_once().await.unwrap();
    assert_eq!(found(replica, "").await.0, [4, 3, 2]);
    replica.turn(31 * DAY);
    replica.app.keep_up_once().await.unwrap();
    assert_eq!(found(replica, "").await.0, Vec::<i64>::new());
    // Its numbers are used all the same.
    assert_eq!(send(replica, &batch("envoy-1", [(4, record(0, 4))])).await.problem(), "sequence");
    assert_eq!(send(replica, &batch("envoy-1", [(5, record(33 * DAY, 5))])).await.json()["stored"], 1);
}

async fn what_is_no_record_is_not_taken(replica: &Replica, _: &str) {
    let mut odd = record(2, 2);
    odd["decided"]["decision"] = json!("s3cret");
    let reply = send(replica, &batch("envoy-1", [(1, record(1, 1)), (2, odd)])).await;
    assert_eq!((reply.status, reply.problem().as_str()), (422, "invalid"));
    assert!(reply.text.contains("record 2") && !reply.text.contains("s3cret"), "{}", reply.text);
    // All of a batch or nothing of it.
    assert_eq!(found(replica, "").await.0, Vec::<i64>::new());
    let long = json!({ "emitter": "e", "events": [], "more": "x".repeat(9 * 1024 * 1024) });
    assert_eq!(send(replica, &long).await.status, 413);
}

async fn calls_are_counted_as_records_come_in(replica: &Replica, _: &str) {
    let mut records: Vec<(i64, Value)> = (1..=60).map(|number| (number, record(number, number))).collect();
    // Two calls of one action and one of another; the upstream never had it; of a day later.
    let more = |action: &str| json!({ "action": action, "resource": "Git::Ref::\"x\"", "arguments": {} });
    let mut odd = record(DAY - 60, 61);
    odd["attempted"]["calls"] = json!([more("git.fetch"), more("deploy.manifest.put"), more("git.fetch")]);
    odd["executed"]["upstream"] = json!("");
    odd["approved"] =
        json!({ "id": "a", "grant": "g", "groups": ["security"], "approvers": ["demo/carol@demo"] });
    records.push((61, odd));
    replica.turn(DAY);
    let all = batch("envoy-1", records);
    assert_eq!(send(replica, &all).await.json()["stored"], 61);
    // Sent again, they are not counted again.
    assert_eq!(send(replica, &all).await.json()["known"], 61);
    let sums = async |filter: &LedgerFilter, by: CountBy| {
        let counts = replica.app.store.counts(filter, by).await.unwrap();
        let sum = |of: fn(&Count) -> i64| counts.iter().map(of).sum::<i64>();
        (counts.len(), sum(|count| count.attempted), sum(|count| count.approved), sum(|count| count.executed))
    };
    let everything = LedgerFilter::default();
    for (by, lines) in [(CountBy::Actor, 41), (CountBy::Action, 10), (CountBy::Day, 2)] {
        let (counted, attempted, approved, executed) = sums(&everything, by).await;
        assert_eq!((attempted, approved, executed), (63, 3, 60), "{by:?}");
        assert!(counted <= lines, "{by:?}: {counted}");
    }
    let agent =
        LedgerFilter { actor: Some("demo/spiffe://demo/agent/a3".to_owned()), ..LedgerFilter::default() };
    assert_eq!(sums(&agent, CountBy::Action).await.1, 3);
    let fetched = LedgerFilter {
        action: Some("git.fetch".to_owned()),
        decision: Some("allow".to_owned()),
        ..LedgerFilter::default()
    };
    let expected = (1..=60).filter(|number| number % 3 == 1 && number % 4 > 1).count();
    assert_eq!(sums(&fetched, CountBy::Action).await.3, i64::try_from(expected).unwrap());
    let later = LedgerFilter { since: Some((BEGIN + DAY - 3_600) * 1000), ..LedgerFilter::default() };
    assert_eq!(sums(&later, CountBy::Day).await, (1, 3, 3, 0));
    let earlier = LedgerFilter { until: Some((BEGIN + 60) * 1000), ..LedgerFilter::default() };
    assert_eq!(sums(&earlier, CountBy::Day).await, (1, 60, 0, 60));
    // Two emitters at once meet in the same rows.
    let twin = |emitter| batch(emitter, (1..=200).map(|number| (number, record(number, number))));
    let (left, right) = (twin("envoy-2"), twin("envoy-3"));
    let (left, right) = tokio::join!(send(replica, &left), send(replica, &right));
    assert_eq!((left.status, right.status), (200, 200));
    assert_eq!(sums(&everything, CountBy::Day).await.1, 463);
    replica.turn(30 * DAY);
    replica.app.keep_up_once().await.unwrap();
    assert_eq!(sums(&everything, CountBy::Day).await.1, 3);
}

/// `ACTGATE_LEDGER_ROWS` for more, such as 1000000; the figures are printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_taken_in_and_found_fast_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("control.db")).await.unwrap();
    measure(&Replica::start(folder.path(), store).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_taken_in_and_found_fast_on_postgresql() {
    let Some(cluster) = Cluster::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::postgres(&cluster.database("rates").await).await.unwrap();
    measure(&Replica::start(folder.path(), store).await).await;
}

async fn measure(replica: &Replica) {
    let rows: i64 = std::env::var("ACTGATE_LEDGER_ROWS").map_or(4_000, |rows| rows.parse().unwrap());
    let (mut sent, mut busy) = (0, std::time::Duration::ZERO);
    while sent < rows {
        let records = (1..=500)
            .map(|number| (sent + number, record((sent + number) / 5_000 - 20 * DAY, sent + number)));
        let (batch, begun) = (batch("envoy-1", records), Instant::now());
        let reply = send(replica, &batch).await;
        busy += begun.elapsed();
        assert_eq!(reply.json()["stored"], 500, "{}", reply.text);
        sent += 500;
    }
    println!(
        "{sent} records of {} bytes: {:.0}/s",
        record(1, 1).to_string().len(),
        f64::from(i32::try_from(sent).unwrap()) / busy.as_secs_f64()
    );
    let token = replica.token_of(CAROL).await;
    for query in [
        "?limit=100",
        "?agent=demo/spiffe://demo/agent/a3",
        "?agent=demo/spiffe://demo/agent/a3&decision=hold",
        "?agent=demo/spiffe://demo/agent/a2&decision=hold",
        "?subject=demo/user7@demo&action=git.fetch",
        "?task=task-11",
        "?action=git.fetch&decision=deny",
        "?decision=hold&service=secrets",
        "?since=1798272000&until=1798272060",
        "?agent=nobody",
    ] {
        let mut times = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            let reply = replica.get(&format!("/v1/events{query}"), &token).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            times.push(begun.elapsed());
        }
        times.sort();
        println!("{query}: {:?} (at most {:?})", times[2], times[4]);
    }
}
