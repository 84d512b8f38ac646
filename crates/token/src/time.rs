//! Seconds since the epoch, as an argument and never from a clock.

#[cfg(test)]
mod tests;

/// A moment in seconds since 1970-01-01T00:00:00Z: the `NumericDate` of RFC 7519 section 2, whole seconds only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

// === impl UnixTime ===

impl UnixTime {
    /// The moment `seconds` after the epoch (before it, if negative).
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The moment `seconds` later, or `None` where that does not fit.
    pub const fn checked_add(self, seconds: i64) -> Option<Self> {
        match self.0.checked_add(seconds) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The moment `seconds` earlier, or `None` where that does not fit.
    pub const fn checked_sub(self, seconds: i64) -> Option<Self> {
        match self.0.checked_sub(seconds) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// Seconds that passed since `earlier` (negative if it is later), or `None` where that does not fit.
    pub const fn seconds_since(self, earlier: Self) -> Option<i64> {
        self.0.checked_sub(earlier.0)
    }
}
