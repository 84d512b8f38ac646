//! What a ledger recorded, decided anew under another configuration.
//!
//! A record does not hold the request, so one is made that asks for the very calls that were recorded: the catalog says
//! where each argument is, and the caller's token is signed anew, with keys that the gate is told to trust. The whole gate
//! decides on it. Where the calls that come of it are not those of the record, or where the record does not say enough, the
//! attempt is not replayed, and that is told.

mod attempt;
mod mcp;
mod rebuild;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use actgate_authz::{AccessRequest, Adapter, Authorizer, Decision, GuardedService, Inquiry};
use serde_json::{Value, json};

pub use report::{write_json, write_text};

use crate::case::{Engine as _, Exchange, Native, Outcome, Setup, TokenPlan};
use crate::diagnostic::Diagnostic;
use crate::text::{Position, SourceText};
use attempt::Attempt;
use rebuild::Rebuilt;

/// What became of a ledger.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// How many records there were.
    pub records: usize,
    /// How many calls are decided as before.
    pub unchanged: usize,
    /// How many of these are decided so by other policies, or for another reason.
    pub other_grounds: usize,
    /// Those that are decided otherwise.
    pub changes: Vec<Change>,
    /// Those of which nothing can be said: why, and their decision ids.
    pub unknown: BTreeMap<String, Vec<String>>,
}

/// A call that is decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The decision id of the record.
    pub id: String,
    /// When it was.
    pub time: String,
    /// On whose behalf.
    pub subject: String,
    /// By whose hand.
    pub actor: String,
    /// What was asked: the calls, or the request line where no catalog knew them.
    pub asked: Vec<String>,
    /// What was decided.
    pub before: Verdict,
    /// What would be decided.
    pub after: Verdict,
    /// Whether `--accept` names it.
    pub accepted: bool,
}

/// A decision and its grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `allow`, `deny`, `hold` or `observe`.
    pub decision: String,
    /// The reason code of a refusal.
    pub reason: String,
    /// The determining policies.
    pub policies: BTreeSet<String>,
}

/// Decides the records of a ledger anew. `accepted` holds the policies and decision ids whose changes are meant.
///
/// # Errors
/// Lines that are no records.
pub fn replay(ledger: &SourceText, setup: &Setup, accepted: &[String]) -> Result<Replay, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let mut replay = Replay::default();
    let mut engine = Native::new(setup);
    for (number, line) in ledger.text().lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let position = |column| Position { line: number.saturating_add(1), column };
        let record: Value = match serde_json::from_str(line) {
            Ok(record) => record,
            Err(error) => {
                let told = error.to_string();
                // Its own place is within the line.
                let message = format!("no JSON: {}", told.split(" at line ").next().unwrap_or_default());
                findings.push(Diagnostic::at(ledger, position(error.column().max(1)), message));
                continue;
            }
        };
        if record.get("v") != Some(&json!(1)) {
            let message = "no record of a ledger: version 1 has `\"v\":1`";
            findings.push(Diagnostic::at(ledger, position(1), message));
            continue;
        }
        replay.records = replay.records.saturating_add(1);
        replay.take(&record, setup, &mut engine, accepted);
    }
    if findings.is_empty() { Ok(replay) } else { Err(findings) }
}

// === impl Replay ===

impl Replay {
    /// The calls that did not go through, and now would, and that nobody has accepted.
    pub fn loosened(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.is_loosened() && !change.accepted)
    }

    fn take(&mut self, record: &Value, setup: &Setup, engine: &mut Native<'_>, accepted: &[String]) {
        let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
        let decided = Attempt::read(record).and_then(|attempt| {
            let after = decide(&attempt, setup, engine)?;
            Ok((attempt, after))
        });
        let (attempt, after) = match decided {
            Ok(decided) => decided,
            Err(why) => return self.unknown.entry(why).or_default().push(id.to_owned()),
        };
        if attempt.before.decision == after.decision {
            self.unchanged = self.unchanged.saturating_add(1);
            let others = usize::from(attempt.before != after);
            self.other_grounds = self.other_grounds.saturating_add(others);
            return;
        }
        let named = |name: &String| {
            *name == attempt.id || attempt.before.policies.contains(name) || after.policies.contains(name)
        };
        self.changes.push(Change {
            accepted: accepted.iter().any(named),
            asked: attempt.asked(),
            id: attempt.id,
            time: attempt.time,
            subject: attempt.subject,
            actor: attempt.actor,
            before: attempt.before,
            after,
        });
    }
}

// === impl Change ===

impl Change {
    /// Whether it did not go through, and now would.
    pub fn is_loosened(&self) -> bool {
        !self.before.goes_through() && self.after.goes_through()
    }

    /// The policies that it is a matter of: those that refuse it, before or after; else those that permit it.
    pub fn policies(&self) -> &BTreeSet<String> {
        let (refusal, other) = if self.before.goes_through() {
            (&self.after, &self.before)
        } else {
            (&self.before, &self.after)
        };
        if refusal.policies.is_empty() { &other.policies } else { &refusal.policies }
    }
}

// === impl Verdict ===

impl Verdict {
    /// What a record says was decided.
    fn of(record: &Value) -> Self {
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let policies = record.pointer("/decided/policies").and_then(Value::as_array);
        Self {
            decision: text("/decided/decision").to_owned(),
            reason: text("/decided/reason").to_owned(),
            policies: policies.into_iter().flatten().filter_map(|id| Some(id.as_str()?.to_owned())).collect(),
        }
    }

    /// Whether the upstream gets the request.
    pub fn goes_through(&self) -> bool {
        matches!(self.decision.as_str(), "allow" | "observe")
    }
}

