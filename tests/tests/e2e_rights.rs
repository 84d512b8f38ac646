//! The secrets part of the rights table, through a real Envoy with the real plugin to a real RustyVault.
#![allow(
    clippy::or_fun_call,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failing test panics, and says so"
)]

use actgate_demo::{
    ledger::Record,
    vault::{SEEDS, Vault},
};
use actgate_harness::mint::{Actor, Tamper, TokenSpec};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome, Reply},
    ledger,
    setup::{Needs, Setup},
    template::Template,
    tokens::{CODER, Issuer, alice, now, through},
    verdict::{Verdicts, equal, holds, is_refusal, text},
};
use serde_json::{Value, json};

const DEV: &str = "/secrets/v1/kv/dev/db";
const PROD: &str = "/secrets/v1/kv/prod/db";
const OVERWRITE: &str = r#"{"password":"overwritten"}"#;

/// Who asks for what, and what they should get.
struct Row {
    name: &'static str,
    token: Option<String>,
    method: &'static str,
    path: &'static str,
    expect: Expect,
}

enum Expect {
    /// The secret at this path below `/v1/`, as the store itself tells it.
    Secret(&'static str),
    /// Nothing there, says the store.
    NotFound,
    Refusal(Refusal),
}

#[derive(Clone, Copy, Default)]
struct Refusal {
    status: u16,
    reason: &'static str,
    /// The policies that are named.
    policies: &'static [&'static str],
    groups: &'static [&'static str],
    advice: bool,
    /// Action, and type and id of the resource, where it came as far as that.
    call: Option<(&'static str, &'static str, &'static str)>,
}

const READ: &str = "secrets.read";
const WRITE: &str = "secrets.write";
const DELETE: &str = "secrets.delete";
const LIST: &str = "secrets.list";

/// Nothing permits it.
fn unpermitted(action: &'static str, id: &'static str) -> Refusal {
    let kind = if action == LIST { "Secrets::Folder" } else { "Secrets::Secret" };
    let call = Some((action, kind, id));
    Refusal { status: 403, reason: "policy_denied", call, ..Refusal::default() }
}

/// An agent may not, whoever it acts for.
fn forbidden(action: &'static str, id: &'static str) -> Refusal {
    let policies: &[_] =
        if action == LIST { &["secrets.agents-never-list"] } else { &["secrets.agents-never-change"] };
    Refusal { policies, advice: true, ..unpermitted(action, id) }
}

/// Security has to agree.
fn held(id: &'static str) -> Refusal {
    Refusal {
        reason: "approval_required",
        policies: &["secrets.prod-needs-security"],
        groups: &["security"],
        advice: true,
        ..unpermitted(READ, id)
    }
}

fn refused(status: u16, reason: &'static str) -> Refusal {
    Refusal { status, reason, ..Refusal::default() }
}

