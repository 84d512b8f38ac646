//! `delivery: durable`: nothing goes on whose attempt is not stored.

use std::time::Duration;

use actgate_control::ledger::record_digest;
use actgate_demo::recorder::Script;
use actgate_tests::e2e::{
    h1::{self, Reply},
    verdict::{Verdicts, equal, holds, text},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    liar::{Attempt, Liar, reply},
    stage::{CAROL, LIMIT, Stage, buffered, request},
};

const DEV: &str = "/secrets/v1/kv/dev/db";
/// What is said to an attempt.
type Lie = Box<dyn Fn(&Attempt) -> Vec<u8> + Send + Sync>;

const BODY: Option<&str> = Some("{\"value\": 1}");

fn writes() -> Value {
    let mut ledger = buffered();
    ledger["writes"] = "durable".into();
    ledger
}

fn id(record: &Value) -> &str {
    text(record, "/id")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_stored_before_it_goes_on_and_is_one_with_its_record() {
    let Some(stage) = Stage::set(writes(), |_| {}).await else { return };
    let mut verdicts = Verdicts::default();
    let put = stage.send("PUT", DEV, BODY).await;
    verdicts.row("it goes on", equal("status", put.status, 200));
    // The moment it has gone on its attempt is there, and its record is not yet, or has just come.
    let records = stage.records().await;
    verdicts.row("it is there at once", equal("records", records.len(), 1));
    let read = stage.send("GET", DEV, None).await;
    verdicts.row("what only reads goes on", equal("status", read.status, 200));
    let refused = stage.send("PUT", "/secrets/v1/kv/prod/db", BODY).await;
    verdicts.row("what is refused is refused", equal("status", refused.status, 403));
    let records = stage.records_where(3, |record| record["stage"] == "decided").await;
    verdicts.row("each once, with its outcome", equal("records", records.len(), 3));
    verdicts.row("and no attempt beside it", equal("all", stage.records().await.len(), 3));
    let executed = records
        .iter()
        .find(|record| record["attempted"]["method"] == "PUT" && record["decided"]["decision"] == "allow");
    verdicts.row(
        "with what the proxy did",
        equal("status", executed.map(|record| record["executed"]["status"].clone()), Some(json!(200))),
    );
    let chain =
        stage.control.look(CAROL, "/v1/events?gateway=actgate-demo&emitter=edge/attempts").await.unwrap();
    let attempts = chain["events"].as_array().unwrap();
    verdicts.row("one attempt was stored", equal("attempts", attempts.len(), 1));
    verdicts.row(
        "of the same id",
        equal("id", executed.map(id), attempts.first().map(|a| text(a, "/record/id"))),
    );
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_service_what_is_durable_is_refused_and_the_rest_goes_on() {
    let Some(stage) = Stage::set(writes(), |_| {}).await else { return };
    stage.wire.cut();
    let mut verdicts = Verdicts::default();
    let start = Instant::now();
    let reply = stage.send("PUT", DEV, BODY).await;
    verdicts.row("refused", equal("status", reply.status, 503));
    verdicts.row("why", equal("reason", text(&reply.json(), "/reason"), "ledger_unavailable"));
    verdicts.row("when to try again", holds(reply.header("retry-after").is_some(), "no retry-after"));
    verdicts.row("soon", holds(start.elapsed() < Duration::from_secs(8), "too late"));
    verdicts.row("the upstream saw nothing", holds(stage.upstream.seen().is_nothing(), "it saw something"));
    verdicts.row("reading goes on", equal("status", stage.send("GET", DEV, None).await.status, 200));
    stage.wire.mend();
    verdicts.row("back", equal("status", stage.send("PUT", DEV, BODY).await.status, 200));
    let records = stage.records_where(3, |record| record["stage"] == "decided").await;
    let reasons: Vec<&str> = records.iter().map(|record| text(record, "/decided/reason")).collect();
    verdicts.row(
        "the refusal is recorded",
        holds(reasons.contains(&"ledger_unavailable"), format!("{reasons:?}")),
    );
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_lies_has_nothing_forwarded() {
    let Some(stage) = Stage::set(json!({ "delivery": "durable", "cluster": "control" }), |_| {}).await else {
        return;
    };
    let mut verdicts = Verdicts::default();
    let liar = Liar::start(Box::new(|_: &Attempt| None)).await;
    let stage = stage.sending_to(liar.address()).await;
    let start = Instant::now();
    let is_refused = |answer: &Reply| {
        equal("reason", text(&answer.json(), "/reason"), "ledger_unavailable")?;
        equal("status", answer.status, 503)
    };
    verdicts.row("silent", is_refused(&stage.send("GET", DEV, None).await));
    verdicts
        .row("for no longer than it may take", holds(start.elapsed() < Duration::from_secs(8), "too long"));
    let heard = liar.heard();
    let first = heard.first().map(|attempt| attempt.record.clone()).expect("an attempt");
    let earlier = json!({ "id": first["id"], "digest": "sha-256:AAAA" });
    let lies: Vec<(&str, Lie)> = vec![
        ("nothing", Box::new(|_| reply(200, &Value::Null))),
        ("an error", Box::new(|_| reply(500, &json!({})))),
        ("overload", Box::new(|_| reply(503, &json!({})))),
        ("too many", Box::new(|_| reply(429, &json!({})))),
        ("who is that?", Box::new(|_| reply(401, &json!({})))),
        ("created", Box::new(|attempt| reply(201, &json!({ "id": attempt.record["id"] })))),
        ("the receipt of another", Box::new(move |_| reply(200, &earlier))),
        ("no digest", Box::new(|attempt| reply(200, &json!({ "id": attempt.record["id"] })))),
        (
            "another digest",
            Box::new(|attempt| {
                let digest = format!("sha-256:{}", "A".repeat(43));
                reply(200, &json!({ "id": attempt.record["id"], "digest": digest }))
            }),
        ),
        ("no HTTP", Box::new(|_| b"stored\r\n\r\n".to_vec())),
        (
            "somewhere else",
            Box::new(|_| {
                b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec()
            }),
        ),
    ];
    for (name, lie) in lies {
        liar.say(Box::new(move |attempt| Some(lie(attempt))));
        verdicts.row(name, is_refused(&stage.send("GET", DEV, None).await));
    }
    verdicts.row("the upstream saw nothing", holds(stage.upstream.seen().is_nothing(), "it saw something"));
    // The truth passes, so that it was the lies that were refused.
    liar.say(Box::new(|attempt| {
        let digest = URL_SAFE_NO_PAD.encode(record_digest(&attempt.raw));
        Some(reply(200, &json!({ "id": attempt.record["id"], "digest": format!("sha-256:{digest}") })))
    }));
    verdicts.row("the truth", equal("status", stage.send("GET", DEV, None).await.status, 200));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_call_is_stored_too_and_a_dead_gateway_leaves_an_unknown_outcome() {
    let Some(stage) = Stage::set(writes(), |_| {}).await else { return };
    let mut verdicts = Verdicts::default();
    let held = stage.send("GET", "/secrets/v1/kv/prod/db", None).await;
    let approval = text(&held.json(), "/approval/id").to_owned();
    verdicts.row("held", holds(!approval.is_empty(), held.json().to_string()));
    verdicts.row("nothing passed", holds(stage.upstream.seen().is_nothing(), "it passed"));
    let answer = stage.control.decide(CAROL, &approval, "approve", "seen").await.unwrap();
    verdicts.row("approved", equal("status", answer.status, 200));
    let passed = stage.send("GET", "/secrets/v1/kv/prod/db", None).await;
    verdicts.row("passed", equal("status", passed.status, 200));

    // The gateway dies while the upstream has it.
    stage.upstream.next(Script::Hang);
    let seen = stage.upstream.seen().requests.len();
    let (address, bytes) = (stage.gateway.address(), request("PUT", DEV, &stage.issuer.good(), BODY));
    let caller = tokio::spawn(async move { h1::send(address, &bytes).await });
    assert!(stage.upstream.saw_requests(seen + 1, LIMIT).await);
    let stage = stage.after_a_crash().await;
    caller.abort();
    let open = |record: &Value| record["executed"]["outcome"] == "open";
    verdicts.row("its outcome is open", equal("open", stage.records_where(1, open).await.len(), 1));
    verdicts.conclude();
}
