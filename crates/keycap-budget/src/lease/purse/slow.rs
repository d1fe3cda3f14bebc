//! The slow side of a purse: all that moves money between words, under its lock.
//!
//! What must not change: whoever has the lock puts every unit into a word, the debt or somebody's hands
//! before letting go of it.

use keycap_base::Ticks;

use super::{CROWDED_AFTER, Drawn, MAX_STRIPES, PayingLeases, Purse, PutBack, Stripe, Word};
use crate::Amount;
use crate::lease::sync::{Ordering, stripe_count};

/// What the lock of a purse guards besides.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// A purse with less than this is low.
    low_below: i64,
    pub(super) leases: PayingLeases,
}

impl Purse {
    /// Puts money in. Below half of what is then in it, the purse is low.
    pub fn deposit(&self, amount: Amount) {
        let mut side = self.side.lock();
        let rest = self.pay_debt(amount.units());
        self.spread(rest);
        side.low_below = self.sum() / 2;
        self.share_mark(&side);
        self.told_low.store(false, Ordering::Relaxed);
    }

    /// Lets it be drawn from until then, and no longer. A closed purse stays closed.
    pub fn usable_until(&self, until: Ticks) {
        let _alone = self.side.lock();
        if !self.closed.load(Ordering::Relaxed) {
            self.until.store(until.as_nanos(), Ordering::Release);
        }
    }

    /// Lets nobody draw from it any more, from now on and for good.
    pub fn close(&self) {
        let _alone = self.side.lock();
        self.closed.store(true, Ordering::Release);
        self.until.store(0, Ordering::Release);
    }

    /// Takes out all that is in it.
    pub fn withdraw(&self) -> Amount {
        let _alone = self.side.lock();
        let taken = self.words().fold(0, |sum: i64, word| sum.saturating_add(word.take_all()));
        amount(self.pay_debt(taken))
    }

    /// Draws what could not be taken from the word at hand.
    #[cold]
    pub(super) fn draw_slowly(&self, units: i64) -> Drawn {
        self.take(units).map_or(Drawn::No, |left| self.conclude(left))
    }

    /// Takes `units` from wherever they are and says what is left in this thread's word, or takes
    /// nothing.
    #[cold]
    pub(super) fn take(&self, units: i64) -> Option<i64> {
        if self.debt.load(Ordering::Acquire) == 0 {
            let own = self.own();
            if own.read() >= units {
                // It is there, and was not taken at once: another thread was faster.
                self.lost_a_race();
            }
            let taken = own.take(units);
            if taken.is_some() || self.stripes.get().is_none() {
                return taken;
            }
        }
        self.take_from_all(units)
    }

    fn take_from_all(&self, units: i64) -> Option<i64> {
        let _alone = self.side.lock();
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        self.pay_debt_from_words();
        let spare = self.sum().checked_sub(units).filter(|spare| *spare >= 0)?;
        let own = self.own();
        let in_hand = self.gather(own, units, self.share_of(spare));
        let left = in_hand.checked_sub(units).filter(|left| *left >= 0);
        own.add(left.unwrap_or(in_hand));
        left
    }

    /// Pays the debt with it, and keeps the rest.
    #[cold]
    pub(super) fn put_slowly(&self, units: i64) -> PutBack {
        let _alone = self.side.lock();
        self.own().add(units);
        self.pay_debt_from_words();
        self.where_it_went()
    }

    /// Takes `units` from wherever they are; what is missing becomes a debt.
    #[cold]
    pub(super) fn overdraw_slowly(&self, units: i64) {
        let _alone = self.side.lock();
        self.debt.store(self.debt.load(Ordering::Relaxed).saturating_add(units), Ordering::Release);
        self.pay_debt_from_words();
    }

