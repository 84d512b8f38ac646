//! Plays cases. Setups and engines are made when the first case needs them, and serve all cases of the same origin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::compare::{Mismatch, disagreements};
use super::engine::{Engine, EngineError, Outcome};
use super::file::{Case, Origin};
use super::native::Native;
use super::play::{Interruption, Played, play};
use super::setup::Setup;
use super::wasm::Wasm;
use crate::diagnostic::Diagnostic;
use crate::host::Module;

/// What cases are played with.
///
/// Whoever wants to know more of a case than whether it holds (coverage, mutation) plays it with [`Suite::setup`] and
/// [`play`]: each [`Played`] of the native engine has the record and the [`Inquiry`](actgate_authz::Inquiry), and
/// [`Native::deciding_by`] puts other policies in place of the setup's own.
#[derive(Debug)]
pub struct Suite {
    module: Option<Module>,
    setups: Mutex<BTreeMap<Origin, Slot>>,
    /// VMs that wait for the next case.
    idle: Mutex<BTreeMap<Origin, Vec<Wasm>>>,
}

/// A setup is made once, whichever thread is the first to need it.
type Slot = Arc<OnceLock<Result<Arc<Setup>, Vec<Diagnostic>>>>;

/// The engines that a case has to hold in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engines {
    /// The gate alone.
    Native,
    /// The plugin in the wasmtime host.
    Wasm,
    /// Both, and they have to agree.
    Both,
}

/// In what a case does not hold.
#[derive(Debug, Clone)]
pub enum Failure {
    /// What it is played against does not load.
    Setup(Vec<Diagnostic>),
    /// It asks for what its setup does not have.
    Case(Diagnostic),
    /// An engine failed, which says nothing about the gate.
    Engine {
        /// The engine.
        engine: &'static str,
        /// At which request, and why.
        finding: Diagnostic,
    },
    /// The plugin trapped.
    Trap {
        /// The engine.
        engine: &'static str,
        /// At which request, and on what.
        finding: Diagnostic,
        /// The functions that it happened in, the innermost first.
        backtrace: Vec<String>,
    },
    /// A request did not become what it had to.
    Unmet {
        /// The engine.
        engine: &'static str,
        /// The expectations that were not met.
        mismatches: Vec<Mismatch>,
        /// What became of the request as a whole.
        outcome: Box<Outcome>,
    },
    /// Two engines do not agree on a request.
    Differ {
        /// The engines.
        engines: [&'static str; 2],
        /// The place of the request, starting at 0.
        step: usize,
        /// In what, a line each.
        differences: Vec<String>,
    },
}

// === impl Suite ===

impl Suite {
    /// A suite with the plugin, if it is to run there.
    pub fn new(module: Option<Module>) -> Self {
        Self { module, setups: Mutex::default(), idle: Mutex::default() }
    }

    /// What the cases of this origin are played against.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn setup(&self, origin: &Origin) -> Result<Arc<Setup>, Vec<Diagnostic>> {
        let slot = Arc::clone(locked(&self.setups).entry(origin.clone()).or_default());
        slot.get_or_init(|| Setup::of(origin).map(Arc::new)).clone()
    }

    /// Plays a case; in what it does not hold.
    pub fn play(&self, case: &Case, engines: Engines) -> Vec<Failure> {
        let setup = match self.setup(case.origin()) {
            Ok(setup) => setup,
            Err(findings) => return vec![Failure::Setup(findings)],
        };
        match engines {
            Engines::Native => judged("native", natively(case, &setup)).1,
            Engines::Wasm => judged("wasm", self.in_wasm(case, &setup)).1,
            Engines::Both => {
                let through = self.in_wasm(case, &setup);
                both(case, "wasm", false, natively(case, &setup), through)
            }
        }
    }

    /// Plays a case through an engine that is not the suite's own, and holds every answer against the gate's.
    pub fn play_through(&self, case: &Case, engine: &mut dyn Engine) -> Vec<Failure> {
        match self.setup(case.origin()) {
            Ok(setup) => {
                let through = play(case, &setup, engine);
                both(case, engine.name(), engine.is_proxy(), natively(case, &setup), through)
            }
            Err(findings) => vec![Failure::Setup(findings)],
        }
    }

