//! The scripted agent session: what each caller tries, what should come of it, and what did.

mod approver;
mod behind;
mod clients;
mod executed;
mod report;
mod secrets;
mod store;

use std::{collections::BTreeMap, io, time::Duration};

use serde_json::Value;

pub use self::report::Report;
use self::{approver::Approver, behind::Behind, clients::Desk};
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

const CODER: &str = "spiffe://demo/agent/coder";
const ALICE: Caller = Caller::Agent { actor: CODER, subject: "alice@demo" };
const MALLORY: Caller = Caller::Agent { actor: CODER, subject: "mallory@demo" };
const UNKNOWN_AGENT: Caller = Caller::Agent { actor: "spiffe://demo/agent/unknown", subject: "alice@demo" };

/// One call and what should come of it.
#[derive(Debug, Clone, Copy)]
struct Step {
    title: &'static str,
    caller: Caller,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// Who approves it before it is sent.
    approver: Option<Approver>,
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

/// Plays the whole session and reports it. Gives the number of things that were not as they should be. `waits` gives
/// whoever sits at the terminal a minute to approve a push in the console themselves.
///
/// # Errors
/// Whatever keeps the session from being played at all.
pub async fn play<W: io::Write>(
    world: &World,
    report: &mut Report<W>,
    waits: bool,
) -> Result<usize, DemoError> {
    let ledger = Ledger::from_now(&world.ledger())?;
    let mut tokens = Tokens::new(world);
    let mut wrong: usize = 0;
    let steps = secrets::STEPS;
    for (index, step) in steps.iter().enumerate() {
        let token = tokens.of(step.caller, None).await?;
        let number = index.saturating_add(1);
        report.title(number, step.title)?;
        let approved = approve(step.approver, world, false, report).await?;
        let answer = step.send(world, token.as_deref()).await?;
        let told = told(step.approver, approved.as_deref(), world).await?;
        let verdict = approved.and_then(|_| step.judge(&answer)).and(told);
        wrong = wrong.saturating_add(usize::from(verdict.is_err()));
        report.step(step, &answer, &verdict)?;
    }
    // One record for each request. The clients that follow make as many requests as they like.
    let one_each = recorded(steps, &ledger.wait_for(steps.len(), LEDGER_LIMIT).await?);

    let mut behind = Behind::look(world).await?;
    let desk = Desk::open(world).await?;
    for (index, run) in clients::RUNS.iter().enumerate() {
        let token = tokens.of(run.caller, run.ticket).await?;
        let since = Ledger::from_now(&world.ledger())?;
        report.title(steps.len().saturating_add(index).saturating_add(1), run.title)?;
        let approved = approve(run.approver, world, waits && run.is_push(), report).await?;
        let finished = desk.run(run.client, token.as_deref()).await?;
        let now = Behind::look(world).await?;
        let expected = behind.after(run.change, &desk).await?;
        let told = told(run.approver, approved.as_deref(), world).await?;
        let recorded = run.is_recorded(&since).await?;
        let verdict = approved.and_then(|_| run.judge(&finished)).and(told).and(recorded);
        let verdict = verdict.and_then(|()| now.compare(&expected));
        behind = now;
        wrong = wrong.saturating_add(usize::from(verdict.is_err()));
        report.run(run, &finished, &verdict)?;
    }

    let records = ledger.records()?;
    report.ledger(&records)?;
    let mut checks = vec![
        ("every call left one record with its decision and outcome", one_each),
        (
            "what the ledger calls executed is what changed behind the gate",
            executed::agree(&records, clients::RUNS.iter().map(|run| run.change)),
        ),
        ("the ledger holds no token and no secret", without_secrets(&ledger.text()?, tokens.all())),
    ];
    checks.push((
        "the ledger's service has the same records",
        store::is_the_log(world.control(), &ledger.records()?).await?,
    ));
    checks.extend(secrets::look_behind(world).await?);
    for (what, verdict) in &checks {
        wrong = wrong.saturating_add(usize::from(verdict.is_err()));
        report.check(what, verdict)?;
    }
    let all = [steps.len(), clients::RUNS.len(), checks.len()]
        .iter()
        .fold(0, |sum: usize, n| sum.saturating_add(*n));
    report.sum(all, wrong)?;
    Ok(wrong)
}

/// Lets somebody approve what waits, and tells of it. Gives the approval's id, which is empty where nobody is to.
async fn approve<W: io::Write>(
    approver: Option<Approver>,
    world: &World,
    waits: bool,
    report: &mut Report<W>,
) -> Result<Result<String, String>, DemoError> {
    let Some(approver) = approver else { return Ok(Ok(String::new())) };
    if waits && let Some((_, url)) = approver.asked(world.control()).await? {
        report.line(&format!("    approve it yourself within a minute, signed in as Bob: {url}"))?;
    }
    let decided = approver.approve(world.control(), waits).await?;
    report.aside(&decided.told)?;
    Ok(decided.verdict.map(|()| decided.id))
}

/// Whether the approval service has heard what became of what was approved.
async fn told(
    approver: Option<Approver>,
    approved: Result<&str, &String>,
    world: &World,
) -> Result<Result<(), String>, DemoError> {
    match (approver, approved) {
        (Some(approver), Ok(id)) => approver.outcome(world.control(), id).await,
        (None, _) | (_, Err(_)) => Ok(Ok(())),
    }
}

/// The tokens of a session, each minted once.
struct Tokens<'w> {
    world: &'w World,
    minted: BTreeMap<(Caller, Option<&'static str>), String>,
}

// === impl Tokens ===

impl<'w> Tokens<'w> {
    fn new(world: &'w World) -> Self {
        Self { world, minted: BTreeMap::new() }
    }

    async fn of(
        &mut self,
        caller: Caller,
        ticket: Option<&'static str>,
    ) -> Result<Option<String>, DemoError> {
        let Caller::Agent { actor, subject } = caller else { return Ok(None) };
        if let Some(token) = self.minted.get(&(caller, ticket)) {
            return Ok(Some(token.clone()));
        }
        let claim = ticket.map(|ticket| format!("ticket={ticket}"));
        let more: Vec<&str> = claim.iter().flat_map(|claim| ["--claim", claim]).collect();
        let token = self.world.actgate().token(actor, subject, &more).await?;
        self.minted.insert((caller, ticket), token.clone());
        Ok(Some(token))
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.minted.values()
    }
}

// === impl Step ===

impl Step {
    async fn send(&self, world: &World, token: Option<&str>) -> Result<Answer, DemoError> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&str, &str)> = self.headers.to_vec();
        headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
        let gateway = world.gateway().address();
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

// === impl Caller ===

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent { actor, subject } => write!(f, "{actor} for {subject}"),
            Self::Nobody => f.write_str("nobody"),
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
    // A gateway with several workers may write the record of a call after that of the next one.
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by(|one, other| text_at(one.value(), "/time").cmp(text_at(other.value(), "/time")));
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
