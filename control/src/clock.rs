//! The time, as an argument: tests turn it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's.
    System,
    /// Unix seconds that somebody else turns.
    Turned(Arc<AtomicI64>),
}

// === impl Clock ===

impl Clock {
    /// Unix seconds.
    pub fn now(&self) -> i64 {
        match self {
            // Before 1970 and beyond i64 there is nothing to approve: both read as "everything has expired".
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|passed| i64::try_from(passed.as_secs()).ok())
                .unwrap_or(i64::MAX),
            Self::Turned(seconds) => seconds.load(Ordering::SeqCst),
        }
    }
}
