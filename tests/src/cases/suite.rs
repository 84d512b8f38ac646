//! Every case file of the repository, each as one test per engine.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use actgate_harness::{
    case::{
        Case, CaseFile, CaseReport, Engines, Failure, Origin, Report, Suite as Cases, cases_in,
        write_failures,
    },
    diagnostic::{Diagnostic, Style, write_text},
    host::{Module, ModuleOptions},
};

use super::envoy::Envoy;
use crate::e2e::setup::{Needs, Setup as Machine};

/// The cases and what they are played with. Plugins and Envoys are made when the first case needs them, and serve all
/// cases of the same origin.
#[derive(Debug)]
pub struct Suite {
    root: PathBuf,
    native: Cases,
    wasm: OnceLock<Result<Cases, String>>,
    envoys: Mutex<BTreeMap<Origin, Slot>>,
}

/// An Envoy is started once, whichever thread is the first to need it.
type Slot = Arc<OnceLock<Result<Mutex<Envoy>, String>>>;

// === impl Suite ===

impl Suite {
    /// The suite of the repository at `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            native: Cases::new(None),
            wasm: OnceLock::new(),
            envoys: Mutex::default(),
        }
    }

    /// Every case file: what lies in `policies/*/cases` and `tests/cases`, in folders below too.
    ///
    /// # Errors
    /// A file there that is no case, which nobody would ever play; and a folder without cases.
    pub fn files(&self) -> Result<Vec<CaseFile>, String> {
        let packs = fs::read_dir(self.root.join("policies")).map_err(|error| format!("policies: {error}"))?;
        let mut files = cases_in(&self.root.join("tests/cases"), None).map_err(|found| told(&found))?;
        for pack in packs.filter_map(|entry| Some(entry.ok()?.path())) {
            let folder = pack.join("cases");
            if folder.is_dir() {
                let label = pack.file_name().map(|name| name.to_string_lossy());
                files.extend(cases_in(&folder, label.as_deref()).map_err(|found| told(&found))?);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Plays a case through the gate alone.
    ///
    /// # Errors
    /// Everything that is not as it should be, a line each.
    pub fn native(&self, file: &CaseFile) -> Result<(), String> {
        let case = read(file)?;
        conclude(file, &case, Engines::Native, self.native.play(&case, Engines::Native))
    }

    /// Plays a case through the plugin in the wasmtime host, and holds every answer against the gate's own.
    ///
    /// # Errors
    /// Everything that is not as it should be, a line each.
    pub fn wasm(&self, file: &CaseFile) -> Result<(), String> {
        let case = read(file)?;
        let compiled = self.wasm.get_or_init(|| Ok(Cases::new(Some(self.compile()?))));
        let suite = compiled.as_ref().map_err(Clone::clone)?;
        conclude(file, &case, Engines::Both, suite.play(&case, Engines::Both))
    }

    /// Plays a case through Envoy, and holds every answer against the gate's own.
    ///
    /// # Errors
    /// Everything that is not as it should be, a line each.
    pub fn envoy(&self, file: &CaseFile) -> Result<(), String> {
        let case = read(file)?;
        let slot = {
            let mut envoys = self.envoys.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(envoys.entry(case.origin().clone()).or_default())
        };
        let envoy = slot.get_or_init(|| {
            let setup = self.native.setup(case.origin()).map_err(|findings| told(&findings))?;
            let machine = Machine::find(Needs::Gateway).ok_or("the machine is not set up")?;
            Ok(Mutex::new(Envoy::start(&machine, &setup)))
        });
        let mut engine = envoy.as_ref().map_err(Clone::clone)?.lock().unwrap_or_else(PoisonError::into_inner);
        conclude(file, &case, Engines::Both, self.native.play_through(&case, &mut *engine))
    }

    fn compile(&self) -> Result<Module, String> {
        let options = ModuleOptions {
            cache: Some(self.root.join("target/wasm-cache")),
            deadline: Some(Duration::from_secs(60)),
            ..ModuleOptions::default()
        };
        Module::read(&self.root.join("target/actgate.wasm"), &options).map_err(|error| error.to_string())
    }
}

fn read(file: &CaseFile) -> Result<Case, String> {
    Case::read(&file.path).map_err(|findings| told(&findings))
}

/// Everything in which a case does not hold, as `actgate test` says it.
fn conclude(file: &CaseFile, case: &Case, engines: Engines, failures: Vec<Failure>) -> Result<(), String> {
    if failures.is_empty() {
        return Ok(());
    }
    let report = CaseReport {
        name: file.name.clone(),
        title: case.name().to_owned(),
        file: file.path.display().to_string(),
        elapsed: Duration::ZERO,
        failures,
    };
    let mut text = Vec::new();
    let report = Report { engines, cases: vec![report], elapsed: Duration::ZERO };
    write_failures(&mut text, &report, Style::Plain).expect("text");
    Err(String::from_utf8_lossy(&text).into_owned())
}

fn told(findings: &[Diagnostic]) -> String {
    let mut text = Vec::new();
    write_text(&mut text, findings, Style::Plain).expect("text");
    String::from_utf8_lossy(&text).into_owned()
}
