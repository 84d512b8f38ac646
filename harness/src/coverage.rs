//! What cases have tried of the policies and catalogs that they are played against.

mod report;

use std::collections::BTreeMap;

use actgate_authz::{Analysis, Answer, Examination, Fault};

use crate::case::{Case, Native, Observing, Setup, play};
use crate::diagnostic::Diagnostic;
use crate::places::Places;

/// What cases have tried. Cases of several configurations that share a pack count together.
#[derive(Debug, Default)]
pub struct Coverage {
    items: BTreeMap<Item, Tried>,
}

/// Something that a case can try, by the place where it is written: file, byte offset or pointer, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    file: String,
    place: (usize, String),
    kind: Kind,
}

/// What a case can try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// That a policy decides.
    Policy,
    /// That a condition holds.
    ConditionTrue,
    /// That a condition does not hold.
    ConditionFalse,
    /// That a route is taken.
    Route,
}

#[derive(Debug)]
struct Tried {
    fault: Fault,
    name: String,
    done: bool,
}

/// How much of a kind was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How much there is.
    pub total: usize,
    /// How much of it was tried.
    pub tried: usize,
}

/// Something that no case has tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What.
    pub kind: Kind,
    /// The policy's id, the condition, or the route.
    pub name: String,
    /// Where it is written, and what is to be said of it.
    pub finding: Diagnostic,
}

// === impl Coverage ===

impl Coverage {
    /// Plays cases, and keeps what they try. Whether they hold is not asked here.
    pub fn add(&mut self, setup: &Setup, analysis: &Analysis, cases: &[&Case]) {
        self.expect(analysis);
        let mut engine = Observing::new(Native::new(setup), analysis);
        for case in cases {
            // A case that cannot be played has tried what came before.
            if play(case, setup, &mut engine).is_err() {
                continue;
            }
            for examination in engine.take() {
                self.note(analysis, &examination);
            }
        }
    }

    /// Everything that there is to try.
    fn expect(&mut self, analysis: &Analysis) {
        for policy in analysis.policies() {
            let fault = Fault::at_offset(
                &policy.file,
                policy.offset,
                format!("policy `{}` has decided in no case", policy.id),
            );
            self.enter(Item::at(&policy.file, policy.offset, Kind::Policy), fault, &policy.id);
            for condition in &policy.conditions {
                for (kind, missing, other) in
                    [(Kind::ConditionTrue, "true", "false"), (Kind::ConditionFalse, "false", "true")]
                {
                    let message = format!(
                        "condition of `{}` was {missing} in no case: it is untried, or only ever {other}",
                        policy.id
                    );
                    let fault = Fault::at_offset(&policy.file, condition.offset, message);
                    self.enter(Item::at(&policy.file, condition.offset, kind), fault, &condition.text);
                }
            }
        }
        for route in analysis.routes() {
            let fault = Fault {
                file: route.file.clone(),
                at: route.at.clone(),
                message: format!("no case takes the route `{}`", route.name),
                help: None,
            };
            self.enter(Item::route(&route.file, &route.name), fault, &route.name);
        }
    }

    fn enter(&mut self, item: Item, fault: Fault, name: &str) {
        self.items.entry(item).or_insert_with(|| Tried { fault, name: name.to_owned(), done: false });
    }

    fn note(&mut self, analysis: &Analysis, examination: &Examination) {
        let policies: Vec<_> = analysis.policies().collect();
        for number in &examination.conclusion.deciding {
            if let Some(policy) = policies.get(*number) {
                self.tick(&Item::at(&policy.file, policy.offset, Kind::Policy));
            }
        }
        // What is held has been asked twice: as it is, and as if it were approved.
        let hearings = examination.hearings.iter().chain(&examination.approved);
        for candidate in hearings.flat_map(|hearing| &hearing.candidates) {
            let Some(policy) = policies.get(candidate.policy) else { continue };
            for (condition, answer) in policy.conditions.iter().zip(&candidate.answers) {
                let kind = match answer {
                    Answer::True => Kind::ConditionTrue,
                    Answer::False => Kind::ConditionFalse,
                    Answer::Failed(_) | Answer::Unasked => continue,
                };
                self.tick(&Item::at(&policy.file, condition.offset, kind));
            }
        }
        if let Some(route) = examination.route.and_then(|number| analysis.routes().get(number)) {
            self.tick(&Item::route(&route.file, &route.name));
        }
    }

    fn tick(&mut self, item: &Item) {
        if let Some(tried) = self.items.get_mut(item) {
            tried.done = true;
        }
    }

    /// How much of these kinds was tried.
    pub fn count(&self, kinds: &[Kind]) -> Count {
        let of_kind = || self.items.iter().filter(|(item, _)| kinds.contains(&item.kind));
        Count { total: of_kind().count(), tried: of_kind().filter(|(_, tried)| tried.done).count() }
    }

    /// How much of everything was tried.
    pub fn whole(&self) -> Count {
        self.count(&[Kind::Policy, Kind::ConditionTrue, Kind::ConditionFalse, Kind::Route])
    }

    /// What no case has tried, in the order of files and lines.
    pub fn gaps(&self, places: &mut Places) -> Vec<Gap> {
        let untried = self.items.iter().filter(|(_, tried)| !tried.done);
        let mut gaps: Vec<Gap> = untried
            .map(|(item, tried)| Gap {
                kind: item.kind,
                name: tried.name.clone(),
                finding: places.diagnostic(&tried.fault).as_warning(),
            })
            .collect();
        gaps.sort_by(|one, other| {
            let place = |gap: &Gap| (gap.finding.file.clone(), gap.finding.position);
            place(one).cmp(&place(other))
        });
        gaps
    }
}

// === impl Item ===

impl Item {
    fn at(file: &str, offset: usize, kind: Kind) -> Self {
        Self { file: file.to_owned(), place: (offset, String::new()), kind }
    }

    fn route(file: &str, name: &str) -> Self {
        Self { file: file.to_owned(), place: (0, name.to_owned()), kind: Kind::Route }
    }
}

// === impl Count ===

impl Count {
    /// The share in percent, rounded down so that 100 means all. All of nothing is all.
    pub fn percent(self) -> u8 {
        let share = self.tried.saturating_mul(100).checked_div(self.total).unwrap_or(100);
        u8::try_from(share).unwrap_or(100)
    }
}

// === impl Kind ===

impl Kind {
    /// Its name in outputs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::ConditionTrue => "condition_true",
            Self::ConditionFalse => "condition_false",
            Self::Route => "route",
        }
    }
}
