//! Numbers that look random and are the same for the same seed (SplitMix64).

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

// === impl Random ===

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("64 bits");
        usize::try_from(self.number() % bound).expect("below a size")
    }

    /// Yes, once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of some things.
    pub fn pick<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.below(things.len())]
    }

    /// The parts of some bytes, none of them empty; at most `most`.
    pub fn split(&mut self, bytes: &[u8], most: usize) -> Vec<Vec<u8>> {
        let mut parts = Vec::new();
        let mut rest = bytes;
        while parts.len() + 1 < most && rest.len() > 1 && !self.once_in(3) {
            let (part, after) = rest.split_at(1 + self.below(rest.len() - 1));
            parts.push(part.to_vec());
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(rest.to_vec());
        }
        parts
    }
}