    fn in_wasm(&self, case: &Case, setup: &Setup) -> Result<Vec<Played>, Box<Interruption>> {
        let mut engine = self.take(case, setup).map_err(|error| {
            let place = case.document().root().error(error.to_string());
            Interruption::Engine(place)
        })?;
        let played = play(case, setup, &mut engine);
        // What is left of a plugin that failed is no part of the next case.
        if played.is_ok() {
            locked(&self.idle).entry(case.origin().clone()).or_default().push(engine);
        }
        played
    }

    fn take(&self, case: &Case, setup: &Setup) -> Result<Wasm, EngineError> {
        let idle = locked(&self.idle).get_mut(case.origin()).and_then(Vec::pop);
        match (idle, &self.module) {
            (Some(engine), _) => Ok(engine),
            (None, Some(module)) => Wasm::start(module, setup, case.now()),
            (None, None) => Err(EngineError::Failed("there is no plugin to run".to_owned())),
        }
    }
}

// === impl Failure ===

impl Failure {
    /// A stable word for its kind.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Case(_) => "case",
            Self::Engine { .. } => "engine",
            Self::Trap { .. } => "trap",
            Self::Unmet { .. } => "expectation",
            Self::Differ { .. } => "difference",
        }
    }

    /// Whether it is the files that are wrong, so that nothing is known of the gate.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Setup(_) | Self::Case(_) => true,
            Self::Engine { .. } | Self::Trap { .. } | Self::Unmet { .. } | Self::Differ { .. } => false,
        }
    }
}

/// One gate per case: what one case leaves in the token cache is no matter of the next one.
fn natively(case: &Case, setup: &Setup) -> Result<Vec<Played>, Box<Interruption>> {
    play(case, setup, &mut Native::new(setup))
}

/// What was played, and in what it is not as expected.
fn judged(
    engine: &'static str,
    played: Result<Vec<Played>, Box<Interruption>>,
) -> (Vec<Played>, Vec<Failure>) {
    let played = match played.map_err(|interruption| *interruption) {
        Ok(played) => played,
        Err(Interruption::Case(finding)) => return (Vec::new(), vec![Failure::Case(finding)]),
        Err(Interruption::Engine(finding)) => {
            return (Vec::new(), vec![Failure::Engine { engine, finding }]);
        }
        Err(Interruption::Trap(finding, backtrace)) => {
            return (Vec::new(), vec![Failure::Trap { engine, finding, backtrace }]);
        }
    };
    let failures = played
        .iter()
        .filter(|played| !played.mismatches.is_empty())
        .map(|Played { outcome, mismatches }| Failure::Unmet {
            engine,
            mismatches: mismatches.clone(),
            outcome: Box::new(outcome.clone()),
        })
        .collect();
    (played, failures)
}

/// A case in the gate alone and in a whole plugin. A proxy before the plugin rejects some requests by itself.
fn both(
    case: &Case,
    engine: &'static str,
    by_proxy: bool,
    alone: Result<Vec<Played>, Box<Interruption>>,
    through: Result<Vec<Played>, Box<Interruption>>,
) -> Vec<Failure> {
    let (alone, mut failures) = judged("native", alone);
    let (through, found) = judged(engine, through);
    // What the case itself gets wrong is said once.
    let said = failures.iter().any(|failure| matches!(failure, Failure::Case(_)));
    failures.extend(found.into_iter().filter(|failure| !(said && matches!(failure, Failure::Case(_)))));
    for (index, (step, (one, other))) in case.steps().iter().zip(alone.iter().zip(&through)).enumerate() {
        if step.expect.proxy_rejects.is_some() && by_proxy {
            continue;
        }
        let differences = disagreements(&one.outcome, &other.outcome);
        if !differences.is_empty() {
            failures.push(Failure::Differ { engines: ["native", engine], step: index, differences });
        }
    }
    failures
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
