//! Policies changed one by one, to see whether a case notices.

mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use actgate_authz::{Analysis, Authorizer, Change, Fault, Mutant};

use crate::case::{Case, Native, Observing, Setup, play, with_sessions};
use crate::diagnostic::Diagnostic;
use crate::places::Places;

/// What became of the mutants. A pack that several configurations share is tried in each, and noticed in any.
#[derive(Debug, Default)]
pub struct Mutation {
    tried: BTreeMap<(String, usize, String), Tried>,
}

#[derive(Debug)]
struct Tried {
    policy: String,
    fault: Fault,
    noticed: bool,
    excuse: Option<String>,
}

/// A change that no case notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// The policy.
    pub policy: String,
    /// What was changed.
    pub change: String,
    /// `@unnoticed` of the policy: why no case can notice it.
    pub excuse: Option<String>,
    /// Where it is written, and what is to be said of it.
    pub finding: Diagnostic,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Mutants that have been tried.
    pub done: usize,
    /// All of them.
    pub total: usize,
}

/// What the threads share.
struct Work<'w> {
    setup: &'w Setup,
    /// For each policy the cases in which its scope has a call.
    concerned: Vec<Vec<&'w Case>>,
    mutants: Vec<Mutant>,
    next: AtomicUsize,
}

// === impl Mutation ===

impl Mutation {
    /// Tries every mutant of a bundle on the cases that its policy has a part in. `progress` is told now and then.
    ///
    /// A case that does not hold anyway notices nothing.
    ///
    /// # Errors
    /// A bundle that does not load; [`Setup`] has loaded it before.
    pub fn add(
        &mut self,
        setup: &Setup,
        analysis: &Analysis,
        cases: &[&Case],
        jobs: usize,
        progress: &mut dyn FnMut(Step),
    ) -> Result<(), Vec<Fault>> {
        let mutants: Vec<Mutant> =
            (0..analysis.policies().len()).flat_map(|policy| analysis.mutants(policy)).collect();
        let work =
            Work { setup, concerned: concerned(setup, analysis, cases), mutants, next: AtomicUsize::new(0) };
        let authorizers: Vec<Authorizer> = (0..jobs.max(1))
            .map(|_| Ok(with_sessions(Authorizer::load(setup.bundle())?.authorizer)))
            .collect::<Result<_, Vec<Fault>>>()?;
        let total = work.mutants.len();
        let (sender, noticed) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for authorizer in authorizers {
                let sender = sender.clone();
                let work = &work;
                scope.spawn(move || work.run(authorizer, &sender));
            }
            drop(sender);
            for (done, (number, noticed)) in noticed.iter().enumerate() {
                progress(Step { done: done.saturating_add(1), total });
                if let Some(mutant) = work.mutants.get(number) {
                    self.enter(analysis, mutant, noticed);
                }
            }
        });
        Ok(())
    }

    fn enter(&mut self, analysis: &Analysis, mutant: &Mutant, noticed: bool) {
        let Some(policy) = analysis.policies().nth(mutant.policy) else { return };
        let condition = |number: usize| policy.conditions.get(number);
        let excuse = match mutant.change {
            // A policy that can be left out, or turned round, is not needed; that excuses nothing.
            Change::Dropped | Change::Flipped => None,
            Change::ConditionDropped(_) | Change::ConditionNegated(_) => policy.unnoticed.clone(),
        };
        let (offset, change) = match mutant.change {
            Change::Dropped => (policy.offset, "without this policy".to_owned()),
            Change::Flipped => {
                let effect = if policy.forbids { "permit" } else { "forbid" };
                (policy.offset, format!("with this policy as a {effect}"))
            }
            Change::ConditionDropped(number) => (
                condition(number).map_or(policy.offset, |condition| condition.offset),
                "without this condition".to_owned(),
            ),
            Change::ConditionNegated(number) => (
                condition(number).map_or(policy.offset, |condition| condition.offset),
                "with this condition negated".to_owned(),
            ),
        };
        let message = format!("every case holds {change} (`{}`)", policy.id);
        let fault = Fault::at_offset(&policy.file, offset, message);
        let key = (policy.file.clone(), offset, change);
        let tried = self.tried.entry(key).or_insert_with(|| Tried {
            policy: policy.id.clone(),
            fault,
            noticed: false,
            excuse,
        });
        tried.noticed |= noticed;
    }

    /// How many were tried.
    pub fn tried(&self) -> usize {
        self.tried.len()
    }

    /// The changes that no case notices, in the order of files and lines.
    pub fn survivors(&self, places: &mut Places) -> Vec<Survivor> {
        let unnoticed = self.tried.iter().filter(|(_, tried)| !tried.noticed);
        unnoticed
            .map(|((_, _, change), tried)| Survivor {
                policy: tried.policy.clone(),
                change: change.clone(),
                excuse: tried.excuse.clone(),
                finding: match &tried.excuse {
                    Some(excuse) => places.diagnostic(&tried.fault).with_help(format!("expected: {excuse}")),
                    None => places.diagnostic(&tried.fault),
                }
                .as_warning(),
            })
            .collect()
    }
}

// === impl Work ===

impl Work<'_> {
    fn run(&self, mut authorizer: Authorizer, sender: &std::sync::mpsc::Sender<(usize, bool)>) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = self.mutants.get(number) else { return };
            let before = authorizer.exchange(mutant.clone());
            let noticed = self.is_noticed(mutant, &authorizer);
            // What it returns is the mutant again.
            drop(authorizer.exchange(before));
            if sender.send((number, noticed)).is_err() {
                return;
            }
        }
    }

    fn is_noticed(&self, mutant: &Mutant, authorizer: &Authorizer) -> bool {
        let cases = self.concerned.get(mutant.policy).into_iter().flatten();
        let mut engine = Native::deciding_by(self.setup, authorizer);
        cases.into_iter().any(|case| !holds(case, self.setup, &mut engine))
    }
}

fn holds(case: &Case, setup: &Setup, engine: &mut dyn crate::case::Engine) -> bool {
    play(case, setup, engine).is_ok_and(|played| played.iter().all(|request| request.mismatches.is_empty()))
}

/// For each policy the cases that hold and in which its scope has a call: no other can notice a change to it, since
/// no change is to its scope.
fn concerned<'c>(setup: &Setup, analysis: &Analysis, cases: &[&'c Case]) -> Vec<Vec<&'c Case>> {
    let mut concerned: Vec<Vec<&Case>> = vec![Vec::new(); analysis.policies().len()];
    let mut engine = Observing::new(Native::new(setup), analysis);
    for case in cases {
        let is_sound = holds(case, setup, &mut engine);
        let seen = engine.take();
        if !is_sound {
            continue;
        }
        let hearings = seen.iter().flat_map(|examination| &examination.hearings);
        let candidates = hearings.flat_map(|hearing| &hearing.candidates);
        let policies: BTreeSet<usize> = candidates.map(|candidate| candidate.policy).collect();
        for policy in policies {
            if let Some(cases) = concerned.get_mut(policy) {
                cases.push(case);
            }
        }
    }
    concerned
}
