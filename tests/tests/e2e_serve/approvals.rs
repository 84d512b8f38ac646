//! Approvals through `actgate serve`: a real approval service, and ones that are none.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use actgate_demo::{
    control::ControlUpstream,
    layout::Layout,
    recorder::{Recorder, Script},
    server::{Launch, Server},
};
use actgate_tests::e2e::{
    h1::{self, Outcome, Reply},
    ledger,
    setup::{Needs, Setup},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    case::{DEV, Kit},
    stage::{Approvals, Stage},
};

/// What waits for somebody in security.
const PROD: &str = "/secrets/v1/kv/prod/db";

const CONFIG: &str = "
version: 1
public_url: http://console.test
issuer: https://control.demo
state: .
gateways: [{ name: actgate-demo, token_file: gateway.token }]
groups: [{ name: release-managers }, { name: security }]
people: [{ id: demo/carol@demo, name: Carol, groups: [security] }]
ledger: { readers: [security] }
";

/// `actgate-control`, with a folder of its own.
pub(crate) struct Control {
    pub(crate) folder: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) actgate: PathBuf,
    key: Value,
    server: Server,
}

// === impl Control ===

impl Control {
    pub(crate) async fn start(setup: &Setup) -> Self {
        let folder = TempDir::new().expect("a folder");
        let config = folder.path().join("control.yaml");
        fs::write(&config, CONFIG).expect("a configuration");
        let layout = setup.layout().clone().with_state(folder.path().join("state"));
        let actgate = layout.actgate().expect("a program");
        let program = actgate.with_file_name("actgate-control");
        let keys = Command::new(&program).args(["keygen", "--config"]).arg(&config).output().expect("keys");
        let key = serde_json::from_slice(&keys.stdout).expect("a key set");
        let (server, address) = serve(&layout, &program, &config).await;
        Self { folder, address, actgate, key, server }
    }

    pub(crate) fn approvals(&self) -> Approvals {
        asked_at(self.address, &self.folder.path().join("gateway.token"), &self.key)
    }

    /// Somebody decides in a terminal.
    fn decide(&self, verb: &str, id: &str) {
        let output = Command::new(&self.actgate)
            .args(["approvals", verb, id, "--as", "demo/carol@demo"])
            .args(["--control", &format!("http://{}", self.address)])
            .output()
            .expect("a decision");
        assert!(output.status.success(), "{}", said(&output));
    }
}

