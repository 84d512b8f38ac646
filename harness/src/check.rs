//! Everything that can be known of a configuration before it decides about anybody.

use std::path::Path;

use actgate_authz::{Authorizer, Summary};

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

/// Checks the configuration at `path`; what makes it unusable otherwise.
pub fn check(path: &Path) -> Result<Checked, Vec<Diagnostic>> {
    let source = Source::load(path)?;
    let loaded = Authorizer::load(source.bundle()).map_err(|faults| source.diagnostics(&faults))?;
    let mut findings: Vec<Diagnostic> =
        source.diagnostics(&loaded.warnings).into_iter().map(Diagnostic::as_warning).collect();
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
    Ok(Checked { source, summary: loaded.summary, envoy, findings })
}

// === impl Checked ===

impl Checked {
    /// Whether there is nothing but warnings.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Warning)
    }
}
