//! Requests as the distribution specification has them, without a client between.

use actgate_tests::e2e::{
    h1::{self, Outcome, Reply},
    ledger,
    verdict::{Verdicts, equal, holds, is_oci_refusal, text},
};
use serde_json::Value;

use crate::stage::{Caller, Stage};

/// Of 64 KiB.
const CHUNKS: usize = 48;

fn reply(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Reply(reply) => reply,
        other @ (Outcome::Closed | Outcome::Silence) => panic!("no reply: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_with_a_token_pings_and_nobody_else() {
    let Some(stage) = Stage::set().await else { return };
    let mut verdicts = Verdicts::default();
    let ledger = ledger::from_now(&stage.gateway.ledger());
    for caller in [Caller::Alice, Caller::MalloryWithTicket, Caller::UnknownAgent] {
        let pong = reply(stage.send(caller, "GET /v2/", b"\r\n").await);
        let version = pong.header("docker-distribution-api-version");
        let verdict = equal("status", pong.status, 200);
        verdicts.row("ping", verdict.and_then(|()| equal("version", version, Some("registry/2.0"))));
    }
    let refusals = [(4, Caller::Nobody, "token_missing"), (5, Caller::Expired, "token_expired")];
    for (count, caller, reason) in refusals {
        let refused = reply(stage.send(caller, "GET /v2/", b"\r\n").await);
        let records = ledger::records(&ledger, count).await;
        let verdict = is_oci_refusal(&refused, 401, reason, &records[count - 1]);
        let challenge = refused.header("www-authenticate").unwrap_or_default().to_owned();
        let realm = holds(
            challenge.starts_with("Bearer realm=\"http://gateway.demo/v2/\""),
            format!("the challenge is `{challenge}`"),
        );
        verdicts.row(reason, verdict.and(realm));
    }
    verdicts.conclude();
}

/// More than the gate would hold: an upload is decided by its head, and streams.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_chunks_streams_through() {
    let Some(stage) = Stage::set().await else { return };
    let ledger = ledger::from_now(&stage.gateway.ledger());
    let begun = reply(
        stage.send(Caller::Alice, "POST /v2/payments/blobs/uploads/", b"content-length: 0\r\n\r\n").await,
    );
    assert_eq!(begun.status, 202, "{begun:?}");
    let location = begun.header("location").expect("where it goes on").to_owned();
    assert!(location.starts_with("/v2/payments/blobs/uploads/"), "it goes on through the gate: {location}");

    let mut body = b"transfer-encoding: chunked\r\ncontent-type: application/octet-stream\r\n\r\n".to_vec();
    for _ in 0..CHUNKS {
        body.extend_from_slice(b"10000\r\n");
        body.extend_from_slice(&[b'x'; 0x10000]);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let sent = reply(stage.send(Caller::Alice, &format!("PATCH {location}"), &body).await);
    assert_eq!(sent.status, 202, "{sent:?}");
    let last = CHUNKS * 0x10000 - 1;
    assert_eq!(sent.header("range"), Some(format!("0-{last}").as_str()));

    // Somebody who may not push does not go on with it, however he knows where.
    let location = sent.header("location").expect("where it goes on").to_owned();
    let other = reply(
        stage.send(Caller::UnknownAgent, &format!("PUT {location}"), b"content-length: 0\r\n\r\n").await,
    );
    let records = ledger::records(&ledger, 3).await;
    is_oci_refusal(&other, 403, "policy_denied", &records[2]).expect("a refusal");
}

/// The state of a request that was let through is its upstream's affair: what breaks off there is no deploy.
#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_breaks_off_or_brings_nonsense_changes_nothing() {
    let Some(stage) = Stage::set().await else { return };
    let before = stage.contents().await;
    let manifest = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";

    let token = stage.token(Caller::Alice).expect("a token");
    let mut wire = h1::Wire::connect(stage.gateway.address()).await;
    let head = format!(
        "PUT /v2/payments/manifests/staging HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n\
         {manifest}content-length: 1000\r\n\r\n{{"
    );
    wire.write(head.as_bytes()).await;
    drop(wire);

    let nonsense = format!("{manifest}content-length: 2\r\n\r\n{{}}");
    let answer =
        reply(stage.send(Caller::Alice, "PUT /v2/payments/manifests/staging", nonsense.as_bytes()).await);
    assert!(answer.status >= 400, "the registry's own opinion: {}", answer.status);
    assert_eq!(stage.contents().await, before);
}

/// What comes behind a request on the same connection is another request, with a decision of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_behind_the_first_is_decided_by_itself() {
    let Some(stage) = Stage::set().await else { return };
    let before = stage.contents().await;
    let ledger = ledger::from_now(&stage.gateway.ledger());
    let token = stage.token(Caller::Alice).expect("a token");
    let request = |line: &str, rest: &str| {
        format!("{line} HTTP/1.1\r\nhost: gateway.demo\r\nauthorization: Bearer {token}\r\n{rest}\r\n")
    };
    let both = request(
        "GET /v2/payments/manifests/staging",
        "accept: application/vnd.oci.image.manifest.v1+json\r\n",
    ) + &request("PUT /v2/payments/manifests/production", "content-length: 2\r\n")
        + "{}";
    let mut wire = h1::Wire::connect(stage.gateway.address()).await;
    wire.write(both.as_bytes()).await;
    let limit = std::time::Duration::from_secs(10);
    assert_eq!(reply(wire.reply(limit).await).status, 200);
    assert_eq!(reply(wire.reply(limit).await).status, 403);
    let records = ledger::records(&ledger, 2).await;
    let decisions: Vec<_> =
        records.iter().map(|record| (record.decision(), record.was_forwarded())).collect();
    assert_eq!(decisions, [("allow", true), ("deny", false)]);
    assert_eq!(stage.contents().await, before);
}

/// Both calls of a mount are in the record, whichever of them is refused.
#[tokio::test(flavor = "multi_thread")]
async fn taking_over_a_blob_is_two_calls() {
    let Some(stage) = Stage::set().await else { return };
    let mut verdicts = Verdicts::default();
    let digest = stage.registry.digest("website:production").await.expect("an answer").expect("a tag");
    for (name, target, resource) in [
        (
            "from what may not be read",
            format!("/v2/payments/blobs/uploads/?from=website&mount={digest}"),
            "Deploy::Repository::\"website\"",
        ),
        (
            "to where nothing may be pushed",
            format!("/v2/website/blobs/uploads/?from=payments&mount={digest}"),
            "Deploy::Repository::\"website\"",
        ),
    ] {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let refused =
            reply(stage.send(Caller::Alice, &format!("POST {target}"), b"content-length: 0\r\n\r\n").await);
        let records = ledger::records(&ledger, 1).await;
        let calls: Vec<&str> = records[0].value()["attempted"]["calls"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|call| call["action"].as_str().unwrap_or_default())
            .collect();
        let said: Value = refused.json();
        let verdict = is_oci_refusal(&refused, 403, "policy_denied", &records[0])
            .and_then(|()| equal("calls", calls, ["deploy.blob.push", "deploy.pull"]))
            .and_then(|()| equal("resource", text(&said, "/errors/0/detail/resource"), resource));
        verdicts.row(name, verdict);
    }
    let blob = format!("/v2/payments/blobs/{digest}");
    verdicts.row("no blob was taken over", equal("status", stage.status_behind("GET", &blob).await, 404));
    verdicts.conclude();
}
