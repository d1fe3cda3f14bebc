//! What requests draw from.
//!
//! A purse belongs to one limit in one window and is never used for another, so what is put back always
//! lands where it was drawn. What must not change: the sum of what was drawn and not put back never
//! exceeds what was deposited, but for overdrafts, which are asked for by name.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use keycap_base::Ticks;
use parking_lot::Mutex;

use super::{PurseId, Use};
use crate::{Amount, HoldId};

/// What came of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drawn {
    /// It was drawn.
    Yes,
    /// It was drawn, and the purse has become low: the first draw to find that is told so.
    Low,
    /// It was not: there is not enough, or the purse's time is over. Not a refusal.
    No,
}

/// What this node may draw from on one limit in one window.
#[derive(Debug)]
pub struct Purse {
    id: PurseId,
    free: AtomicI64,
    /// In nanoseconds of the node's clock; nothing is drawn from then on.
    until: AtomicU64,
    low_below: AtomicI64,
    told_low: AtomicBool,
    used: AtomicBool,
    leases: Mutex<Vec<HoldId>>,
}

impl Purse {
    /// An empty purse that nobody can draw from yet.
    #[must_use]
    pub fn new(id: PurseId) -> Self {
        Self {
            id,
            free: AtomicI64::new(0),
            until: AtomicU64::new(0),
            low_below: AtomicI64::new(0),
            told_low: AtomicBool::new(true),
            used: AtomicBool::new(false),
            leases: Mutex::default(),
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> PurseId {
        self.id
    }

    /// Draws `amount`, if there is so much and it is not too late.
    pub fn draw(&self, amount: Amount, now: Ticks) -> Drawn {
        if now.as_nanos() >= self.until.load(Ordering::Acquire) {
            return Drawn::No;
        }
        let enough = |free: i64| free.checked_sub(amount.units()).filter(|left| *left >= 0);
        let drawn = self.free.fetch_update(Ordering::AcqRel, Ordering::Relaxed, enough);
        let Ok(before) = drawn else { return Drawn::No };
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        let low = before - amount.units() < self.low_below.load(Ordering::Relaxed);
        if low
            && !self.told_low.load(Ordering::Relaxed)
            && !self.told_low.swap(true, Ordering::Relaxed)
        {
            return Drawn::Low;
        }
        Drawn::Yes
    }

    /// Puts back what was drawn and not spent, also into a closed purse.
    pub fn put_back(&self, amount: Amount) {
        self.free.fetch_add(amount.units(), Ordering::AcqRel);
    }

    /// Takes what was spent above what was drawn, whether it is there or not.
    pub fn overdraw(&self, amount: Amount) {
        self.free.fetch_sub(amount.units(), Ordering::AcqRel);
    }

    /// Puts money in. Below half of what is then in it, the purse is low.
    pub fn deposit(&self, amount: Amount) {
        let free = self.free.fetch_add(amount.units(), Ordering::AcqRel) + amount.units();
        self.low_below.store(free / 2, Ordering::Relaxed);
        self.told_low.store(false, Ordering::Relaxed);
    }

    /// Lets it be drawn from until then, and no longer.
    pub fn usable_until(&self, until: Ticks) {
        self.until.store(until.as_nanos(), Ordering::Release);
    }

    /// Lets nobody draw from it any more, from now on and for good.
    pub fn close(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Takes out all that is in it.
    pub fn withdraw(&self) -> Amount {
        let taken = self
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| (free > 0).then_some(0));
        Amount::new(taken.unwrap_or(0)).unwrap_or(Amount::ZERO)
    }

    /// What is in it; nothing where it is overdrawn.
    #[must_use]
    pub fn free(&self) -> Amount {
        Amount::new(self.free.load(Ordering::Acquire).max(0)).unwrap_or(Amount::ZERO)
    }

    /// Whether somebody drew from it since the last look.
    pub fn look(&self) -> Use {
        match self.used.swap(false, Ordering::Relaxed) {
            true => Use::Used,
            false => Use::Unused,
        }
    }

    /// Notes which leases pay for what is drawn, oldest first.
    pub fn pay_from(&self, leases: Vec<HoldId>) {
        *self.leases.lock() = leases;
    }

    /// The leases that pay for what is drawn, oldest first.
    #[must_use]
    pub fn leases(&self) -> Vec<HoldId> {
        self.leases.lock().clone()
    }
}
