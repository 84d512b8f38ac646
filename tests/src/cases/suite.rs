//! Every case file of the repository, each as one test per engine.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use actgate_harness::{
    case::{Case, Engine, Native, Origin, Outcome, Played, Setup, Wasm, disagreements, play},
    diagnostic::{Diagnostic, Style, write_text},
    host::{Module, ModuleOptions},
};

use super::envoy::Envoy;
use crate::e2e::setup::{Needs, Setup as Machine};

/// The cases and what they are played with. Setups and Envoys are made when the first case needs them, and serve all
/// cases of the same origin.
#[derive(Debug)]
pub struct Suite {
    root: PathBuf,
    setups: Shelf<Setup>,
    envoys: Shelf<Mutex<Envoy>>,
    module: OnceLock<Result<Module, String>>,
    wasms: Shelf<Mutex<Wasm>>,
}

/// A file that is there to be a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the names of tests: the path in the repository without `cases` and its ending.
    pub name: String,
}

/// Things that are made once per origin, whichever thread is the first to need them.
#[derive(Debug)]
struct Shelf<T>(Mutex<BTreeMap<Origin, Slot<T>>>);

type Slot<T> = Arc<OnceLock<Result<Arc<T>, String>>>;

// === impl Suite ===

impl Suite {
    /// The suite of the repository at `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            setups: Shelf::new(),
            envoys: Shelf::new(),
            module: OnceLock::new(),
            wasms: Shelf::new(),
        }
    }

    /// Every case file: what lies in `policies/*/cases` and `tests/cases`, in folders below too.
    ///
    /// # Errors
    /// A file there that is no case, which nobody would ever play; and a suite without cases.
    pub fn files(&self) -> Result<Vec<CaseFile>, String> {
        let packs = fs::read_dir(self.root.join("policies")).map_err(|error| format!("policies: {error}"))?;
        let packs = packs.filter_map(|entry| Some(entry.ok()?.path().join("cases")));
        let mut paths = Vec::new();
        for folder in packs.chain([self.root.join("tests/cases")]).filter(|folder| folder.is_dir()) {
            let before = paths.len();
            walk(&folder, &mut paths)?;
            if paths.len() == before {
                return Err(format!("there is no case in {}", folder.display()));
            }
        }
        if paths.is_empty() {
            return Err("there are no cases".to_owned());
        }
        let mut files: Vec<CaseFile> = paths.into_iter().map(|path| self.named(path)).collect();
        files.sort();
        Ok(files)
    }

    /// Plays a case through the gate alone.
    ///
    /// # Errors
    /// Everything that is not as it should be, a line each.
    pub fn native(&self, file: &CaseFile) -> Result<(), String> {
        let case = read(file)?;
        let setup = self.setup(&case)?;
        conclude(&natively(&case, &setup)?)
    }

    /// Plays a case through Envoy, and holds every answer against the gate's own.
    ///
    /// # Errors
    /// Everything that is not as it should be, a line each.
    pub fn envoy(&self, file: &CaseFile) -> Result<(), String> {
        let case = read(file)?;
        let setup = self.setup(&case)?;
        let envoy = self.envoys.take(case.origin(), || {
            let machine = Machine::find(Needs::Gateway).ok_or("the machine is not set up")?;
            Ok(Mutex::new(Envoy::start(&machine, &setup)))
        })?;
        let mut engine = envoy.lock().unwrap_or_else(PoisonError::into_inner);
        compared(&case, &setup, &mut *engine)
    }

    /// Plays a case through the plugin in the wasmtime host, and holds every answer against the gate's own.
    ///
    /// # Errors
    /// Everything that is not as it should be, a line each.
    pub fn wasm(&self, file: &CaseFile) -> Result<(), String> {
        let case = read(file)?;
        let setup = self.setup(&case)?;
        let module = self.module.get_or_init(|| self.compile()).as_ref().map_err(Clone::clone)?;
        let vm = self.wasms.take(case.origin(), || {
            let vm = Wasm::start(module, &setup, case.now()).map_err(|error| error.to_string())?;
            Ok(Mutex::new(vm))
        })?;
        let mut engine = vm.lock().unwrap_or_else(PoisonError::into_inner);
        compared(&case, &setup, &mut *engine)
    }

    fn compile(&self) -> Result<Module, String> {
        let options = ModuleOptions {
            cache: Some(self.root.join("target/wasm-cache")),
            fuel: false,
            deadline: Some(Duration::from_secs(60)),
        };
        Module::read(&self.root.join("target/actgate.wasm"), &options).map_err(|error| error.to_string())
    }

    fn setup(&self, case: &Case) -> Result<Arc<Setup>, String> {
        self.setups.take(case.origin(), || Setup::of(case.origin()).map_err(|findings| told(&findings)))
    }

    fn named(&self, path: PathBuf) -> CaseFile {
        let inside = path.strip_prefix(&self.root).unwrap_or(&path).with_extension("");
        let parts = inside.iter().map(|part| part.to_string_lossy());
        let parts: Vec<_> = parts.filter(|part| !matches!(&**part, "policies" | "tests" | "cases")).collect();
        CaseFile { name: parts.join("/"), path }
    }
}

