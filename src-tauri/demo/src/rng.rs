//! Deterministic pseudo-random numbers.

/// `SplitMix64` (Steele, Lea, Flood 2014). Implemented here so that the people do not change when a dependency changes
/// its generator. Never use it for secrets.
pub(super) struct SeededRng(u64);

impl SeededRng {
    pub fn from(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`. The modulo bias is too small to be noticed here.
    pub fn next_below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in `share` of a hundred cases.
    pub fn happens_in_percent(&mut self, share: u64) -> bool {
        self.next_below(100) < share
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let place = self.next_below(from.len() as u64);
        &from[usize::try_from(place).expect("a place in a list")]
    }
}
