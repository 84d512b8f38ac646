//! What a module asked of its host, counted.

use std::collections::BTreeMap;

/// Counts of one exchange, or of whatever was done since they were last taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls from the module into the host, by name.
    pub hostcalls: BTreeMap<&'static str, u64>,
    /// Calls from the host into the module, by name; asking for memory is one too.
    pub callbacks: BTreeMap<&'static str, u64>,
    /// Bytes that the module gave to the host.
    pub bytes_out: u64,
    /// Bytes that the host gave to the module.
    pub bytes_in: u64,
    /// Instructions that the module executed, where they are counted.
    pub fuel: Option<u64>,
}

// === impl Usage ===

impl Usage {
    /// How many calls into the host there were.
    pub fn hostcall_count(&self) -> u64 {
        self.hostcalls.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub(super) fn count_hostcall(&mut self, name: &'static str) {
        let count = self.hostcalls.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn count_callback(&mut self, name: &'static str) {
        let count = self.callbacks.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn count_out(&mut self, bytes: usize) {
        self.bytes_out = self.bytes_out.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(super) fn count_in(&mut self, bytes: usize) {
        self.bytes_in = self.bytes_in.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}