fn rows(issuer: &Issuer) -> Vec<Row> {
    let good = issuer.good();
    let alice_s = |method, path, name, expect| Row { name, token: Some(good.clone()), method, path, expect };
    let get = |spec: &TokenSpec, path, name, refusal| Row {
        name,
        token: Some(issuer.mint(spec)),
        method: "GET",
        path,
        expect: Expect::Refusal(refusal),
    };
    let deny = |method, path, name, refusal| alice_s(method, path, name, Expect::Refusal(refusal));
    let nobody = |path, name| Row {
        name,
        token: None,
        method: "GET",
        path,
        expect: Expect::Refusal(refused(401, "token_missing")),
    };

    let mallory = through(CODER, "mallory@demo");
    let unknown = through("spiffe://demo/agent/unknown", "alice@demo");
    let (bob, carol) = (through(CODER, "bob@demo"), through(CODER, "carol@demo"));
    let expired = TokenSpec { issued_at: now() - 3600, ..alice() };
    let without_actor = TokenSpec { actor: None, ..alice() };
    let scoped = TokenSpec { scope: Some("secrets.write".to_owned()), ..alice() };
    let mut claiming = through(CODER, "mallory@demo");
    claiming.claims.insert("groups".to_owned(), json!(["security", "demo/developers"]));
    let changed = Tamper::AlterClaim { name: "sub".to_owned(), value: json!("carol@demo") };
    let forged = TokenSpec { tamper: vec![changed], ..alice() };
    let through_two = {
        let first = Some(Box::new(Actor::named("spiffe://demo/agent/unknown")));
        issuer.mint(&TokenSpec { actor: Some(Actor { earlier: first, ..Actor::named(CODER) }), ..alice() })
    };

    let read = |name, token: &str| Row {
        name,
        token: Some(token.to_owned()),
        method: "GET",
        path: DEV,
        expect: Expect::Secret("kv/dev/db"),
    };
    let unscoped = Refusal { reason: "scope_insufficient", ..unpermitted(READ, "kv/dev/db") };
    vec![
        read("alice's coder reads dev", &good),
        read("so does it where another agent acted before", &through_two),
        alice_s("GET", "/secrets/v1/kv/dev/none", "a secret that is not there", Expect::NotFound),
        deny("GET", PROD, "prod is held", held("kv/prod/db")),
        deny("GET", "/secrets/v1/kv/prod/deep/er/db", "deep in prod", held("kv/prod/deep/er/db")),
        deny("PUT", DEV, "PUT", forbidden(WRITE, "kv/dev/db")),
        deny("POST", DEV, "POST", forbidden(WRITE, "kv/dev/db")),
        deny("PUT", "/secrets/v1/kv/dev/new", "PUT something new", forbidden(WRITE, "kv/dev/new")),
        deny("PUT", PROD, "PUT prod", forbidden(WRITE, "kv/prod/db")),
        deny("DELETE", DEV, "DELETE", forbidden(DELETE, "kv/dev/db")),
        deny("DELETE", PROD, "DELETE prod", forbidden(DELETE, "kv/prod/db")),
        deny("LIST", "/secrets/v1/kv/dev", "LIST", forbidden(LIST, "kv/dev")),
        deny("LIST", "/secrets/v1/kv", "LIST everything", forbidden(LIST, "kv")),
        deny("GET", "/secrets/v1/kv/stage/db", "a folder nobody named", unpermitted(READ, "kv/stage/db")),
        deny("GET", "/secrets/v1/kv/developer/db", "a longer name", unpermitted(READ, "kv/developer/db")),
        deny("GET", "/secrets/v1/kv/dev", "the folder itself", unpermitted(READ, "kv/dev")),
        get(&mallory, DEV, "mallory", unpermitted(READ, "kv/dev/db")),
        get(&mallory, PROD, "mallory, prod", unpermitted(READ, "kv/prod/db")),
        get(&claiming, DEV, "mallory with groups in her token", unpermitted(READ, "kv/dev/db")),
        get(&bob, DEV, "bob approves releases and reads nothing", unpermitted(READ, "kv/dev/db")),
        get(&carol, PROD, "carol approves and reads nothing", unpermitted(READ, "kv/prod/db")),
        get(&unknown, DEV, "an unknown agent", unpermitted(READ, "kv/dev/db")),
        get(&unknown, PROD, "an unknown agent, prod", unpermitted(READ, "kv/prod/db")),
        get(&scoped, DEV, "a scope that stands for nothing", unscoped),
        get(&expired, DEV, "an expired token", refused(401, "token_expired")),
        get(&without_actor, DEV, "a token without actor", refused(401, "delegation_missing")),
        get(&forged, DEV, "another subject, the same signature", refused(401, "token_signature_invalid")),
        Row {
            name: "somebody else's key",
            token: Some(Issuer::new().good()),
            method: "GET",
            path: DEV,
            expect: Expect::Refusal(refused(401, "token_key_unknown")),
        },
        nobody(DEV, "no token"),
        nobody("/secrets/v1/sys/mounts", "no token, and nothing said of what there is"),
        deny("GET", "/secrets/v1/sys/mounts", "the store's own", refused(403, "route_unknown")),
        deny("POST", "/secrets/v1/auth/token/create", "its tokens", refused(403, "route_unknown")),
        deny("GET", "/nowhere/v1/kv/dev/db", "another service", refused(403, "route_unknown")),
        deny("HEAD", DEV, "HEAD", refused(403, "route_unknown")),
    ]
}

