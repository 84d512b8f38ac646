//! Everything that can be known of a configuration before it decides about anybody.

use std::path::Path;

use actgate_authz::{Analysis, At, Authorizer, Fault, Lints, Loaded, Summary};

use crate::diagnostic::{Diagnostic, Severity};
use crate::envoy_lint;
use crate::source::Source;

/// A configuration that loads. Its Envoy configuration may still disagree with it.
#[derive(Debug)]
pub struct Checked {
    /// The files.
    pub source: Source,
    /// How much of everything there is.
    pub summary: Summary,
    /// The Envoy configuration that was checked, if the configuration names one.
    pub envoy: Option<CheckedEnvoy>,
    /// Warnings of the bundle, then what the Envoy check found.
    pub findings: Vec<Diagnostic>,
}

/// An Envoy configuration that was read.
#[derive(Debug)]
pub struct CheckedEnvoy {
    /// Its path.
    pub file: String,
    /// How many HTTP connection managers it has.
    pub connection_managers: usize,
    /// How many of their routes lead to a service.
    pub routes: usize,
}

/// What becomes of a route of which no policy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnruledRoutes {
    /// It is worth a look.
    Warn,
    /// It fails the check.
    Fail,
}

/// Checks the configuration at `path`; what makes it unusable otherwise.
pub fn check(path: &Path, unruled: UnruledRoutes) -> Result<Checked, Vec<Diagnostic>> {
    let source = Source::load(path)?;
    let Loaded { authorizer, warnings, summary } =
        Authorizer::load(source.bundle()).map_err(|faults| source.diagnostics(&faults))?;
    let analysis = Analysis::of(source.bundle(), authorizer).map_err(|faults| source.diagnostics(&faults))?;
    let mut findings = worth_a_look(&source, warnings, analysis.lints(), unruled);
    let envoy = match source.envoy() {
        None => None,
        Some(read) => {
            let envoy = read?;
            let report = envoy_lint::check(&envoy, source.config());
            findings.extend(report.findings);
            Some(CheckedEnvoy {
                file: envoy.text().name().to_owned(),
                connection_managers: report.connection_managers,
                routes: report.routes,
            })
        }
    };
    Ok(Checked { source, summary, envoy, findings })
}

/// Warnings of the load, but for those about policies of which the lints say more, and then the lints.
fn worth_a_look(
    source: &Source,
    warnings: Vec<Fault>,
    lints: Lints,
    unruled: UnruledRoutes,
) -> Vec<Diagnostic> {
    let Lints { policies, routes, idle } = lints;
    let is_told = |fault: &Fault| match fault.at {
        At::Offset(offset) => idle.iter().any(|(file, start)| *file == fault.file && *start == offset),
        At::Whole | At::Pointer(_) => false,
    };
    let mut faults: Vec<Fault> = warnings.into_iter().filter(|fault| !is_told(fault)).collect();
    faults.extend(policies);
    let routes = source.diagnostics(&routes).into_iter().map(|finding| match unruled {
        UnruledRoutes::Warn => finding.as_warning(),
        UnruledRoutes::Fail => finding,
    });
    source.diagnostics(&faults).into_iter().map(Diagnostic::as_warning).chain(routes).collect()
}

// === impl Checked ===

impl Checked {
    /// Whether there is nothing but warnings.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Warning)
    }
}
