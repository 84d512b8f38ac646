//! Records that will never arrive, and the event that says so.

use crate::moment::Moment;

/// So many stretches of lost numbers are told apart. Beyond it the last one grows: what was lost is always counted, and a
/// service that is down for long costs no memory.
const MAX_STRETCHES: usize = 16;

/// Why a record is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Too much waited.
    Overflow,
    /// The service does not take it.
    Refused,
}

/// A stretch of an emitter's numbers with lost ones in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) cause: Cause,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) count: u64,
}

/// What is lost and has not been told yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<Loss>);

// === impl Loss ===

impl Loss {
    /// The event, as a record.
    pub(super) fn record(&self, now: Moment) -> String {
        let Self { cause, first, last, count } = self;
        let cause = match cause {
            Cause::Overflow => "overflow",
            Cause::Refused => "refused",
        };
        format!(
            "{{\"v\":1,\"time\":\"{}\",\"stage\":\"lost\",\"attempted\":{{}},\"decided\":null,\"executed\":null,\
             \"lost\":{{\"cause\":\"{cause}\",\"count\":{count},\"first\":{first},\"last\":{last}}}}}",
            now.rfc3339()
        )
    }
}

// === impl Losses ===

impl Losses {
    pub(super) fn add(&mut self, cause: Cause, number: u64) {
        let full = self.0.len() >= MAX_STRETCHES;
        match self.0.last_mut() {
            Some(last) if full || (last.cause == cause && last.last.saturating_add(1) == number) => {
                last.first = last.first.min(number);
                last.last = last.last.max(number);
                last.count = last.count.saturating_add(1);
            }
            Some(_) | None => self.0.push(Loss { cause, first: number, last: number, count: 1 }),
        }
    }

    /// The oldest, to be told.
    pub(super) fn take(&mut self) -> Option<Loss> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|loss| loss.count).sum()
    }
}