/// What the store holds, asked behind the gate.
async fn contents(vault: &Vault) -> Vec<(u16, Value)> {
    let mut contents = Vec::new();
    for path in ["kv/dev/db", "kv/prod/db", "kv/dev/new", "kv/stage/db"] {
        let answer = vault.read(path).await.expect("an answer of the store");
        contents.push((answer.status, answer.json()["data"].clone()));
    }
    contents
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_table_of_the_secrets_pack() {
    let Some(setup) = Setup::find(Needs::Vault) else { return };
    let issuer = Issuer::new();
    let state = State::new(&setup, &Template::read(setup.root()));
    let vault = state.vault().await;
    let before = contents(&vault).await;
    for ((_, password), (_, data)) in SEEDS.iter().zip(&before) {
        assert_eq!(data["password"], *password, "the store is not seeded");
    }
    let gateway = Gateway::start(state, Departure::none(&setup, &issuer), vault.upstream().clone()).await;

    let mut verdicts = Verdicts::default();
    let whole = ledger::from_now(&gateway.ledger());
    let rows = rows(&issuer);
    for row in &rows {
        let ledger = ledger::from_now(&gateway.ledger());
        let outcome = h1::send(gateway.address(), &row.request()).await;
        let records = ledger::records(&ledger, 1).await;
        let verdict = match (&outcome, records.as_slice()) {
            (Outcome::Reply(reply), [record]) => row.judge(reply, record),
            (outcome, records) => Err(format!("{outcome:?} and {} records", records.len())),
        };
        let unchanged = equal("the store", contents(&vault).await, before.as_slice());
        verdicts.row(row.name, verdict.and(unchanged));
    }
    let records = ledger::records(&whole, rows.len()).await;
    verdicts.row("one record for each", equal("records", records.len(), rows.len()));
    let refused = rows.iter().filter(|row| matches!(row.expect, Expect::Refusal(_))).count();
    for (name, should) in [("allowed", rows.len() - refused), ("refused", refused), ("failed", 0)] {
        let is = gateway.stat(&format!("wasmcustom.actgate_requests_{name}")).await;
        verdicts.row(name, equal("the counter", is, u64::try_from(should).ok()));
    }
    verdicts.conclude();
}

// === impl Row ===

impl Row {
    fn request(&self) -> Vec<u8> {
        let Self { method, path, token, .. } = self;
        let token = token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n"));
        let token = token.unwrap_or_default();
        let body = match *method {
            "PUT" | "POST" => format!("content-length: {}\r\n\r\n{OVERWRITE}", OVERWRITE.len()),
            _ => "\r\n".to_owned(),
        };
        format!("{method} {path} HTTP/1.1\r\nhost: gateway.demo\r\n{token}{body}").into_bytes()
    }

    fn judge(&self, reply: &Reply, record: &Record) -> Result<(), String> {
        let value = record.value();
        equal("recorded method", text(value, "/attempted/method"), self.method)?;
        equal("recorded path", text(value, "/attempted/path"), self.path)?;
        match &self.expect {
            Expect::Secret(path) => {
                let seed = SEEDS.iter().find(|(seed, _)| seed == path).map(|(_, password)| *password);
                equal("status", reply.status, 200)?;
                equal("password", reply.json()["data"]["password"].as_str(), seed)?;
                is_allowed(value, 200)
            }
            Expect::NotFound => {
                equal("status", reply.status, 404)?;
                is_allowed(value, 404)
            }
            // RFC 9110 section 9.3.2: no body to look at.
            Expect::Refusal(refusal) if self.method == "HEAD" => {
                equal("status", reply.status, refusal.status)?;
                equal("recorded reason", record.reason(), refusal.reason)
            }
            Expect::Refusal(refusal) => {
                is_refusal(reply, refusal.status, refusal.reason, record)?;
                refusal.is_told(&reply.json())?;
                refusal.is_recorded(value)
            }
        }
    }
}

fn is_allowed(record: &Value, status: u64) -> Result<(), String> {
    equal("decision", text(record, "/decided/decision"), "allow")?;
    let mut policies: Vec<&str> =
        record["decided"]["policies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    policies.sort_unstable();
    equal("policies", policies, ["secrets.coders-read-dev", "secrets.developers-read-dev"])?;
    equal("executed", record["executed"]["status"].as_u64(), Some(status))?;
    equal("details", text(record, "/executed/details"), "via_upstream")?;
    holds(text(record, "/executed/upstream").starts_with("127.0.0.1:"), "no upstream recorded")?;
    equal("subject", text(record, "/attempted/subject"), "demo/alice@demo")?;
    equal("actor", text(record, "/attempted/actor"), "demo/spiffe://demo/agent/coder")?;
    equal("service", text(record, "/service"), "secrets")
}

// === impl Refusal ===

impl Refusal {
    /// What the client is told beyond what every refusal says.
    fn is_told(&self, body: &Value) -> Result<(), String> {
        equal("policies", &body["policies"], &json!(self.policies))?;
        let groups = if self.groups.is_empty() { Value::Null } else { json!(self.groups) };
        equal("approval.groups", &body["approval"]["groups"], &groups)?;
        equal("whether there is advice", body["advice"].is_string(), self.advice)?;
        let (action, resource) = self.call();
        equal("action", text(body, "/action"), action)?;
        equal("resource", text(body, "/resource"), resource)
    }

    fn is_recorded(&self, record: &Value) -> Result<(), String> {
        equal("recorded policies", &record["decided"]["policies"], &json!(self.policies))?;
        let (action, resource) = self.call();
        equal("recorded action", text(record, "/attempted/calls/0/action"), action)?;
        equal("recorded resource", text(record, "/attempted/calls/0/resource"), resource)
    }

    fn call(&self) -> (&'static str, String) {
        match self.call {
            Some((action, kind, id)) => (action, format!("{kind}::\"{id}\"")),
            None => ("", String::new()),
        }
    }
}
