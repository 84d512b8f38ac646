//! The ledger at its size: ten million records, every kind of question, on both databases. It takes a quarter of an hour and 17 GB,
//! so it runs when it is asked for, in a release build (`make bench-ledger`):
//!
//! ```sh
//! cargo test --release --package actgate-control --test ledger_scale -- --ignored --nocapture --test-threads 1
//! ```

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

use std::time::{Duration, Instant};

use actgate_control::{
    ledger,
    store::{CountBy, LedgerFilter, NewRecord, Store},
};
use chrono::DateTime;
use serde_json::{Value, json, value::RawValue};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use support::{BEGIN, CAROL, GATEWAY, Replica, postgres::Cluster};

/// How many; `ACTGATE_LEDGER_ROWS` says otherwise.
const ROWS: i64 = 10_000_000;

/// They are of the last month but a day, evenly.
const SECONDS: i64 = 29 * 86_400;

/// What is measured over HTTP, in batches as gateways send them.
const MEASURED: i64 = 100_000;
const BATCH: i64 = 500;

/// What the design asks for.
const RATE: f64 = 5_000.0;
const ANSWER: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a quarter of an hour and 17 GB; see above"]
async fn ten_million_records_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("control.db");
    let replica = Replica::start(folder.path(), Store::sqlite(&file).await.unwrap()).await;
    measure(&replica, &format!("sqlite://{}", file.display())).await;
    println!("the file: {} MiB", std::fs::metadata(&file).unwrap().len() >> 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a quarter of an hour and 17 GB; see above"]
async fn ten_million_records_on_postgresql() {
    let Some(cluster) = Cluster::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.database("scale").await;
    let replica = Replica::start(folder.path(), Store::postgres(&url).await.unwrap()).await;
    measure(&replica, &url).await;
}

/// One of many: 200 agents, 5,000 people, tasks of some twenty requests, 12 actions; one in five is refused or held; one
/// agent, action and reason are rare.
fn record(number: i64, rows: i64) -> String {
    let second = BEGIN - SECONDS + number.saturating_mul(SECONDS) / rows.max(1);
    let time = DateTime::from_timestamp(second, 0).unwrap().format("%Y-%m-%dT%H:%M:%S");
    // Anything that spreads.
    let spread = number.wrapping_mul(2_654_435_761).rem_euclid(1 << 32);
    let agent = if number % 500_000 == 7 { 9_999 } else { spread % 200 };
    let action = match (number % 100_000, spread / 200 % 12) {
        (11, _) => "deploy.rare",
        (_, 0..=3) => "git.fetch",
        (_, 4..=5) => "git.ref.update",
        (_, 6) => "git.ref.create",
        (_, 7..=8) => "secrets.read",
        (_, 9) => "mcp.file.read",
        (_, 10) => "deploy.pull",
        _ => "deploy.manifest.put",
    };
    let (decision, upstream, status) = match spread % 20 {
        0..=15 => (r#""decision":"allow""#, "127.0.0.1:36301", 200),
        16..=18 => (r#""decision":"deny","reason":"policy_denied","status":403"#, "", 403),
        _ => (r#""decision":"hold","reason":"approval_required","status":403"#, "", 403),
    };
    format!(
        r#"{{"v":1,"id":"01a20e83-a248-7000-8000-{number:012x}","time":"{time}.250Z","trace":null,"bundle":"sha-256:JkbhIWqXkaJ1eNiihNwU6Lf2d-w8iv-I0niFSOXH52c","service":"git","stage":"decided","attempted":{{"method":"POST","authority":"gateway:10000","path":"/git/payments.git/git-receive-pack","subject":"demo/user{}@demo","actor":"demo/spiffe://demo/agent/a{agent}","chain":[],"jti":"7OsglCObydgl0jzfBW0e4A","task":"task-{}","calls":[{{"action":"{action}","resource":"Git::Ref::\"payments/refs/heads/main\"","arguments":{{"ref":"refs/heads/main"}}}}]}},"decided":{{{decision},"policies":["git.x"],"latency_us":100}},"approved":null,"executed":{{"status":{status},"details":"via_upstream","flags":"-","upstream":"{upstream}","request_bytes":0,"response_bytes":119,"duration_ms":2}}}}"#,
        spread % 5_000,
        number / 20,
    )
}

async fn measure(replica: &Replica, url: &str) {
    let rows: i64 = std::env::var("ACTGATE_LEDGER_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    let is_postgres = url.starts_with("postgres");
    let mut other = sqlx::AnyConnection::connect(url).await.unwrap();
    seed(replica, &mut other, is_postgres, rows - MEASURED, rows).await;
    let rate = taken_in(replica, rows).await;
    let count: i64 =
        other.fetch_one("SELECT COUNT(*) AS count FROM ledger").await.unwrap().try_get("count").unwrap();
    assert_eq!(count, rows + 31);
    let slow = questions(replica).await;
    if is_postgres {
        explain(&mut other).await;
    }
    other.close().await.unwrap();
    if cfg!(debug_assertions) {
        println!("a debug build: no figure is held against anything");
        return;
    }
    assert!(slow.is_empty(), "{slow:?}");
    assert!(rate >= RATE, "{rate:.0}/s");
}

/// Most of them, made by the database itself: what is measured is how it answers, and how it takes in what follows.
async fn seed(replica: &Replica, other: &mut sqlx::AnyConnection, is_postgres: bool, count: i64, rows: i64) {
    let begun = Instant::now();
    // A record of each day, as it comes in: it makes the day's partition.
    for day in 0..=30 {
        let record = record(day * rows / 30, rows);
        let facts = ledger::facts(&record).unwrap();
        let one = [NewRecord { sequence: day + 1, record, facts }];
        replica.app.store.ingest(GATEWAY, "days", &one, 30 * 86_400, replica.now()).await.unwrap();
    }
    let mut run = async |text: String| {
        other.execute(AssertSqlSafe(text)).await.unwrap_or_else(|error| panic!("{error}"));
    };
    if is_postgres {
        run("SET maintenance_work_mem = '256MB'".to_owned()).await;
    } else {
        run("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA busy_timeout = 60000".to_owned())
            .await;
    }
    // Rows first and indexes then, as they were: it is the same in the end, and sooner.
    let indexes = indexes(is_postgres);
    for (name, _) in &indexes {
        run(format!("DROP INDEX {name}")).await;
    }
    let mut done = 0;
    while done < count {
        let size = (count - done).min(500_000);
        run(made(done + 1, done + size, rows, is_postgres)).await;
        done += size;
        println!("{done} after {:.0?}", begun.elapsed());
    }
    for (_, create) in &indexes {
        run(create.clone()).await;
    }
    let day = if is_postgres { "at / 86400000" } else { "CAST(at / 86400000 AS INTEGER)" };
    run(format!(
        "INSERT INTO ledger_counts (day, actor, action, decision, attempted, approved, executed) \
         SELECT {day}, actor, action, decision, COUNT(*), 0, \
         SUM(CASE WHEN decision = 'allow' THEN 1 ELSE 0 END) FROM ledger WHERE emitter = 'seed' GROUP BY 1, 2, 3, 4 \
         ON CONFLICT DO NOTHING"
    )).await;
    // PostgreSQL does so by itself, by and by.
    if is_postgres {
        run("ANALYZE".to_owned()).await;
    }
    println!("made, with their indexes, after {:.0?}", begun.elapsed());
}

/// The ledger's indexes, as the migration has them.
fn indexes(is_postgres: bool) -> Vec<(String, String)> {
    let migration = if is_postgres {
        include_str!("../migrations/0002_ledger_postgres.sql")
    } else {
        concat!(
            include_str!("../migrations/0002_ledger_sqlite.sql"),
            include_str!("../migrations/0005_ledger_pairs_sqlite.sql")
        )
    };
    let mut all = Vec::new();
    for statement in migration.split(';').map(str::trim) {
        let Some((_, create)) =
            statement.split_once("CREATE ").filter(|(_, create)| create.contains("INDEX "))
        else {
            continue;
        };
        let create = format!("CREATE {create}");
        let name = create.split("INDEX ").nth(1).unwrap().split(' ').next().unwrap();
        if create.contains(" ON ledger (") {
            all.push((name.to_owned(), create.clone()));
        }
    }
    assert_eq!(all.len(), if is_postgres { 10 } else { 12 }, "{all:?}");
    all
}

/// An insert of the rows of these numbers, as [`record`] makes them.
fn made(first: i64, last: i64, rows: i64, is_postgres: bool) -> String {
    let (numbers, id) = if is_postgres {
        (
            format!("SELECT n FROM generate_series({first}::BIGINT, {last}::BIGINT) AS n"),
            "right('000000000000' || n, 12)",
        )
    } else {
        (
            format!(
                "SELECT n FROM (WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers \
                 WHERE n < {last}) SELECT n FROM numbers)"
            ),
            "substr('000000000000' || n, -12, 12)",
        )
    };
    let begin = BEGIN - SECONDS;
    format!(
        r#"INSERT INTO ledger (at, number, gateway, emitter, sequence, link, id, service, subject, actor, task, action,
            decision, reason, status, record)
        SELECT at, s * 1000003 + n, 'gateway-demo', 'seed', n, 'JkbhIWqXkaJ1eNiihNwU6Lf2d-w8iv-I0niFSOXH52c', id, 'git',
            subject, actor, task, action, decision, reason, status,
            '{{"v":1,"id":"' || id || '","time":"2027-01-01T00:00:00.250Z","trace":null,"bundle":"sha-256:JkbhIWqXkaJ1eNiihNwU6Lf2d-w8iv-I0niFSOXH52c","service":"git","stage":"decided","attempted":{{"method":"POST","authority":"gateway:10000","path":"/git/payments.git/git-receive-pack","subject":"' || subject || '","actor":"' || actor || '","chain":[],"jti":"7OsglCObydgl0jzfBW0e4A","task":"' || task || '","calls":[{{"action":"' || action || '","resource":"Git::Ref::\"payments/refs/heads/main\"","arguments":{{"ref":"refs/heads/main"}}}}]}},"decided":{{"decision":"' || decision || '","policies":["git.x"],"latency_us":100,"reason":"policy_denied","status":403}},"approved":null,"executed":{{"status":200,"details":"via_upstream","flags":"-","upstream":"127.0.0.1:36301","request_bytes":0,"response_bytes":119,"duration_ms":2}}}}'
        FROM (SELECT n, s, ({begin} + n * {SECONDS} / {rows}) * 1000 + 250 AS at,
            '01a20e83-a248-7000-8000-' || {id} AS id,
            'demo/user' || (s % 5000) || '@demo' AS subject,
            'demo/spiffe://demo/agent/a' || (CASE WHEN n % 500000 = 7 THEN 9999 ELSE s % 200 END) AS actor,
            'task-' || (n / 20) AS task,
            CASE WHEN n % 100000 = 11 THEN 'deploy.rare' WHEN s / 200 % 12 <= 3 THEN 'git.fetch'
                WHEN s / 200 % 12 <= 5 THEN 'git.ref.update' WHEN s / 200 % 12 = 6 THEN 'git.ref.create'
                WHEN s / 200 % 12 <= 8 THEN 'secrets.read' WHEN s / 200 % 12 = 9 THEN 'mcp.file.read'
                WHEN s / 200 % 12 = 10 THEN 'deploy.pull' ELSE 'deploy.manifest.put' END AS action,
            CASE WHEN s % 20 <= 15 THEN 'allow' WHEN s % 20 <= 18 THEN 'deny' ELSE 'hold' END AS decision,
            CASE WHEN s % 20 <= 15 THEN NULL WHEN s % 20 <= 18 THEN 'policy_denied' ELSE 'approval_required' END AS reason,
            CASE WHEN s % 20 <= 15 THEN 200 ELSE 403 END AS status
            FROM (SELECT n, n * 2654435761 % 4294967296 AS s FROM ({numbers}) AS numbers) AS spread) AS told"#
    )
}

/// The last of them, as two gateways send them.
async fn taken_in(replica: &Replica, rows: i64) -> f64 {
    let token = replica.gateway_token(GATEWAY);
    let batches = |emitter: &'static str, parity: i64| {
        let numbers = (rows - MEASURED + 1..=rows).filter(move |number| number % 2 == parity);
        let mut bodies: Vec<Value> = Vec::new();
        for (index, number) in numbers.enumerate() {
            let sequence = i64::try_from(index).unwrap() + 1;
            let raw = RawValue::from_string(record(number, rows)).unwrap();
            if (sequence - 1) % BATCH == 0 {
                bodies.push(json!({ "emitter": emitter, "events": [] }));
            }
            let event =
                json!({ "sequence": sequence, "record": serde_json::from_str::<Value>(raw.get()).unwrap() });
            bodies.last_mut().unwrap()["events"].as_array_mut().unwrap().push(event);
        }
        bodies
    };
    let (first, second) = (batches("envoy-1", 0), batches("envoy-2", 1));
    let send = async |bodies: Vec<Value>| {
        for body in bodies {
            let reply = replica.post("/v1/events", &token, &body).await;
            assert_eq!(reply.json()["stored"], BATCH, "{}", reply.text);
        }
    };
    let begun = Instant::now();
    tokio::join!(send(first), send(second));
    let rate = f64::from(i32::try_from(MEASURED).unwrap()) / begun.elapsed().as_secs_f64();
    println!("taken in over HTTP, two emitters, {BATCH} a batch: {rate:.0} records/s");
    rate
}

/// Every kind of question: which of them took too long.
async fn questions(replica: &Replica) -> Vec<String> {
    let token = replica.token_of(CAROL).await;
    let page = replica.get("/v1/events?limit=100", &token).await.json();
    let deep = format!("?before={}.5", (BEGIN - 15 * 86_400) * 1000);
    let next = format!("?before={}&decision=deny", page["next"].as_str().unwrap());
    let mut slow = Vec::new();
    for query in [
        "?limit=100",
        "?limit=500",
        &deep,
        &next,
        "?agent=demo/spiffe://demo/agent/a3",
        "?agent=demo/spiffe://demo/agent/a9999",
        "?agent=demo/spiffe://demo/agent/a3&decision=hold",
        "?agent=demo/spiffe://demo/agent/a3&decision=deny",
        "?agent=demo/spiffe://demo/agent/a3&action=deploy.rare",
        "?agent=demo/spiffe://demo/agent/a9999&action=git.fetch",
        "?subject=demo/user7@demo",
        "?subject=demo/user7@demo&action=git.fetch",
        "?subject=demo/user7@demo&decision=deny",
        "?task=task-1100",
        "?task=task-1100&decision=allow",
        "?action=git.fetch",
        "?action=deploy.rare",
        "?action=git.fetch&decision=deny",
        "?action=deploy.rare&decision=hold",
        "?decision=hold",
        "?decision=observe",
        "?decision=deny&agent=demo/spiffe://demo/agent/a9999",
        "?since=1798272000&until=1798272060",
        "?since=1798272000&until=1798358400&agent=demo/spiffe://demo/agent/a3",
        "?since=1798272000&until=1798358400&action=deploy.rare",
        "?agent=nobody",
        "?task=nothing&action=git.fetch",
    ] {
        let times = times(async || {
            let reply = replica.get(&format!("/v1/events{query}"), &token).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
        });
        told(query, times.await, &mut slow);
    }
    let everything = LedgerFilter::default();
    let week = LedgerFilter { since: Some((BEGIN - 7 * 86_400) * 1000), ..LedgerFilter::default() };
    let agent = LedgerFilter { actor: Some("demo/spiffe://demo/agent/a3".to_owned()), ..week.clone() };
    for (name, filter) in [("everything", &everything), ("a week", &week), ("an agent's week", &agent)] {
        for by in [CountBy::Actor, CountBy::Action, CountBy::Day] {
            let times = times(async || drop(replica.app.store.counts(filter, by).await.unwrap()));
            told(&format!("counts of {name}, by {by:?}"), times.await, &mut slow);
        }
    }
    slow
}

/// The first answer, which may have to read the disk, and the median of some more.
async fn times(ask: impl AsyncFn()) -> [Duration; 2] {
    let mut times = Vec::new();
    for _ in 0..6 {
        let begun = Instant::now();
        ask().await;
        times.push(begun.elapsed());
    }
    let first = times.remove(0);
    times.sort();
    [first, times[2]]
}

fn told(what: &str, [first, median]: [Duration; 2], slow: &mut Vec<String>) {
    println!("{median:>10.1?}  (first {first:.1?})  {what}");
    if median > ANSWER {
        slow.push(what.to_owned());
    }
}

/// How PostgreSQL goes about the ones that could go wrong.
async fn explain(other: &mut sqlx::AnyConnection) {
    for conditions in [
        "actor = 'demo/spiffe://demo/agent/a3' AND decision = 'deny' AND decision <> 'allow'",
        "action = 'git.fetch' AND subject = 'demo/user7@demo'",
    ] {
        let text = format!(
            "EXPLAIN SELECT at FROM ledger WHERE {conditions} ORDER BY at DESC, number DESC LIMIT 100"
        );
        let plan = other.fetch_all(AssertSqlSafe(text)).await.unwrap();
        for line in plan.iter().take(6) {
            println!("  {}", line.try_get::<String, _>(0).unwrap());
        }
    }
}
