//! A point in time as the host gives it.

use actgate_token::UnixTime;

/// Nanoseconds since the Unix epoch, from the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

// === impl Moment ===

impl Moment {
    /// A moment from nanoseconds since the Unix epoch.
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// So many seconds later.
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000_000)))
    }

    /// So many milliseconds later.
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000_000)))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds, for token validity and policies.
    pub fn unix_time(self) -> UnixTime {
        UnixTime::new(i64::try_from(self.0 / 1_000_000_000).unwrap_or(i64::MAX))
    }

    /// Whole milliseconds.
    pub const fn unix_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Microseconds since an earlier moment; 0 if the clock went backwards.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    /// RFC 3339 in UTC with milliseconds.
    pub fn rfc3339(self) -> String {
        i64::try_from(self.unix_millis())
            .ok()
            .and_then(chrono::DateTime::from_timestamp_millis)
            .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
            .unwrap_or_default()
    }
}
