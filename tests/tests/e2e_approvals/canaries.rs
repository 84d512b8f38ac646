//! What is secret in a request gets into nothing that the service stores, shows or hands out: canaries go through the gate,
//! its records into the ledger, and everything is looked through. `e2e_secrets.rs` does it for the gate alone.

use std::{collections::BTreeMap, fs, path::Path};

use actgate_demo::http::Exchange;
use actgate_harness::mint::random_token_id;
use actgate_tests::e2e::{
    ledger,
    tokens::alice,
    verdict::{Verdicts, equal, holds},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::{
    pack::PAY,
    stage::{BOB, CAROL, Payment, Stage, records},
};

const FORMATS: [&str; 8] =
    ["jsonl", "csv", "cloudevents", "cloudevents-batch", "ocsf", "otlp", "otlp-logs", "otlp-traces"];

/// Random texts by the place where each travels.
#[derive(Default)]
struct Canaries(BTreeMap<String, String>);

impl Canaries {
    fn plant(&mut self, place: &str) -> String {
        let canary = format!("canary{}", random_token_id().replace(['-', '_'], "x"));
        self.0.insert(place.to_owned(), canary.clone());
        canary
    }

    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let text = String::from_utf8_lossy(bytes);
        self.0.iter().filter(|(_, canary)| text.contains(*canary)).map(|(place, _)| place.as_str()).collect()
    }

    /// A payment with a secret in every place that has room for one, of some size.
    fn payment(&mut self, name: &str, amount: u32) -> Payment {
        let mut token = alice();
        token.claims.insert("note".to_owned(), json!([self.plant(&format!("{name}: a claim"))]));
        let mut headers = Payment::usual().headers;
        for header in ["x-api-key", "cookie", "x-other-token", "referer", "user-agent", "tracestate"] {
            headers.push((header, self.plant(&format!("{name}: {header}"))));
        }
        let pin = self.plant(&format!("{name}: an argument that the catalog calls secret"));
        Payment {
            headers,
            body: format!(r#"{{"amount": {amount}, "to": "landlord", "pin": "{pin}"}}"#),
            token,
            ..Payment::usual()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_gets_into_the_service() {
    let Some(stage) = Stage::set().await else { return };
    let mut canaries = Canaries::default();
    let mut verdicts = Verdicts::default();
    let log = ledger::from_now(&stage.ledger());

    // Let through; held, approved and let through; refused for its query, its token and its form.
    let mut small = canaries.payment("allowed", 5);
    small.target = PAY.replace("rent", &canaries.plant("a query that the catalog knows"));
    small.body = small.body.replace("landlord", &canaries.plant("an argument that no policy reads"));
    let held = canaries.payment("held", 100);
    let mut query = canaries.payment("refused", 5);
    query.target = format!("{PAY}&token={}", canaries.plant("a query that nobody knows"));
    let mut odd = canaries.payment("malformed", 5);
    odd.body = format!("{{\"amount\": {}", canaries.plant("a body that is no JSON"));
    let mut expired = canaries.payment("expired", 5);
    expired.token.issued_at -= 7_200;
    for payment in [&small, &held, &query, &odd, &expired] {
        let token = stage.issuer.mint(&payment.token);
        let signature = token.rsplit('.').next().unwrap_or_default().to_owned();
        canaries.0.insert(format!("a token, {}", canaries.0.len()), signature);
    }
    assert_eq!(stage.send(&small).await.status, 200);
    let id = stage.held(&held).await;
    stage.approve(BOB, &id).await;
    assert_eq!(stage.send(&held).await.status, 200);
    for (payment, status) in [(&query, 400), (&odd, 400), (&expired, 401)] {
        assert_eq!(stage.send(payment).await.status, status);
    }
    assert_eq!(stage.outcome(&id).await, "forwarded");
    let made = records(&log, 6).await;

    // As a gateway sends them.
    let events: Vec<Value> = made
        .iter()
        .zip(1..)
        .map(|(record, number)| json!({ "sequence": number, "record": record.value() }))
        .collect();
    send(&stage, "envoy-1", events).await;
    for (place, bytes) in places(&stage, &id).await {
        verdicts.row(&place, equal("canaries", canaries.found_in(&bytes), [""; 0]));
    }

    // One that leaks: it is found in every place that the ledger gets to, so the search is one that finds.
    let mut leak = made[0].value().clone();
    let leaked = canaries.plant("a leak");
    leak["id"] = json!("01a20e83-a248-7000-8000-0000000000ff");
    leak["attempted"]["calls"][0]["resource"] = json!(format!("Secrets::Account::\"{leaked}\""));
    send(&stage, "envoy-2", vec![json!({ "sequence": 1, "record": leak })]).await;
    for (place, bytes) in places(&stage, &id).await {
        let is_of_ledger =
            ["dump of ledger", "console /ledger", "export"].iter().any(|of| place.starts_with(of));
        let expected: &[&str] =
            if is_of_ledger && place != "dump of ledger_counts" && place != "dump of ledger_actions" {
                &["a leak"]
            } else {
                &[]
            };
        if is_of_ledger {
            verdicts.row(
                &format!("{place}, after a leak"),
                equal("canaries", canaries.found_in(&bytes), expected),
            );
        }
    }
    verdicts.row("the gate let two pass", holds(stage.paid() == 2, format!("{}", stage.paid())));
    verdicts.conclude();
}

async fn send(stage: &Stage, emitter: &str, events: Vec<Value>) {
    let token = fs::read_to_string(&stage.control.upstream().token_file).expect("a token");
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "emitter": emitter, "events": events }).to_string();
    let exchange = Exchange {
        headers: &headers,
        body: body.as_bytes(),
        ..Exchange::new(stage.control.address(), "POST", "/v1/events")
    };
    exchange.succeed().await.unwrap_or_else(|error| panic!("{error}"));
}

/// Everything that is written down, shown or handed out, by its place.
async fn places(stage: &Stage, approval: &str) -> Vec<(String, Vec<u8>)> {
    let folder = stage.gateway.state().path();
    let mut all = Vec::new();
    for file in files(folder) {
        let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        // What Envoy injects, and the keys: secrets of the operator, whose place this is.
        if !name.starts_with("vault") {
            all.push((format!("file {name}"), fs::read(&file).unwrap_or_default()));
        }
    }
    let has = |end: &str| all.iter().any(|(name, bytes)| name.ends_with(end) && !bytes.is_empty());
    assert!(
        has("control.db") && has("ledger.jsonl") && has("envoy.log"),
        "{:?}",
        all.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    all.extend(dump(&folder.join("control/control.db")).await);

    let address = stage.control.address();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sign_in = Exchange {
        headers: &form,
        body: b"person=demo%2Fcarol%40demo&next=%2F",
        ..Exchange::new(address, "POST", "/login")
    };
    let answer = sign_in.send().await.expect("an answer");
    let cookie = answer.headers["set-cookie"]
        .to_str()
        .expect("a cookie")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut pages: Vec<String> = [
        "/",
        "/history",
        "/ledger",
        "/ledger?decision=allow",
        "/ledger?agent=demo/spiffe://demo/agent/coder",
    ]
    .map(str::to_owned)
    .to_vec();
    pages.push(format!("/approvals/{approval}"));
    pages.extend(FORMATS.map(|format| format!("/ledger/export?format={format}")));
    for page in pages {
        let headers = [("cookie", cookie.as_str())];
        let exchange = Exchange { headers: &headers, ..Exchange::new(address, "GET", &page) };
        let answer = exchange.succeed().await.unwrap_or_else(|error| panic!("{error}"));
        let kind = if page.contains("export") { "export" } else { "console" };
        all.push((format!("{kind} {page}"), answer.body));
    }
    let listed =
        stage.control.look(CAROL, "/v1/events?limit=500").await.unwrap_or_else(|error| panic!("{error}"));
    all.push(("export /v1/events".to_owned(), listed.to_string().into_bytes()));
    all
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Every table as text: in the file itself a long value lies in pieces.
async fn dump(database: &Path) -> Vec<(String, Vec<u8>)> {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}?mode=ro", database.display());
    let mut connection = sqlx::AnyConnection::connect(&url).await.expect("a database");
    let mut ask = async |text: String| {
        sqlx::query(AssertSqlSafe(text))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let mut all = Vec::new();
    let tables =
        ask("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'"
            .to_owned())
        .await;
    for table in tables {
        let table: String = table.try_get(0).expect("a name");
        let columns = ask(format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let columns: Vec<String> = columns
            .iter()
            .map(|row| {
                format!("COALESCE(CAST(\"{}\" AS TEXT), '')", row.try_get::<String, _>(0).expect("a name"))
            })
            .collect();
        let rows = ask(format!("SELECT {} AS line FROM \"{table}\"", columns.join(" || ' ' || "))).await;
        let text: String =
            rows.iter().map(|row| row.try_get::<String, _>(0).expect("a line") + "\n").collect();
        all.push((format!("dump of {table}"), text.into_bytes()));
    }
    all
}
