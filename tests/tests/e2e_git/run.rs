//! A run of git through the gate, and what should come of it.

use std::collections::BTreeSet;

use actgate_demo::{
    ledger::{Ledger, Record},
    tool::Finished,
};
use actgate_tests::e2e::{
    ledger,
    verdict::{Verdicts, equal, holds},
};

use crate::{
    desk::Desk,
    stage::{Caller, Refs, Repositories, Stage},
};

/// A run of git.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) caller: Caller,
    /// Bytes that are committed before.
    pub(crate) size: usize,
    /// What git does before, behind the gate.
    pub(crate) before: &'static [&'static [&'static str]],
    /// What it does through it.
    pub(crate) command: &'static [&'static str],
    /// What is asked afterwards: the answers have to be those that a client without a gate gets.
    pub(crate) look: &'static [&'static [&'static str]],
    pub(crate) expect: Expect,
}

#[derive(Debug)]
pub(crate) enum Expect {
    /// What happens without the gate: these refs change, and no others.
    Same(&'static [&'static str]),
    /// git prints exactly this, and no ref changes.
    Refusal { decision: &'static str, reason: &'static str, prints: Vec<String> },
}

/// What has come of a run.
struct Played {
    finished: Finished,
    stdout: String,
    stderr: String,
    looks: Vec<String>,
    before: Refs,
    refs: Refs,
}

// === impl Expect ===

impl Expect {
    /// A push that the server's report refuses: why, what helps, and which refs are rejected.
    pub(crate) fn rejected(
        decision: &'static str,
        reason: &'static str,
        says: &[String],
        refs: &[&str],
        repository: &str,
    ) -> Self {
        let mut prints = remarks(says, reason);
        prints.push(format!("To URL/{repository}.git"));
        prints.extend(refs.iter().map(|line| format!("! [remote rejected] {line}")));
        prints.push(format!("error: failed to push some refs to 'URL/{repository}.git'"));
        Self::Refusal { decision, reason, prints }
    }

    /// A run that ends with the first request.
    pub(crate) fn turned_away(reason: &'static str, says: &[&str], repository: &str) -> Self {
        let says: Vec<String> = says.iter().map(|line| (*line).to_owned()).collect();
        let mut prints = remarks(&says, reason);
        prints.push(format!(
            "fatal: unable to access 'URL/{repository}.git/': The requested URL returned error: 403"
        ));
        Self::Refusal { decision: "deny", reason, prints }
    }
}

fn remarks(says: &[String], reason: &str) -> Vec<String> {
    let mut lines: Vec<String> = says.iter().map(|line| format!("remote: {line}")).collect();
    lines.push(format!("remote: reason: {reason}, decision: ID"));
    lines
}

// === impl Run ===

impl Run {
    async fn play(&self, world: &Repositories, url: String, token: Option<String>) -> Played {
        world.restore().await;
        let desk = Desk::new(world, url, token).await;
        desk.commit(self.size).await;
        for arguments in self.before {
            desk.succeed(arguments).await;
        }
        let before = world.refs().await;
        let finished = desk.git(self.command).await;
        let mut looks = Vec::new();
        if finished.success {
            for arguments in self.look {
                let seen = desk.git(arguments).await;
                assert!(seen.success, "git {arguments:?}: {}", seen.stderr);
                looks.push(desk.plain(&String::from_utf8_lossy(&seen.stdout)));
            }
        }
        Played {
            stdout: desk.plain(&String::from_utf8_lossy(&finished.stdout)),
            stderr: desk.plain(&finished.stderr),
            finished,
            looks,
            before,
            refs: world.refs().await,
        }
    }

    async fn judge(&self, stage: &Stage, twin: &Repositories) -> Result<(), String> {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let played = self.play(&stage.world, stage.url(), stage.token(self.caller)).await;
        let verdict = match &self.expect {
            Expect::Same(changes) => {
                let plain = self.play(twin, twin.url(), None).await;
                is_same(&played, &plain, changes)
            }
            Expect::Refusal { decision, reason, prints } => {
                let record = refusal(&ledger, decision, reason).await?;
                let id = record.value()["id"].as_str().unwrap_or("no id").to_owned();
                equal("what git prints", played.stderr.replace(&id, "ID"), prints.join("\n"))
                    .and_then(|()| holds(!played.finished.success, "it succeeded"))
                    .and_then(|()| equal("the refs", &played.refs, &played.before))
            }
        };
        verdict.map_err(|why| format!("{why}\n  it printed: {}", played.stderr.replace('\n', "\n  ")))
    }
}

fn is_same(played: &Played, plain: &Played, changes: &[&str]) -> Result<(), String> {
    equal("whether it succeeds", played.finished.success, plain.finished.success)?;
    equal("what git prints", &played.stderr, &plain.stderr)?;
    equal("what git writes", &played.stdout, &plain.stdout)?;
    equal("what is there afterwards", &played.looks, &plain.looks)?;
    equal("the refs", &played.refs, &plain.refs)?;
    let changed: BTreeSet<&str> = played
        .refs
        .iter()
        .filter(|(name, id)| played.before.get(*name) != Some(*id))
        .map(|(name, _)| name.as_str())
        .chain(played.before.keys().filter(|name| !played.refs.contains_key(*name)).map(String::as_str))
        .collect();
    equal("the refs that changed", changed, changes.iter().copied().collect::<BTreeSet<_>>())
}

/// The record of the refusal, once it is there; nothing but reading was let through before it.
async fn refusal(ledger: &Ledger, decision: &str, reason: &str) -> Result<Record, String> {
    let mut count = 1;
    let last = loop {
        let records = ledger::records(ledger, count).await;
        if let Some(record) = records.iter().find(|record| record.reason() == reason) {
            break record.clone();
        }
        if records.len() < count {
            let said: Vec<String> = records.iter().map(Record::decided).collect();
            return Err(format!("no record of {reason} among {said:?}"));
        }
        count = records.len() + 1;
    };
    equal("the decision", last.decision(), decision)?;
    holds(!last.was_forwarded(), "the refused request is recorded as forwarded")?;
    for record in ledger.records().unwrap_or_default() {
        let calls = record.value()["attempted"]["calls"].as_array().cloned().unwrap_or_default();
        let writes =
            calls.iter().any(|call| call["action"].as_str().is_some_and(|name| name.starts_with("git.ref.")));
        holds(!(writes && record.was_forwarded()), format!("it was let through: {}", record.value()))?;
    }
    Ok(last)
}

/// Plays a table; gives the stage, whose refs are what they were at first.
pub(crate) async fn play(runs: Vec<Run>) -> Option<Stage> {
    let stage = Stage::set().await?;
    let twin = Repositories::twin().await?;
    assert_eq!(stage.world.seeds(), twin.seeds(), "the twins differ");
    let mut verdicts = Verdicts::default();
    for run in runs {
        verdicts.row(run.name, run.judge(&stage, &twin).await);
    }
    verdicts.conclude();
    stage.world.restore().await;
    Some(stage)
}
