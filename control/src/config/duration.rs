//! Durations as people write them: `90s`, `10m`, `1h`, `90d`.

use serde::{Deserialize, Deserializer, de::Error as _};

/// Whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(i64);

// === impl Duration ===

impl Duration {
    /// So many minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self(minutes.saturating_mul(60))
    }

    /// So many hours.
    pub const fn hours(hours: i64) -> Self {
        Self(hours.saturating_mul(3600))
    }

    /// In seconds.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let scale = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let number: i64 = number.parse().ok()?;
        number.checked_mul(scale).filter(|seconds| *seconds > 0).map(Self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a duration is written as 90s, 10m, 1h or 90d"))
    }
}
