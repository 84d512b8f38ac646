//! Many cases, over the cores, and what came of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::file::Case;
use super::files::CaseFile;
use super::suite::{Engines, Failure, Suite};
use crate::diagnostic::Diagnostic;

/// A case with its name.
#[derive(Debug, Clone)]
pub struct NamedCase {
    /// The name of its file.
    pub name: String,
    /// What it says.
    pub case: Case,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The engines that it ran in.
    pub engines: Engines,
    /// The cases, in the order in which they were given.
    pub cases: Vec<CaseReport>,
    /// How long all of it took.
    pub elapsed: Duration,
}

/// What came of one case.
#[derive(Debug, Clone)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// What it says, in words.
    pub title: String,
    /// Its file.
    pub file: String,
    /// How long it took.
    pub elapsed: Duration,
    /// In what it does not hold; empty if it passed.
    pub failures: Vec<Failure>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many cases are over.
    pub done: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many there are.
    pub total: usize,
}

/// Reads the files whose name, or whose case's name, has `filter` in it.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn read_cases(files: Vec<CaseFile>, filter: Option<&str>) -> Result<Vec<NamedCase>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut findings = Vec::new();
    for CaseFile { name, path } in files {
        let asked = |text: &str| filter.is_none_or(|filter| text.contains(filter));
        match Case::read(&path) {
            Ok(case) if asked(&name) || asked(case.name()) => cases.push(NamedCase { name, case }),
            // Where somebody works on one case, another one may be half written.
            Err(found) if asked(&name) => findings.extend(found),
            Ok(_) | Err(_) => {}
        }
    }
    if findings.is_empty() { Ok(cases) } else { Err(findings) }
}

/// Plays cases in `jobs` threads; `progress` is told of each that is over.
pub fn run(
    suite: &Suite,
    cases: &[NamedCase],
    engines: Engines,
    jobs: usize,
    progress: &mut dyn FnMut(Progress),
) -> Report {
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let (over, reports) = mpsc::channel();
    let work = |over: &mpsc::Sender<(usize, CaseReport)>| {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(NamedCase { name, case }) = cases.get(place) else { return };
            let started = Instant::now();
            let failures = suite.play(case, engines);
            let report = CaseReport {
                name: name.clone(),
                title: case.name().to_owned(),
                file: case.document().text().name().to_owned(),
                elapsed: started.elapsed(),
                failures,
            };
            if over.send((place, report)).is_err() {
                return;
            }
        }
    };
    let mut reports: Vec<(usize, CaseReport)> = thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, cases.len().max(1)) {
            let (over, work) = (over.clone(), &work);
            scope.spawn(move || work(&over));
        }
        drop(over);
        let mut state = Progress { done: 0, failed: 0, total: cases.len() };
        let count = |report: &(usize, CaseReport)| {
            state.done = state.done.saturating_add(1);
            state.failed = state.failed.saturating_add(usize::from(!report.1.passed()));
            progress(state);
        };
        reports.into_iter().inspect(count).collect()
    });
    reports.sort_by_key(|(place, _)| *place);
    Report {
        engines,
        cases: reports.into_iter().map(|(_, report)| report).collect(),
        elapsed: started.elapsed(),
    }
}

// === impl Report ===

impl Report {
    /// How many cases failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed()).count()
    }

    /// How many cases passed.
    pub fn passed(&self) -> usize {
        self.cases.len().saturating_sub(self.failed())
    }

    /// Whether files are wrong, so that their cases say nothing of the gate.
    pub fn is_bad_input(&self) -> bool {
        self.cases.iter().flat_map(|case| &case.failures).any(Failure::is_bad_input)
    }
}

// === impl CaseReport ===

impl CaseReport {
    /// Whether it holds.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}