async fn serve(layout: &Layout, program: &Path, config: &Path) -> (Server, SocketAddr) {
    let launch = |address: SocketAddr| {
        let mut arguments: Vec<_> = ["serve", "--dev-login", "--config"].map(Into::into).into();
        arguments.push(config.into());
        arguments.extend(["--listen".into(), address.to_string().into()]);
        Ok(Launch { name: "control", program: program.to_owned(), arguments })
    };
    Server::on_free_port(layout, "/healthz", launch).await.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// The section of a configuration, and where serve finds the cluster that it names.
fn asked_at(address: SocketAddr, token_file: &Path, key: &Value) -> Approvals {
    let section = json!({
        "groups": ["release-managers", "security"],
        "control": { "cluster": "control", "issuer": "https://control.demo", "audience": "actgate-demo" },
        "key": key,
    });
    let upstream = ControlUpstream { address, token_file: token_file.to_owned() };
    Approvals { section, upstream, ledger: None }
}

fn get(kit: &Kit, path: &str) -> String {
    kit.head(DEV).replace(DEV, path)
}

async fn send(stage: &Stage, kit: &Kit, path: &str) -> Reply {
    match h1::send(stage.address(), get(kit, path).as_bytes()).await {
        Outcome::Reply(reply) => reply,
        outcome @ (Outcome::Closed | Outcome::Silence) => panic!("{outcome:?}"),
    }
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_call_passes_once_and_no_other_does() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "the secret")).await.expect("a recorder");
    let control = Control::start(&setup).await;
    let stage = Stage::asking(&setup, kit.issuer(), upstream.address(), Some(control.approvals())).await;
    let ledger = ledger::from_now(&stage.ledger());

    let held = send(&stage, &kit, PROD).await;
    assert_eq!((held.status, &body(&held)["reason"]), (403, &json!("approval_required")), "{held:?}");
    let id = body(&held)["approval"]["id"].as_str().expect("an id").to_owned();
    let again = send(&stage, &kit, PROD).await;
    assert_eq!(body(&again)["approval"]["id"], id, "the same call is the same approval");

    control.decide("approve", &id);
    assert_eq!(send(&stage, &kit, &PROD.replace("/db", "/other")).await.status, 403, "another call");
    assert_eq!(upstream.seen().requests.len(), 0, "nothing has gone up so far");
    let passed = send(&stage, &kit, PROD).await;
    assert_eq!((passed.status, passed.body.as_slice()), (200, &b"the secret"[..]));
    assert_eq!(upstream.seen().requests.len(), 1);

    // Its outcome is told after the answer: until then the same call is in flight.
    let start = Instant::now();
    let next = loop {
        let next = send(&stage, &kit, PROD).await;
        if next.status != 409 || start.elapsed() > Duration::from_secs(10) {
            break next;
        }
    };
    assert_eq!(next.status, 403, "{next:?}");
    let fresh = body(&next)["approval"]["id"].as_str().expect("an id").to_owned();
    assert_ne!(fresh, id, "a yes is for one forward");
    control.decide("deny", &fresh);
    let denied = send(&stage, &kit, PROD).await;
    assert_eq!((denied.status, &body(&denied)["reason"]), (403, &json!("approval_denied")), "{denied:?}");
    assert_eq!(upstream.seen().requests.len(), 1);

    let records = ledger::records(&ledger, 6).await;
    let approved: Vec<&Value> = records
        .iter()
        .map(actgate_demo::ledger::Record::value)
        .filter(|record| !record["approved"].is_null())
        .collect();
    assert_eq!(approved.len(), 1, "{records:?}");
    assert_eq!(approved[0]["executed"]["status"], 200);
    let told = Command::new(&control.actgate)
        .args(["approvals", "show", &id, "--format", "json", "--as", "demo/carol@demo"])
        .args(["--control", &format!("http://{}", control.address)])
        .output()
        .expect("an approval");
    let told: Value = serde_json::from_slice(&told.stdout).unwrap_or_else(|_| panic!("{}", said(&told)));
    assert!(told.to_string().contains("\"forwarded\""), "the outcome was told: {told}");
}

/// Whatever the service does instead of its work, nothing passes, and the answer says to come back.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_of_the_approval_service_is_no_approval() {
    let Some(setup) = Setup::find(Needs::Gateway) else { return };
    let kit = Kit::new();
    let upstream = Recorder::start(Script::text(200, "the secret")).await.expect("a recorder");
    let real = Control::start(&setup).await;
    let fake = Recorder::start(Script::Close).await.expect("a recorder");
    let approvals = asked_at(fake.address(), &real.folder.path().join("gateway.token"), &real.key);
    let stage = Stage::asking(&setup, kit.issuer(), upstream.address(), Some(approvals)).await;
    let granted = r#"{"state":"granted","id":"x","grant":"a.b.c"}"#;
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n{}", " ".repeat(2_000_000));
    let answers = [
        ("closed", Script::Close),
        ("late", Script::Hang),
        ("no HTTP", Script::Raw(b"nonsense\r\n\r\n".to_vec())),
        ("unfinished", Script::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"state\"".to_vec())),
        ("too long", Script::Raw(long.into_bytes())),
        ("an error", Script::text(500, "no")),
        ("no JSON", Script::text(200, "granted")),
        ("a grant that is none", Script::text(200, granted)),
    ];
    for (name, answer) in answers {
        fake.next(answer);
        let refused = send(&stage, &kit, PROD).await;
        assert_eq!(refused.status, 503, "{name}: {refused:?}");
        assert_eq!(body(&refused)["reason"], "approval_unavailable", "{name}");
        assert!(refused.headers.iter().any(|(field, _)| field.eq_ignore_ascii_case("retry-after")), "{name}");
        assert_eq!(stage.status(&kit).await, 200, "{name}: other requests go on");
    }
    let asked = fake.seen().requests;
    assert!(asked.iter().all(|asked| asked.header("authorization").any(|own| own.starts_with("Bearer "))));
    fake.stop().await;
    let refused = send(&stage, &kit, PROD).await;
    assert_eq!(refused.status, 503, "unreachable: {refused:?}");
    let secrets = upstream.seen().requests.iter().filter(|seen| seen.target.contains("prod")).count();
    assert_eq!(secrets, 0, "nothing that waited went up");
}
