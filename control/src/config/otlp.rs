//! `ledger.otlp`: the OpenTelemetry collector that records are sent on to.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use actgate_ledger::otlp::Signal;
use serde::Deserialize;

/// A collector that takes OTLP over HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Its URL: `/v1/logs` and `/v1/traces` are below it.
    pub endpoint: String,
    /// What is sent with every request, such as a credential.
    #[serde(default)]
    pub headers: BTreeMap<String, HeaderSource>,
    /// What it gets.
    #[serde(default = "both")]
    signals: Vec<SignalName>,
}

/// The value of a header. It may be a secret, and is not shown.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum HeaderSource {
    /// As it stands there.
    Text(String),
    /// What is in a file.
    File(HeaderFile),
}

/// The file that holds a header's value.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderFile {
    /// Its path.
    pub file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SignalName {
    Logs,
    Traces,
}

// === impl Otlp ===

impl Otlp {
    /// What it gets.
    pub fn signals(&self) -> impl Iterator<Item = Signal> + '_ {
        self.signals.iter().map(|name| match name {
            SignalName::Logs => Signal::Logs,
            SignalName::Traces => Signal::Traces,
        })
    }

    /// What is wrong with it, if something is.
    pub(super) fn check(&self) -> Result<(), String> {
        let rest = self.endpoint.strip_prefix("http://").or_else(|| self.endpoint.strip_prefix("https://"));
        if rest.is_none_or(|rest| rest.split('/').next().is_none_or(str::is_empty)) {
            return Err("`ledger.otlp.endpoint` must be http:// or https:// and a host".to_owned());
        }
        if self.signals.is_empty() {
            return Err("`ledger.otlp.signals` must name `logs`, `traces` or both".to_owned());
        }
        Ok(())
    }
}

impl fmt::Debug for HeaderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::File(_) => "File",
        })
    }
}

impl fmt::Debug for HeaderFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderFile")
    }
}

fn both() -> Vec<SignalName> {
    vec![SignalName::Logs, SignalName::Traces]
}
