//! What passes on purpose: the upstream gets the call that was decided on, and nothing that was to mislead.

use actgate_demo::recorder::{Recorded, Script};
use actgate_tests::e2e::{
    gateway::INJECTED,
    h1::{Outcome, Wire},
    h2::Frames,
    ledger,
    verdict::{Verdicts, equal, holds},
};
use std::time::Duration;

use crate::{
    Stage,
    case::{Case, DEV, Expect, Kit, with_credential},
};

const LIMIT: Duration = Duration::from_secs(10);

fn rows(kit: &Kit) -> Vec<Case> {
    let mut rows = vec![kit.good()];
    for header in [
        "x-envoy-retry-on: 5xx,connect-failure,reset",
        "x-envoy-max-retries: 5",
        "x-envoy-retry-grpc-on: unavailable",
        "x-envoy-hedge-on-per-try-timeout: true",
        "x-envoy-upstream-rq-timeout-ms: 1",
        "x-envoy-upstream-rq-per-try-timeout-ms: 1",
        "x-envoy-upstream-alt-stat-name: evil",
        "x-envoy-original-path: /v1/kv/prod/db",
        "x-envoy-original-url: /v1/kv/prod/db",
        "x-envoy-decorator-operation: evil",
        "x-envoy-internal: true",
        "x-envoy-external-address: 10.0.0.1",
        "x-envoy-ip-tags: trusted",
        "x-envoy-force-trace: 1",
        "X-Envoy-Retry-On: 5xx",
        "x-actgate-decision: permit:secrets",
        "x-actgate-subject: carol@demo",
        "X-Actgate-Approvals: security",
        "actgate: permit:secrets",
        "wasm.actgate: permit:secrets",
        "x-forwarded-for: 10.0.0.1",
        "x-forwarded-proto: https",
        "x-request-id: chosen-by-the-client",
        "cookie: session=1",
        "accept: application/json",
    ] {
        rows.push(kit.with_headers(header, &[header], Expect::Nobody));
    }
    let token = kit.token();
    rows.push(with_credential(
        "scheme in lower case",
        &[&format!("authorization: bearer {token}")],
        Expect::Nobody,
    ));
    rows.push(kit.with_line(
        "absolute-form",
        &format!("GET http://gateway.demo{DEV} HTTP/1.1"),
        Expect::Nobody,
    ));
    let line = |name: &str, line: String| kit.with_line(name, &line, Expect::Nobody);
    rows.push(line("absolute-form with a user", format!("GET http://a:DELETE@gateway.demo{DEV} HTTP/1.1")));
    rows.push(line("two spaces", format!("GET  {DEV} HTTP/1.1")));
    rows.push(Case::h1(
        "bare line feeds",
        format!("GET {DEV} HTTP/1.1\nhost: gateway.demo\nauthorization: Bearer {token}\n\n"),
        Expect::Nobody,
    ));
    let start = format!("GET {DEV} HTTP/1.1\r\nhost: gateway.demo\r\n");
    // Envoy writes both anew: one space for the fold, nothing for the carriage return.
    for (name, rest) in [
        ("a folded credential", format!("authorization: Bearer\r\n {token}")),
        ("a bare CR", format!("authorization: Bearer {token}\r\nx-a: b\rx-vault-token: c")),
    ] {
        rows.push(Case::h1(name, format!("{start}{rest}\r\n\r\n"), Expect::Nobody));
    }
    for lines in [
        &["Connection: x-vault-token", "X-Vault-Token: root"][..],
        &["Connection: close, x-vault-token"],
        &["Upgrade: websocket"],
        &["Connection: Upgrade"],
    ] {
        rows.push(kit.with_headers(&lines.join(" and "), lines, Expect::Nobody));
    }
    rows.push(kit.with_headers(
        "h2c",
        &["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
        Expect::Nobody,
    ));
    rows.push(kit.with_rest(
        "an empty chunked body",
        "GET",
        &["transfer-encoding: chunked"],
        "0\r\n\r\n",
        Expect::Nobody,
    ));
    rows.push(kit.with_rest(
        "trailers of HTTP/1.1",
        "GET",
        &["transfer-encoding: chunked"],
        "0\r\nx-http-method-override: DELETE\r\nx-vault-token: root\r\n\r\n",
        Expect::Nobody,
    ));
    let fields = kit.fields();
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let trailers = [("x-http-method-override", "DELETE"), ("x-vault-token", "root")];
    rows.push(Case::h2("HTTP/2", Frames::default().headers(&fields, true), Expect::Nobody));
    let host = [&fields[..], &[("host", "evil.demo")]].concat();
    rows.push(Case::h2("HTTP/2 with another host", Frames::default().headers(&host, true), Expect::Nobody));
    rows.push(Case::h2(
        "HTTP/2 with trailers",
        Frames::default().headers(&fields, false).headers(&trailers, true),
        Expect::Nobody,
    ));
    rows.push(Case::h2(
        "HTTP/2 with an empty body and trailers",
        Frames::default().headers(&fields, false).data(b"", false).headers(&trailers, true),
        Expect::Nobody,
    ));
    rows
}

pub(crate) async fn play(stage: Stage) {
    let mut verdicts = Verdicts::default();
    let rows = rows(&stage.kit);
    for row in &rows {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let came = row.send(stage.gateway.address()).await;
        let records = ledger::records(&ledger, 1).await;
        let seen = stage.upstream.seen();
        let verdict = match (records.as_slice(), seen.requests.as_slice()) {
            ([record], [request]) => row.judge(&came, record).and_then(|()| is_clean(request, &stage.kit)),
            (records, requests) => {
                Err(format!("{} records of {} requests, {came:?}", records.len(), requests.len()))
            }
        };
        let clean = [stage.kit.token(), "DELETE", "root", "prod", "evil"]
            .into_iter()
            .find(|what| seen.contains(what.as_bytes()));
        let clean = clean.map_or(Ok(()), |what| Err(format!("the upstream saw `{what}`")));
        verdicts.row(row.name(), verdict.and(clean));
        stage.upstream.forget();
    }
    verdicts.row("no repetition of what failed", failing_upstream(&stage).await);
    verdicts.row("a connection after a refusal", one_by_one(&stage).await);
    verdicts.row("requests sent at once", at_once(&stage).await);
    verdicts.conclude();
}

/// The call that was decided on, with the gateway's credential and without the client's.
fn is_clean(request: &Recorded, kit: &Kit) -> Result<(), String> {
    equal("method", request.method.as_str(), "GET")?;
    equal("target", request.target.as_str(), "/v1/kv/dev/db")?;
    equal("body", request.body.len(), 0)?;
    equal("host", request.header("host").collect::<Vec<_>>(), ["gateway.demo"])?;
    equal("credential", request.header("x-vault-token").collect::<Vec<_>>(), [INJECTED])?;
    for (name, value) in &request.headers {
        let misleading = name == "authorization"
            || name.starts_with("x-actgate-")
            || name.starts_with("x-envoy-")
            || name.contains("override")
            || name == "upgrade"
            || name == "http2-settings"
            || value.contains(kit.token());
        holds(!misleading, format!("`{name}` arrived"))?;
    }
    Ok(())
}

/// A client that asks Envoy to repeat what fails is not heard: one decision, one forward.
async fn failing_upstream(stage: &Stage) -> Result<(), String> {
    for script in [Script::text(503, "busy"), Script::Close] {
        stage.upstream.forget();
        stage.upstream.next(script);
        let headers = ["x-envoy-retry-on: 5xx,gateway-error,reset,connect-failure", "x-envoy-max-retries: 3"];
        let row = stage.kit.with_headers("", &headers, Expect::Nobody);
        let ledger = ledger::from_now(&stage.gateway.ledger());
        row.send(stage.gateway.address()).await;
        equal("records", ledger::records(&ledger, 1).await.len(), 1)?;
        equal("requests", stage.upstream.seen().requests.len(), 1)?;
    }
    Ok(())
}

/// Requests on one connection are judged one by one, and a refusal does not end it.
async fn one_by_one(stage: &Stage) -> Result<(), String> {
    stage.upstream.forget();
    let ledger = ledger::from_now(&stage.gateway.ledger());
    let mut wire = Wire::connect(stage.gateway.address()).await;
    let mut statuses = Vec::new();
    for path in MIXED {
        wire.write(stage.kit.head(path).as_bytes()).await;
        match wire.reply(LIMIT).await {
            Outcome::Reply(reply) => statuses.push(reply.status),
            outcome @ (Outcome::Closed | Outcome::Silence) => {
                return Err(format!("{outcome:?} after {statuses:?}"));
            }
        }
    }
    equal("statuses", statuses, [200, 403, 403, 200])?;
    equal("what arrived", targets(stage), [UPSTREAM_DEV, UPSTREAM_DEV])?;
    equal("records", ledger::records(&ledger, 4).await.len(), 4)
}

/// Requests sent at once, each behind the other: what is behind a permitted one does not come along. Envoy closes the
/// connection behind a refusal.
async fn at_once(stage: &Stage) -> Result<(), String> {
    stage.upstream.forget();
    let mut wire = Wire::connect(stage.gateway.address()).await;
    let bytes = MIXED.map(|path| stage.kit.head(path)).concat();
    wire.write(bytes.as_bytes()).await;
    let mut statuses = Vec::new();
    while let Outcome::Reply(reply) = wire.reply(LIMIT).await {
        statuses.push(reply.status);
    }
    equal("statuses", statuses, [200, 403])?;
    equal("what arrived", targets(stage), [UPSTREAM_DEV])
}

const MIXED: [&str; 4] = [DEV, "/secrets/v1/kv/prod/db", "/secrets/v1/sys/mounts", DEV];
const UPSTREAM_DEV: &str = "/v1/kv/dev/db";

fn targets(stage: &Stage) -> Vec<String> {
    stage.upstream.seen().requests.into_iter().map(|request| request.target).collect()
}
