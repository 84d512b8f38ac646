//! Medians, and how far they can be trusted.

use crate::kernel::float;

/// Resamples of a bootstrap: its own error is then far below that of some dozens of cycles.
const RESAMPLES: usize = 5000;

/// A median with the interval that holds it with 95 % confidence (percentile bootstrap).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// SplitMix64 (Steele, Lea and Flood, 2014): every run can be repeated from its seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

// === impl Estimate ===

impl Estimate {
    /// Of these values; nothing if there are none.
    pub(crate) fn of(values: &[f64], random: &mut Random) -> Option<Self> {
        let median = quantile(values, 0.5)?;
        let mut medians = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            let resample: Vec<f64> = values.iter().filter_map(|_| random.pick(values).copied()).collect();
            medians.extend(quantile(&resample, 0.5));
        }
        Some(Self { median, low: quantile(&medians, 0.025)?, high: quantile(&medians, 0.975)? })
    }

    /// How far from nothing it may be, either way.
    pub(crate) fn reach(&self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}

/// A quantile, between neighbours in proportion.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * float(u64::try_from(last).ok()?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies within the list")]
    let below = place.floor() as usize;
    let low = sorted.get(below)?;
    let high = sorted.get(below.saturating_add(1)).unwrap_or(low);
    Some((high - low).mul_add(place.fract(), *low))
}

// === impl Random ===

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`. The bias of the remainder is beyond notice for lists.
    fn below(&mut self, bound: usize) -> Option<usize> {
        let bound = u64::try_from(bound).ok()?;
        usize::try_from(self.next().checked_rem(bound)?).ok()
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let index = self.below(list.len())?;
        list.get(index)
    }

    /// Puts a list into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            if let Some(other) = self.below(end.saturating_add(1)) {
                list.swap(end, other);
            }
        }
    }
}

#[cfg(test)]
mod tests;