/// What would be decided; in a few words why nobody can tell otherwise.
fn decide(attempt: &Attempt, setup: &Setup, engine: &mut Native<'_>) -> Result<Verdict, String> {
    let service = setup.route(&attempt.authority, &attempt.path).and_then(|route| {
        setup.authorizer().services().iter().find(|service| service.call.name == route.service)
    });
    let token = token(attempt, setup)?;
    let mut ask = |rebuilt: Rebuilt| {
        let exchange = exchange(attempt, service, &token, rebuilt);
        engine.run(&exchange).map_err(|error| error.to_string())
    };
    if attempt.calls.is_empty() {
        let record = ask(Rebuilt::default())?.record;
        let verdict = Verdict::of(&record);
        let is_whole = verdict.goes_through() && !attempt.had_query;
        return if is_whole || verdict.reason == attempt.before.reason {
            Ok(verdict)
        } else {
            Err("the catalog has a route for it now, and the record does not say with what it was asked"
                .to_owned())
        };
    }
    let candidates = match service.map(|service| &service.call.adapter) {
        // The gate says itself that no service is there.
        None => return Ok(Verdict::of(&ask(Rebuilt::default())?.record)),
        Some(Adapter::Rest(catalog)) => rebuild::rest(attempt, catalog)?,
        Some(Adapter::Git(_)) => vec![rebuild::git(attempt)?],
        Some(Adapter::Mcp(catalog)) => mcp::requests(attempt, catalog)?,
    };
    for candidate in candidates {
        let Outcome { record, inquiry, .. } = ask(candidate)?;
        if attempt.is_what_was_asked(&record) {
            return Ok(with_its_approval(attempt, &record, inquiry.as_ref(), setup.authorizer()));
        }
    }
    let plain = Verdict::of(&ask(Rebuilt::default())?.record);
    if plain.reason == "route_unknown" {
        return Ok(plain);
    }
    match service.map(|service| &service.call.adapter) {
        Some(Adapter::Mcp(_)) => Err("no message of MCP with sessions asks for the same calls".to_owned()),
        Some(Adapter::Rest(_) | Adapter::Git(_)) | None => {
            Err("the catalog makes other calls of it now".to_owned())
        }
    }
}

/// What a replay comes to with what people had agreed to: they are not asked again.
fn with_its_approval(
    attempt: &Attempt,
    replayed: &Value,
    inquiry: Option<&Inquiry>,
    authorizer: &Authorizer,
) -> Verdict {
    let verdict = Verdict::of(replayed);
    let Some(inquiry) = inquiry.filter(|_| verdict.decision == "hold" && !attempt.approved.is_empty()) else {
        return verdict;
    };
    let request = AccessRequest { approved: &attempt.approved, ..inquiry.request() };
    match authorizer.decide(&request) {
        Decision::Allow(permit) => Verdict {
            decision: "allow".to_owned(),
            reason: String::new(),
            policies: permit.policies().iter().cloned().collect(),
        },
        // Their groups do not lift it any more: it waits for others.
        Decision::Deny(_) | Decision::RequireApproval(_) => verdict,
    }
}

/// A token that says of the caller what the record says.
fn token(attempt: &Attempt, setup: &Setup) -> Result<String, String> {
    let (alias, subject) = attempt.subject.split_once('/').ok_or("the record names no issuer")?;
    let issuers = setup.bundle().config.value.get("issuers").and_then(Value::as_array);
    let named = |alias: &str| {
        let found = issuers.into_iter().flatten().find(|issuer| issuer.get("alias") == Some(&json!(alias)));
        found.ok_or_else(|| format!("no issuer has the alias `{alias}` now"))
    };
    let issuer = named(alias)?;
    let mut claims = json!({});
    for (name, value) in &attempt.claims {
        let pointer = match name.as_str() {
            "scope" | "authorization_details" => Some(format!("/{name}")),
            _ => issuer.pointer(&format!("/claims/{name}")).and_then(Value::as_str).map(str::to_owned),
        };
        // What the issuer's tokens no longer say decides no longer.
        if let Some(pointer) = pointer {
            place(&mut claims, &pointer, value.clone());
        }
    }
    if attempt.actor != attempt.subject {
        let (actor_alias, actor) = attempt.actor.split_once('/').ok_or("the record names no actor")?;
        let mut act = json!({ "sub": actor });
        if actor_alias != alias {
            place(&mut act, "/iss", named(actor_alias)?.get("issuer").cloned().unwrap_or_default());
        }
        place(&mut claims, "/act", act);
    }
    let plan = json!({ "issuer": alias, "sub": subject, "ttl": "10s", "claims": claims });
    let plan: TokenPlan = serde_json::from_value(plan).map_err(|error| error.to_string())?;
    setup.mint(&plan, attempt.now, "replay").map_err(|(_, why)| why)
}

/// Puts a value where an RFC 6901 pointer says, with objects on the way.
fn place(into: &mut Value, pointer: &str, value: Value) {
    let mut slot = into;
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        if !slot.is_object() {
            *slot = json!({});
        }
        let Some(members) = slot.as_object_mut() else { return };
        slot = members.entry(name).or_insert(Value::Null);
    }
    *slot = value;
}

fn exchange(attempt: &Attempt, service: Option<&GuardedService>, token: &str, rebuilt: Rebuilt) -> Exchange {
    let Rebuilt { query, mut headers, body } = rebuilt;
    let header = service.map_or("authorization", |service| service.token_header());
    headers.push((header.to_owned(), format!("Bearer {token}")));
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    Exchange {
        now: attempt.now,
        method: attempt.method.clone(),
        path: format!("{}{query}", attempt.path),
        host: attempt.authority.clone(),
        headers,
        body,
        chunked: false,
        trailers: Vec::new(),
        upstream: None,
    }
}

#[cfg(test)]
mod tests;
