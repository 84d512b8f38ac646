//! Records of `actgate serve` on their way to a real ledger's service.

use std::{fs, process::Command};

use actgate_demo::recorder::{Recorder, Script};
use actgate_tests::e2e::{
    h1::{self, Outcome, Reply},
    relay::Relay,
    setup::{Needs, Setup},
};
use serde_json::{Value, json};

use crate::{
    approvals::{Control, said},
    case::{DEV, Kit},
    stage::Stage,
};

async fn send(stage: &Stage, bytes: &str) -> Reply {
    match h1::send(stage.address(), bytes.as_bytes()).await {
        Outcome::Reply(reply) => reply,
        outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_at_the_service_when_it_ends_as_it_is_in_the_log() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "the secret")).await.expect("a recorder");
    let control = Control::start(&setup).await;
    let mut approvals = control.approvals();
    approvals.ledger = Some(json!({ "delivery": "buffered", "cluster": "control", "emitter": "laptop" }));
    let stage = Stage::asking(&setup, kit.issuer(), upstream.address(), Some(approvals)).await;
    for path in
        [DEV, "/secrets/v1/kv/prod/db", "/secrets/v1/nowhere", "/elsewhere", DEV, "/secrets/v1/kv/dev/%64b"]
    {
        send(&stage, &kit.head(DEV).replace(DEV, path)).await;
    }
    upstream.next(Script::Close);
    send(&stage, &kit.head(DEV)).await;
    // Nothing of it is the plugin's.
    send(&stage, "GET / HTTP/1.1\r\n\r\n").await;
    let log = stage.ledger();
    // What waits is sent before it ends.
    let folder = stage.stop().await;
    let lines = fs::read_to_string(&log).expect("a log");
    assert_eq!(lines.lines().count(), 8, "{lines}");
    let verified = Command::new(&control.actgate)
        .args([
            "ledger",
            "verify",
            "--as",
            "demo/carol@demo",
            "--control",
            &format!("http://{}", control.address),
        ])
        .args(["--log".as_ref(), log.as_os_str()])
        .output()
        .expect("a verdict");
    let told = said(&verified);
    assert!(verified.status.success(), "{told}\n{lines}");
    assert!(told.contains("7 records of"), "{told}");
    assert!(told.contains("refused by the proxy before the plugin: 1 record in the logs"), "{told}");
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_durable_goes_on_only_with_the_service() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "the secret")).await.expect("a recorder");
    let control = Control::start(&setup).await;
    let wire = Relay::to(control.address).await;
    let mut approvals = control.approvals();
    approvals.upstream.address = wire.address();
    approvals.ledger = Some(json!({ "delivery": "durable", "cluster": "control" }));
    let stage = Stage::asking(&setup, kit.issuer(), upstream.address(), Some(approvals)).await;
    wire.cut();
    let refused = send(&stage, &kit.head(DEV)).await;
    let body: Value = serde_json::from_slice(&refused.body).expect("JSON");
    assert_eq!((refused.status, &body["reason"]), (503, &json!("ledger_unavailable")), "{body}");
    assert!(upstream.seen().is_nothing());
    wire.mend();
    let passed = send(&stage, &kit.head(DEV)).await;
    assert_eq!((passed.status, passed.body.as_slice()), (200, &b"the secret"[..]));
    assert_eq!(upstream.seen().requests.len(), 1);
}
