//! Tables of cases that share one gateway: every row is played, and every failing row is named.

use std::fmt::Debug;

use actgate_demo::ledger::Record;
use serde_json::Value;

use super::h1::Reply;

/// What was found wrong, by row.
#[derive(Debug, Default)]
pub struct Verdicts {
    rows: usize,
    failures: Vec<String>,
}

// === impl Verdicts ===

impl Verdicts {
    /// Adds a row's outcome.
    pub fn row(&mut self, name: &str, verdict: Result<(), String>) {
        self.rows += 1;
        if let Err(why) = verdict {
            self.failures.push(format!("{name}: {why}"));
        }
    }

    /// How many rows there were.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Ends the table.
    ///
    /// # Panics
    /// With every failure, if there is one, and where there was no row at all.
    pub fn conclude(self) {
        assert!(self.rows > 0, "nothing was tried");
        let Self { rows, failures } = self;
        assert!(failures.is_empty(), "{} of {rows} rows failed:\n{}", failures.len(), failures.join("\n"));
    }
}

/// That two things are equal.
///
/// # Errors
/// How they differ.
#[expect(clippy::needless_pass_by_value, reason = "callers compare what they have just made")]
pub fn equal<T: PartialEq<U> + Debug, U: Debug>(what: &str, is: T, should: U) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what} is {is:?} and should be {should:?}")) }
}

/// That a condition holds.
///
/// # Errors
/// `what`, where it does not.
pub fn holds(condition: bool, what: impl Into<String>) -> Result<(), String> {
    if condition { Ok(()) } else { Err(what.into()) }
}

/// That a reply is the gate's own refusal for this reason, in the form that `docs/reasons.md` promises, and that
/// the ledger says the same.
///
/// # Errors
/// What differs.
pub fn is_refusal(reply: &Reply, status: u16, reason: &str, record: &Record) -> Result<(), String> {
    let body = reply.json();
    equal("reason", text(&body, "/reason"), reason)
        .map_err(|why| format!("{why} ({}: {})", reply.status, String::from_utf8_lossy(&reply.body)))?;
    equal("status", reply.status, status)?;
    equal("content-type", reply.header("content-type"), Some("application/problem+json"))?;
    equal("cache-control", reply.header("cache-control"), Some("no-store"))?;
    let challenge = reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer "));
    holds(status != 401 || challenge, "a 401 without a challenge")?;
    is_problem(&body, status, reason)?;
    is_recorded(record, &body, status, reason)
}

/// That a reply is the gate's own refusal for this reason in a registry's words (`voice: oci`), and that the ledger
/// says the same.
///
/// # Errors
/// What differs.
pub fn is_oci_refusal(reply: &Reply, status: u16, reason: &str, record: &Record) -> Result<(), String> {
    let body = reply.json();
    let error = &body["errors"][0];
    let problem = &error["detail"];
    equal("reason", text(problem, "/reason"), reason)
        .map_err(|why| format!("{why} ({}: {})", reply.status, String::from_utf8_lossy(&reply.body)))?;
    equal("status", reply.status, status)?;
    equal("content-type", reply.header("content-type"), Some("application/json"))?;
    equal("cache-control", reply.header("cache-control"), Some("no-store"))?;
    let challenge =
        reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer realm=\"http"));
    holds(status != 401 || challenge, "a 401 without a challenge that has a realm")?;
    holds(!text(error, "/code").is_empty(), "no code")?;
    let message = text(error, "/message");
    holds(message.starts_with(reason), format!("the message `{message}` does not begin with the reason"))?;
    holds(message.contains(text(problem, "/detail")), "the message does not say the detail")?;
    is_problem(problem, status, reason)?;
    is_recorded(record, problem, status, reason)
}

/// That a body is a problem document for this reason.
///
/// # Errors
/// What differs.
pub fn is_problem(body: &Value, status: u16, reason: &str) -> Result<(), String> {
    equal("type", text(body, "/type"), format!("urn:actgate:reason:{reason}"))?;
    equal("reason", text(body, "/reason"), reason)?;
    equal("status in the body", body["status"].as_u64(), Some(u64::from(status)))?;
    holds(!text(body, "/title").is_empty(), "no title")?;
    holds(!text(body, "/detail").is_empty(), "no detail")?;
    holds(body["policies"].is_array(), "no policies")?;
    let known = [
        "type",
        "title",
        "status",
        "detail",
        "reason",
        "action",
        "resource",
        "policies",
        "advice",
        "decision_id",
        "approval",
    ];
    let names = body.as_object().into_iter().flat_map(|object| object.keys());
    match names.into_iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("the body says more than it should: `{name}`")),
        None => Ok(()),
    }
}

/// That the ledger's record is of this refusal.
///
/// # Errors
/// What differs.
pub fn is_recorded(record: &Record, body: &Value, status: u16, reason: &str) -> Result<(), String> {
    let decision = if reason == "approval_required" { "hold" } else { "deny" };
    equal("decision_id", text(body, "/decision_id"), text(record.value(), "/id"))?;
    equal("stage", record.stage(), "decided")?;
    equal("recorded decision", record.decision(), decision)?;
    equal("recorded reason", record.reason(), reason)?;
    equal("recorded status", record.value()["executed"]["status"].as_u64(), Some(u64::from(status)))?;
    let details = format!("actgate_{reason}");
    equal("recorded details", text(record.value(), "/executed/details"), details)?;
    holds(!record.was_forwarded(), "recorded as forwarded")
}

/// The text at a JSON pointer; empty where there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
