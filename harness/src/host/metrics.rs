//! Counters, gauges and histograms that a module defines.

use std::collections::BTreeMap;

use super::status::Status;

/// What kind a metric is (`proxy_metric_type_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Is set.
    Gauge,
    /// Collects values; here their number.
    Histogram,
}

/// A metric with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its kind.
    pub kind: MetricKind,
    /// Its value.
    pub value: u64,
}

/// All metrics of a VM. Values outlive a reload of the VM, ids do not.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    values: BTreeMap<String, Metric>,
    ids: BTreeMap<u32, String>,
    defined: [u32; 3],
}

/// How far apart the ids of one kind are; the kind is in the lowest two bits.
const ID_STEP: u32 = 4;

// === impl Metrics ===

impl Metrics {
    pub(super) fn values(&self) -> &BTreeMap<String, Metric> {
        &self.values
    }

    /// What the next VM of the same plugin begins with.
    pub(super) fn without_ids(&self) -> Self {
        Self { values: self.values.clone(), ..Self::default() }
    }

    pub(super) fn define(&mut self, kind: u32, name: &str) -> Result<u32, Status> {
        if kind > 2 {
            return Err(Status::BadArgument);
        }
        let kind = kind_of(kind).ok_or(Status::BadArgument)?;
        let base = kind as u32;
        let index = usize::try_from(base).map_err(|_| Status::InternalFailure)?;
        let defined = self.defined.get_mut(index).ok_or(Status::InternalFailure)?;
        *defined = defined.saturating_add(1);
        let id = defined.saturating_mul(ID_STEP).saturating_add(base);
        self.values.entry(name.to_owned()).or_insert(Metric { kind, value: 0 });
        self.ids.insert(id, name.to_owned());
        Ok(id)
    }

    pub(super) fn increment(&mut self, id: u32, offset: i64) -> Result<(), Status> {
        if kind_of(id).is_none_or(|kind| kind == MetricKind::Histogram) {
            return Err(Status::BadArgument);
        }
        let metric = self.find(id)?;
        if metric.kind == MetricKind::Counter && offset <= 0 {
            return Err(Status::BadArgument);
        }
        // A gauge that is made less than nothing wraps, as Envoy's does.
        metric.value = metric.value.wrapping_add_signed(offset);
        Ok(())
    }

    pub(super) fn record(&mut self, id: u32, value: u64) -> Result<(), Status> {
        let metric = self.find(id)?;
        metric.value = match metric.kind {
            MetricKind::Counter => metric.value.wrapping_add(value),
            MetricKind::Gauge => value,
            MetricKind::Histogram => metric.value.saturating_add(1),
        };
        Ok(())
    }

    pub(super) fn get(&mut self, id: u32) -> Result<u64, Status> {
        if kind_of(id).is_none_or(|kind| kind == MetricKind::Histogram) {
            return Err(Status::BadArgument);
        }
        self.find(id).map(|metric| metric.value)
    }

    fn find(&mut self, id: u32) -> Result<&mut Metric, Status> {
        let name = self.ids.get(&id).ok_or(Status::NotFound)?;
        self.values.get_mut(name).ok_or(Status::NotFound)
    }
}

/// The kind that an id is of, whether there is such a metric or not.
fn kind_of(id: u32) -> Option<MetricKind> {
    match id % ID_STEP {
        0 => Some(MetricKind::Counter),
        1 => Some(MetricKind::Gauge),
        2 => Some(MetricKind::Histogram),
        _ => None,
    }
}
