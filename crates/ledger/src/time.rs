//! Times of a record.

use std::fmt;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, de::Error as _};

/// A time, in Unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(u64);

// === impl Time ===

impl Time {
    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    pub(crate) const fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Later by some microseconds.
    pub(crate) const fn after_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros.saturating_mul(1_000)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_nanos(i64::try_from(self.0).unwrap_or(i64::MAX));
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| D::Error::custom("a time is as 2026-11-24T12:00:00.000Z"))?;
        // A clock may say anything. Before 1970 and after 2262 there is no time that other programs could read.
        let nanos = time.timestamp_nanos_opt().map_or_else(
            || if time.timestamp() < 0 { 0 } else { u64::MAX },
            |nanos| u64::try_from(nanos).unwrap_or(0),
        );
        Ok(Self(nanos))
    }
}
