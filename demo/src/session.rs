//! The scripted agent session: what each caller tries, what should come of it, and what did.

mod report;
mod secrets;

use std::{collections::BTreeMap, io, time::Duration};

use serde_json::Value;

pub use self::report::Report;
use crate::{
    error::DemoError,
    http::{Answer, Exchange},
    ledger::{Ledger, Record},
    world::World,
};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    /// An agent on behalf of a person.
    Agent { actor: &'static str, subject: &'static str },
    /// Somebody without a token.
    Nobody,
}

/// One call and what should come of it.
#[derive(Debug, Clone, Copy)]
struct Step {
    title: &'static str,
    caller: Caller,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    expect: Expectation,
}

/// What should come of a call.
#[derive(Debug, Clone, Copy)]
enum Expectation {
    /// The upstream's own answer: 200, with this text at this JSON pointer.
    Value { pointer: &'static str, text: &'static str },
    /// A refusal with this status and reason, naming these approver groups.
    Refusal { status: u16, reason: &'static str, groups: &'static [&'static str] },
}

/// The ledger is flushed every 50 ms; a loaded machine may take longer.
const LEDGER_LIMIT: Duration = Duration::from_secs(5);

/// Plays the whole session and reports it. Gives the number of things that were not as they should be.
///
/// # Errors
/// Whatever keeps the session from being played at all.
pub async fn play<W: io::Write>(world: &World, report: &mut Report<W>) -> Result<usize, DemoError> {
    let ledger = Ledger::from_now(&world.ledger())?;
    let mut tokens = BTreeMap::new();
    let mut wrong: usize = 0;
    let steps = secrets::STEPS;
    for (index, step) in steps.iter().enumerate() {
        let token = match step.caller {
            Caller::Nobody => None,
            Caller::Agent { actor, subject } => Some(match tokens.get(&step.caller) {
                Some(token) => String::clone(token),
                None => {
                    let token = world.actgate().token(actor, subject, &[]).await?;
                    tokens.insert(step.caller, token.clone());
                    token
                }
            }),
        };
        let answer = step.send(world, token.as_deref()).await?;
        let verdict = step.judge(&answer);
        wrong = wrong.saturating_add(usize::from(verdict.is_err()));
        report.step(index.saturating_add(1), step, &answer, &verdict)?;
    }

    let records = ledger.wait_for(steps.len(), LEDGER_LIMIT).await?;
    report.ledger(&records)?;
    let mut checks = vec![
        ("every call left one record with its decision and outcome", recorded(steps, &records)),
        ("the ledger holds no token and no secret", without_secrets(&ledger.text()?, tokens.values())),
    ];
    checks.extend(secrets::look_behind(world).await?);
    for (what, verdict) in &checks {
        wrong = wrong.saturating_add(usize::from(verdict.is_err()));
        report.check(what, verdict)?;
    }
    report.sum(steps.len().saturating_add(checks.len()), wrong)?;
    Ok(wrong)
}

// === impl Step ===

impl Step {
    async fn send(&self, world: &World, token: Option<&str>) -> Result<Answer, DemoError> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&str, &str)> = self.headers.to_vec();
        headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
        let gateway = world.envoy().gateway();
        let body = self.body.as_bytes();
        Exchange { headers: &headers, body, ..Exchange::new(gateway, self.method, self.path) }.send().await
    }

    /// Nothing, or how the answer differs from what it should be.
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let body = answer.json();
        match self.expect {
            Expectation::Value { pointer, text } => {
                equal("status", answer.status, 200)?;
                equal(pointer, text_at(&body, pointer), text)
            }
            Expectation::Refusal { status, reason, groups } => {
                equal("status", answer.status, status)?;
                equal("reason", text_at(&body, "/reason"), reason)?;
                equal("approver groups", approvers(&body), groups.to_vec())
            }
        }
    }

    /// What the ledger should say of it: the decision, and whether it was forwarded.
    fn decision(&self) -> (&'static str, bool) {
        match self.expect {
            Expectation::Value { .. } => ("allow", true),
            Expectation::Refusal { groups: [], .. } => ("deny", false),
            Expectation::Refusal { .. } => ("hold", false),
        }
    }
}

fn approvers(body: &Value) -> Vec<&str> {
    let groups = body.pointer("/approval/groups").and_then(Value::as_array);
    groups.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn text_at<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "callers compare what they have just made")]
fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what} is {is:?} and should be {should:?}")) }
}

fn recorded(steps: &[Step], records: &[Record]) -> Result<(), String> {
    equal("number of records", records.len(), steps.len())?;
    for (step, record) in steps.iter().zip(records) {
        equal(step.title, (record.decision(), record.was_forwarded()), step.decision())?;
    }
    Ok(())
}

fn without_secrets<'a>(ledger: &str, tokens: impl Iterator<Item = &'a String>) -> Result<(), String> {
    // A token's signature alone would give it away; its payload is what a careless log decodes.
    let tokens = tokens.flat_map(|token| token.split('.').skip(1));
    match tokens.chain(secrets::secret_values()).find(|secret| ledger.contains(*secret)) {
        // Which one it is would be one more copy of it.
        Some(_) => Err("one of them is in it".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
