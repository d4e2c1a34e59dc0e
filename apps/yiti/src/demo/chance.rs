//! Numbers that look random and are the same at every start (SplitMix64).

/// The source of chance of the demonstration.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// A source that begins with `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).unsigned_abs() + 1;
        low + i64::try_from(self.next() % span).unwrap_or_default()
    }

    /// True in `percent` of a hundred cases.
    pub fn hits(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// One of `items`.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        let last = i64::try_from(items.len()).unwrap_or(1) - 1;
        &items[usize::try_from(self.between(0, last)).unwrap_or_default()]
    }
}
