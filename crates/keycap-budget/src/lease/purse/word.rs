//! One number that threads take from and add to. It is never below zero.

use crate::lease::sync::{AtomicI64, Ordering};

#[derive(Debug)]
pub(super) struct Word(AtomicI64);

/// A word of its own pair of cache lines, which is what a processor fetches at once.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stripe(pub(super) Word);

impl Word {
    pub(super) fn empty() -> Self {
        Self(AtomicI64::new(0))
    }

    pub(super) fn read(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, units: i64) {
        self.0.fetch_add(units, Ordering::AcqRel);
    }

    /// Takes `units` and says what is left, or takes nothing: because there is too little, or because
    /// another thread was faster.
    #[inline]
    pub(super) fn try_take(&self, units: i64) -> Option<i64> {
        let there = self.0.load(Ordering::Acquire);
        let left = there.checked_sub(units).filter(|left| *left >= 0)?;
        let taken = self.0.compare_exchange(there, left, Ordering::AcqRel, Ordering::Acquire);
        taken.is_ok().then_some(left)
    }

    /// Takes `units` and says what is left, or takes nothing because there is too little.
    pub(super) fn take(&self, units: i64) -> Option<i64> {
        while self.read() >= units {
            let left = self.try_take(units);
            if left.is_some() {
                return left;
            }
        }
        None
    }

    /// Takes what there is above `keep`, but no more than `most`.
    pub(super) fn take_above(&self, keep: i64, most: i64) -> i64 {
        let mut there = self.read();
        loop {
            let taken = there.saturating_sub(keep).min(most);
            if taken <= 0 {
                return 0;
            }
            let left = there - taken;
            match self.0.compare_exchange(there, left, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return taken,
                Err(now) => there = now,
            }
        }
    }

    /// Takes all. It writes even where there is nothing: who adds later then sees what this thread did
    /// before.
    pub(super) fn take_all(&self) -> i64 {
        self.0.swap(0, Ordering::AcqRel)
    }
}
