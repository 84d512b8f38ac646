//! One call and its kin: which of them an approval is for.

use std::time::Duration;

use actgate_harness::mint::TokenSpec;
use actgate_tests::e2e::{
    ledger,
    tokens::{CODER, alice, through},
    verdict::{Verdicts, equal, holds, text},
};
use serde_json::json;

use crate::stage::{BOB, CAROL, Payment, Stage, id_of, records};

/// The same call, in the ways in which one try differs from another.
fn same() -> Vec<(&'static str, Payment)> {
    let usual = Payment::usual;
    vec![
        ("another token of the same agent", usual()),
        (
            "members in another order, other spaces",
            Payment { body: r#"{"pin":"canary-4711","to":"landlord","amount":100}"#.to_owned(), ..usual() },
        ),
        ("a header that means nothing here", usual().with_header("x-other", "something else")),
        (
            "another trace",
            usual().with_header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ),
    ]
}

/// Other calls, each by one thing.
fn others() -> Vec<(&'static str, Payment)> {
    let usual = Payment::usual;
    let body = |body: &str| Payment { body: body.to_owned(), ..usual() };
    let target = |from: &str, to: &str| Payment { target: usual().target.replace(from, to), ..usual() };
    vec![
        ("another argument", body(r#"{"amount": 101, "to": "landlord", "pin": "canary-4711"}"#)),
        (
            "another member that policies do not see",
            body(r#"{"amount": 100, "to": "me", "pin": "canary-4711"}"#),
        ),
        (
            "one member more",
            body(r#"{"amount": 100, "to": "landlord", "pin": "canary-4711", "urgent": true}"#),
        ),
        ("another secret", body(r#"{"amount": 100, "to": "landlord", "pin": "canary-4712"}"#)),
        ("another resource", target("savings", "salaries")),
        ("another query", target("rent", "loan")),
        ("no query", target("?note=rent", "")),
        ("another header that the catalog reads", usual().with_header("x-tenant", "globex")),
        ("another content type", usual().with_header("content-type", "application/json;charset=utf-8")),
        ("another subject", Payment { token: through(CODER, "mallory@demo"), ..usual() }),
        ("another actor", Payment { token: through("spiffe://demo/agent/unknown", "alice@demo"), ..usual() }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_for_the_very_call_and_for_one_of_it() {
    let Some(stage) = Stage::set().await else { return };
    let mut verdicts = Verdicts::default();
    let ledger = ledger::from_now(&stage.ledger());
    let id = stage.held(&Payment::usual()).await;
    for (name, payment) in same() {
        let reply = stage.send(&payment).await;
        verdicts.row(name, equal("approval", id_of(&reply), Some(id.clone())));
    }
    let shown = stage.approval(&id).await;
    verdicts.row("a secret is not shown", holds(!shown.to_string().contains("4711"), shown.to_string()));
    verdicts.row("how often it was asked", equal("asks", shown["asks"].as_u64(), Some(5)));

    stage.approve(BOB, &id).await;
    for (name, payment) in others() {
        let reply = stage.send(&payment).await;
        let other = id_of(&reply);
        let verdict = holds(
            other.as_ref().is_some_and(|other| *other != id),
            format!("{} {}", reply.status, reply.json()),
        );
        verdicts.row(name, verdict);
    }
    verdicts.row("nothing has passed so far", equal("payments", stage.paid(), 0));

    // What was approved is still there, and passes in another form of the same.
    let (_, again) = same().swap_remove(1);
    let reply = stage.send(&again).await;
    verdicts.row("the same call", equal("status", reply.status, 200));
    verdicts.row("it passes", equal("payments", stage.paid(), 1));
    let seen = stage.upstream.seen().requests;
    verdicts.row(
        "byte for byte",
        equal("body", String::from_utf8_lossy(&seen[0].body).into_owned(), again.body.clone()),
    );
    verdicts.row("its outcome is told", equal("outcome", stage.outcome(&id).await, "forwarded"));
    let told = stage.approval(&id).await;
    verdicts.row("with its status", equal("status", told["outcome_status"].as_u64(), Some(200)));
    let next = stage.send(&Payment::usual()).await;
    verdicts.row("once", holds(id_of(&next).is_some_and(|next| next != id), format!("{}", next.json())));
    verdicts.row("nothing more passes", equal("payments", stage.paid(), 1));

    let records = records(&ledger, 1 + same().len() + others().len() + 2).await;
    let approved: Vec<_> = records.iter().filter(|record| !record.approved().is_empty()).collect();
    verdicts.row("one record says who approved", equal("records", approved.len(), 1));
    for record in approved {
        let told = (record.approved(), text(record.value(), "/approved/id").to_owned());
        verdicts.row("who", equal("approved", told, (format!("{BOB} (release-managers)"), id.clone())));
        verdicts.row("it went on", holds(record.was_forwarded(), "it did not"));
    }
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_group_that_the_policies_ask_has_to_agree() {
    let Some(stage) = Stage::set().await else { return };
    let large = Payment {
        body: r#"{"amount": 5000, "to": "landlord", "pin": "canary-4711"}"#.to_owned(),
        ..Payment::usual()
    };
    let id = stage.held(&large).await;
    let reply = stage.send(&large).await;
    assert_eq!(reply.json()["approval"]["groups"], json!(["release-managers", "security"]));
    stage.approve(BOB, &id).await;
    assert_eq!(id_of(&stage.send(&large).await), Some(id.clone()), "one of two has agreed");
    stage.approve(CAROL, &id).await;
    assert_eq!(stage.send(&large).await.status, 200);
    assert_eq!(stage.paid(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_out_passes_nothing() {
    let Some(stage) = Stage::with(|text| format!("{text}\nlimits: {{ approved: 2s }}\n")).await else {
        return;
    };
    let id = stage.held(&Payment::usual()).await;
    stage.approve(BOB, &id).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let next = stage.held(&Payment::usual()).await;
    assert_ne!(next, id, "an approval whose time has run out");

    // A token that was good when the call was held, and is not when it is tried again: the gate allows 30 s of skew.
    let short = TokenSpec { lifetime: 35, issued_at: alice().issued_at - 60, ..alice() };
    let payment = Payment { token: short, ..Payment::usual() };
    assert_eq!(stage.held(&payment).await, next);
    stage.approve(BOB, &next).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let reply = stage.send(&payment).await;
    assert_eq!((reply.status, text(&reply.json(), "/reason")), (401, "token_expired"));
    assert_eq!(stage.paid(), 0);
    assert_eq!(text(&stage.approval(&next).await, "/state"), "expired", "it was not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_told_with_its_reason_and_holds() {
    let Some(stage) = Stage::set().await else { return };
    let id = stage.held(&Payment::usual()).await;
    let comment = "ask the landlord first";
    let answer = stage.control.decide(BOB, &id, "deny", comment).await.expect("a decision");
    assert_eq!(answer.status, 200, "{}", answer.text());
    for _ in 0..2 {
        let reply = stage.send(&Payment::usual()).await;
        let body = reply.json();
        assert_eq!((reply.status, text(&body, "/reason")), (403, "approval_denied"), "{body}");
        assert!(text(&body, "/detail").contains(comment), "{body}");
    }
    assert_eq!(stage.paid(), 0);
}
