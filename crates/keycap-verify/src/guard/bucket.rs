//! Counting failures of one client.

use std::num::NonZeroU32;
use std::time::Duration;

use keycap_base::Timestamp;

/// What one failure weighs. A limit of `n` a minute drains `n` a millisecond, so that everything
/// stays in whole numbers: 60,000 milliseconds drain `n` failures.
const FAILURE: u64 = 60_000;

/// A leaky bucket. Holds a minute's failures and drains evenly.
#[derive(Debug)]
pub(super) struct Bucket {
    level: u64,
    at: Timestamp,
}

impl Bucket {
    pub(super) fn with_one(now: Timestamp) -> Self {
        Self { level: FAILURE, at: now }
    }

    /// Adds a failure; never more than the bucket holds.
    pub(super) fn fill(&mut self, per_minute: NonZeroU32, now: Timestamp) {
        let full = u64::from(per_minute.get()) * FAILURE;
        self.level = (self.level_at(per_minute, now) + FAILURE).min(full);
        self.at = self.at.max(now);
    }

    /// How long until one more failure fits; `None` if it fits now.
    pub(super) fn wait(&self, per_minute: NonZeroU32, now: Timestamp) -> Option<Duration> {
        let per_minute_units = u64::from(per_minute.get());
        let over = self.level_at(per_minute, now) + FAILURE;
        let excess = over.saturating_sub(per_minute_units * FAILURE);
        (excess > 0).then(|| Duration::from_millis(excess.div_ceil(per_minute_units)))
    }

    fn level_at(&self, per_minute: NonZeroU32, now: Timestamp) -> u64 {
        let elapsed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        self.level.saturating_sub(elapsed.saturating_mul(per_minute.get().into()))
    }
}
