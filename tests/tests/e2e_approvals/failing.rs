//! An approval service that is down, slow, restarted, or lies: nothing passes that it has not approved.

use std::{sync::Arc, time::Duration};

use actgate_control::grant::GrantKey;
use actgate_demo::control::{Control, ControlOptions};
use actgate_tests::e2e::{
    h1::Reply,
    tokens::now,
    verdict::{Verdicts, equal, holds, text},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    liar::{Answer, Liar, Word, granted, reply},
    stage::{BOB, Payment, Stage, id_of},
};

/// That nobody could be asked, and when to try again.
fn is_unavailable(reply: &Reply) -> Result<(), String> {
    let body = reply.json();
    equal("reason", text(&body, "/reason"), "approval_unavailable")
        .map_err(|why| format!("{why}: {body}"))?;
    equal("status", reply.status, 503)?;
    holds(reply.header("retry-after").is_some(), "no retry-after")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_service_nothing_passes_and_a_restart_loses_nothing() {
    let Some(mut stage) = Stage::set().await else { return };
    let mut verdicts = Verdicts::default();
    let (usual, other) = (Payment::usual(), Payment::usual().with_header("x-tenant", "globex"));
    let (approved, pending) = (stage.held(&usual).await, stage.held(&other).await);
    stage.approve(BOB, &approved).await;
    let layout = stage.gateway.state().layout().clone();
    let port = stage.control.address().port();
    stage.control.into_server().stop().await.expect("an end");
    verdicts.row("down", is_unavailable(&usual.send(&stage.gateway, &stage.issuer).await));
    verdicts.row("nothing has passed", equal("payments", stage.upstream.seen().requests.len(), 0));

    let options = ControlOptions { port, ..stage.options.clone() };
    stage.control = Control::start(&layout, &options).await.unwrap_or_else(|error| panic!("{error}"));
    verdicts.row("what waited waits", equal("id", id_of(&stage.send(&other).await), Some(pending)));
    verdicts.row("what was approved passes", equal("status", stage.send(&usual).await.status, 200));
    verdicts.row("once", equal("payments", stage.paid(), 1));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_lies_admits_nothing() {
    let Some(stage) = Stage::set().await else { return };
    let mut verdicts = Verdicts::default();
    let folder = tempfile::tempdir().expect("a folder");
    let own = stage.gateway.state().layout().state().join("control/grant-key.pem");
    // The very key of the service: what is refused below is refused although it is signed well.
    let key = Arc::new(GrantKey::in_file(&own).expect("a key"));
    let foreign = Arc::new(GrantKey::in_file(&folder.path().join("key.pem")).expect("a key"));
    let liar = Liar::start(Box::new(|_: &Value| None)).await;
    let stage = stage.asking(liar.address()).await;
    let payment = Payment::usual();

    let start = Instant::now();
    verdicts.row("silent", is_unavailable(&stage.send(&payment).await));
    verdicts.row(
        "for no longer than a claim may take",
        holds(start.elapsed() < Duration::from_secs(8), "too long"),
    );
    let first = Word::true_of(&liar.heard()[0], now());

    let signed = |name: &'static str, change: fn(&mut Word)| -> (&'static str, Answer) {
        let key = Arc::clone(&key);
        let answer = move |claim: &Value| {
            let mut word = Word::true_of(claim, now());
            change(&mut word);
            Some(granted(&word.signed(&key)))
        };
        (name, Box::new(answer))
    };
    let fixed = |name: &'static str, bytes: Vec<u8>| -> (&'static str, Answer) {
        (name, Box::new(move |_: &Value| Some(bytes.clone())))
    };
    let altered = |name: &'static str, alter: fn(&str) -> String| -> (&'static str, Answer) {
        let key = Arc::clone(&key);
        (
            name,
            Box::new(move |claim: &Value| Some(granted(&alter(&Word::true_of(claim, now()).signed(&key))))),
        )
    };
    let lies: Vec<(&'static str, Answer)> = vec![
        (
            "another key",
            Box::new(move |claim: &Value| Some(granted(&Word::true_of(claim, now()).signed(&foreign)))),
        ),
        fixed("the grant of an earlier claim", granted(&first.signed(&key))),
        signed("another claim", |word| word.claim = "AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        signed("another call", |word| word.digest = format!("sha-256:{}", "A".repeat(43))),
        signed("another audience", |word| word.audience = "gateway-eu".to_owned()),
        signed("another issuer", |word| word.issuer = "https://control.example".to_owned()),
        signed("another subject", |word| word.subject = "demo/mallory@demo".to_owned()),
        signed("another actor", |word| word.actor = "demo/alice@demo".to_owned()),
        signed("expired", |word| word.issued -= 120),
        signed("from the future", |word| word.issued += 3600),
        altered("an altered signature", |grant| {
            let (rest, signature) = grant.rsplit_once('.').expect("a signature");
            let flipped = if signature.starts_with('A') { "B" } else { "A" };
            format!("{rest}.{flipped}{}", signature.get(1..).expect("a long one"))
        }),
        altered("no signature", |grant| format!("{}.", grant.rsplit_once('.').expect("a signature").0)),
        altered("an agent's token", |_| Payment::usual().token.token_id),
        fixed("no grant", reply(200, &json!({ "state": "granted", "id": "019f" }))),
        fixed("an approval that is no grant", reply(200, &json!({ "state": "approved", "id": "019f" }))),
        fixed("nothing", reply(200, &Value::Null)),
        fixed("an error", reply(500, &json!({}))),
        fixed("who is that?", reply(401, &json!({}))),
        fixed(
            "somewhere else",
            b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ),
        fixed("no HTTP", b"granted\r\n\r\n".to_vec()),
        fixed(
            "a link that is none",
            reply(
                200,
                &json!({ "state": "pending", "id": "019f", "url": "javascript:alert(1)", "expires": 1 }),
            ),
        ),
    ];
    let count = lies.len();
    for (name, answer) in lies {
        liar.say(answer);
        verdicts.row(name, is_unavailable(&stage.send(&payment).await));
    }
    // A grant that names nobody who was asked supplies nothing: the policies hold the call as before.
    let (name, answer) = signed("another group", |word| word.groups = vec!["security".to_owned()]);
    liar.say(answer);
    let reply = stage.send(&payment).await;
    verdicts.row(name, equal("reason", text(&reply.json(), "/reason"), "approval_required"));
    verdicts.row("the upstream saw nothing", holds(stage.upstream.seen().is_nothing(), "it saw something"));

    // The same path with the truth passes, so that it was the lies that were refused.
    let (name, answer) = signed("the truth", |_| {});
    liar.say(answer);
    verdicts.row(name, equal("status", stage.send(&payment).await.status, 200));
    verdicts
        .row("every attempt made a claim of its own", equal("claims", distinct(&liar.heard()), count + 3));
    verdicts.conclude();
}

fn distinct(heard: &[Value]) -> usize {
    let mut claims: Vec<&str> = heard.iter().filter_map(|claim| claim["claim"].as_str()).collect();
    claims.sort_unstable();
    claims.dedup();
    claims.len()
}