// === impl Shelf ===

impl<T> Shelf<T> {
    fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    fn take(&self, origin: &Origin, make: impl FnOnce() -> Result<T, String>) -> Result<Arc<T>, String> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(origin.clone()).or_default())
        };
        slot.get_or_init(|| make().map(Arc::new)).clone()
    }
}

fn read(file: &CaseFile) -> Result<Case, String> {
    Case::read(&file.path).map_err(|findings| told(&findings))
}

fn natively(case: &Case, setup: &Setup) -> Result<Vec<Played>, String> {
    // One gate per case: what one case leaves in the token cache is no matter of the next one.
    let mut engine = Native::new(setup).map_err(|faults| format!("{faults:?}"))?;
    played(case, setup, &mut engine)
}

fn played(case: &Case, setup: &Setup, engine: &mut dyn Engine) -> Result<Vec<Played>, String> {
    play(case, setup, engine).map_err(|finding| told(&[*finding]))
}

/// Plays a case through a whole plugin, and holds every answer against the gate's own.
fn compared(case: &Case, setup: &Setup, engine: &mut dyn Engine) -> Result<(), String> {
    let name = engine.name();
    let played = played(case, setup, engine)?;
    conclude(&played)?;
    let alone = natively(case, setup)?;
    let mut differences = String::new();
    let steps = case.steps().iter().zip(played.iter().zip(&alone));
    for (index, (step, (through, alone))) in steps.enumerate() {
        if step.expect.proxy_rejects.is_none() {
            for line in disagreements(&alone.outcome, &through.outcome) {
                writeln!(differences, "step {index}: native and {name} disagree: {line}").expect("text");
            }
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

/// Everything that was not as expected, and what came instead as a whole.
fn conclude(played: &[Played]) -> Result<(), String> {
    let mut text = String::new();
    for Played { outcome, mismatches } in played.iter().filter(|played| !played.mismatches.is_empty()) {
        for mismatch in mismatches {
            writeln!(text, "{mismatch}").expect("text");
        }
        let Outcome { status, body, record, .. } = outcome;
        writeln!(text, "  answer: {status} {}", String::from_utf8_lossy(body)).expect("text");
        writeln!(text, "  record: {record}").expect("text");
    }
    if text.is_empty() { Ok(()) } else { Err(text) }
}

fn told(findings: &[Diagnostic]) -> String {
    let mut text = Vec::new();
    write_text(&mut text, findings, Style::Plain).expect("text");
    String::from_utf8_lossy(&text).into_owned()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        } else {
            return Err(format!("{} is no case: its name does not end in `.yaml`", path.display()));
        }
    }
    Ok(())
}
