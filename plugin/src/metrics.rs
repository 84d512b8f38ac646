//! Counters of decisions, and a gauge that shows a rollout that was never finished.

use actgate_abi::{Error, MetricType, define_metric, increment_metric, record_metric};

use crate::host;

/// The plugin's metrics, as `wasmcustom.actgate_*` in Envoy's stats.
#[derive(Debug)]
pub(crate) struct Metrics {
    allowed: u32,
    observed: u32,
    refused: u32,
    aborted: u32,
    failed: u32,
}

/// How a request ended at the gate.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Allowed,
    Observed,
    Refused,
    Aborted,
    /// The host did not let the gate work.
    Failed,
}

impl Metrics {
    pub(crate) fn define(observed_services: usize) -> Result<Self, Error> {
        let counter = |name| define_metric(MetricType::Counter, name);
        let gauge = define_metric(MetricType::Gauge, "actgate_services_observed")?;
        record_metric(gauge, u64::try_from(observed_services).unwrap_or(u64::MAX))?;
        Ok(Self {
            allowed: counter("actgate_requests_allowed")?,
            observed: counter("actgate_requests_observed")?,
            refused: counter("actgate_requests_refused")?,
            aborted: counter("actgate_requests_aborted")?,
            failed: counter("actgate_requests_failed")?,
        })
    }

    /// Counts an ending. A counter that the host refuses changes no decision; the refusal is logged.
    pub(crate) fn count(&self, ending: Ending) {
        let id = match ending {
            Ending::Allowed => self.allowed,
            Ending::Observed => self.observed,
            Ending::Refused => self.refused,
            Ending::Aborted => self.aborted,
            Ending::Failed => self.failed,
        };
        if let Err(error) = increment_metric(id, 1) {
            host::error(&error.to_string());
        }
    }
}