    /// Whether all words together are below the mark, which is told once. Where they are not, this
    /// thread's word gets a fair share, so that it is no reason to look again.
    #[cold]
    pub(super) fn look_whether_low(&self) -> Drawn {
        let side = self.side.lock();
        let sum = self.sum();
        if sum >= side.low_below {
            let own = self.own();
            own.add(self.gather(own, 0, self.share_of(sum)));
            return Drawn::Yes;
        }
        match self.told_low.swap(true, Ordering::Relaxed) {
            true => Drawn::Yes,
            false => Drawn::Low,
        }
    }

    /// Counts how often threads are in each other's way in the one word there is.
    pub(in crate::lease) fn lost_a_race(&self) {
        let crowded = || self.crowded.fetch_add(1, Ordering::Relaxed) + 1 == CROWDED_AFTER;
        if self.stripes.get().is_none() && crowded() {
            self.grow();
        }
    }

    /// Makes stripes and spreads the money over them.
    #[cold]
    pub(in crate::lease) fn grow(&self) {
        let side = self.side.lock();
        let stripes = stripe_count(MAX_STRIPES);
        if stripes < 2 || self.stripes.get().is_some() {
            return;
        }
        let made = std::iter::repeat_with(|| Stripe(Word::empty())).take(stripes).collect();
        if self.stripes.set(made).is_ok() {
            self.share_mark(&side);
            self.spread(self.home.take_all());
        }
    }

    /// How many stripes it has grown.
    #[cfg(test)]
    pub(in crate::lease) fn grown(&self) -> usize {
        self.stripes().len()
    }

    /// What is in all words. Where others draw and put back meanwhile, each word is as of its moment.
    pub(super) fn sum(&self) -> i64 {
        self.words().fold(0, |sum: i64, word| sum.saturating_add(word.read()))
    }

    fn words(&self) -> impl Iterator<Item = &Word> {
        std::iter::once(&self.home).chain(self.stripes().iter().map(|stripe| &stripe.0))
    }

    fn stripes(&self) -> &[Stripe] {
        self.stripes.get().map_or(&[], |stripes| stripes)
    }

    /// An equal part of `units` for each word that threads have.
    fn share_of(&self, units: i64) -> i64 {
        let words = i64::try_from(self.stripes().len()).unwrap_or(i64::MAX);
        units / words.max(1)
    }

    fn share_mark(&self, side: &Side) {
        self.low_share.store(self.share_of(side.low_below), Ordering::Relaxed);
    }

    /// Puts the same into each word that threads have, and what is over into the first.
    fn spread(&self, units: i64) {
        let Some(first) = self.stripes().first() else { return self.home.add(units) };
        let share = self.share_of(units);
        let mut over = units;
        for stripe in self.stripes() {
            stripe.0.add(share);
            over -= share;
        }
        first.0.add(over);
    }

    /// Takes all of `own` into the hand. If it is not `units` and a `share`, takes what others have
    /// above their share; if it is not even `units`, what they have.
    fn gather(&self, own: &Word, units: i64, share: i64) -> i64 {
        let mut in_hand = own.take_all();
        let wanted = units.saturating_add(share);
        in_hand += self.home.take_above(0, wanted - in_hand);
        for stripe in self.stripes() {
            in_hand += stripe.0.take_above(share, wanted - in_hand);
        }
        for word in self.words() {
            in_hand += word.take_above(0, units - in_hand);
        }
        in_hand
    }

    /// Pays the debt out of `units`, and says what is over.
    fn pay_debt(&self, units: i64) -> i64 {
        let owed = self.debt.load(Ordering::Relaxed);
        let paid = owed.min(units);
        if paid > 0 {
            self.debt.store(owed - paid, Ordering::Release);
        }
        units - paid
    }

    fn pay_debt_from_words(&self) {
        let owed = self.debt.load(Ordering::Relaxed);
        let taken = self.words().fold(0, |taken, word| taken + word.take_above(0, owed - taken));
        self.pay_debt(taken);
    }
}

/// Nothing where it is less than nothing.
pub(super) fn amount(units: i64) -> Amount {
    Amount::new(units.max(0)).unwrap_or(Amount::ZERO)
}
