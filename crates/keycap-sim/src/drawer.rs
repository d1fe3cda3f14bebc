//! What requests of the world draw from: the real purse, or one that is a value.

use keycap_base::Ticks;
use keycap_budget::lease::{Drawn, Purse, PurseId, Use};
use keycap_budget::{Amount, HoldId};

/// A purse as the world needs it.
pub trait Drawer {
    /// An empty one.
    fn new(id: PurseId) -> Self;
    /// As [`Purse::draw`].
    fn draw(&mut self, amount: Amount, now: Ticks) -> Drawn;
    /// As [`Purse::put_back`].
    fn put_back(&mut self, amount: Amount);
    /// As [`Purse::overdraw`].
    fn overdraw(&mut self, amount: Amount);
    /// As [`Purse::deposit`].
    fn deposit(&mut self, amount: Amount);
    /// As [`Purse::usable_until`].
    fn usable_until(&mut self, until: Ticks);
    /// As [`Purse::close`].
    fn close(&mut self);
    /// As [`Purse::withdraw`].
    fn withdraw(&mut self) -> Amount;
    /// What is in it that can be drawn or withdrawn.
    fn free(&self) -> Amount;
    /// As [`Purse::look`].
    fn look(&mut self) -> Use;
    /// As [`Purse::pay_from`].
    fn pay_from(&mut self, leases: Vec<HoldId>);
    /// As [`Purse::leases`].
    fn leases(&self) -> Vec<HoldId>;
}

impl Drawer for Purse {
    fn new(id: PurseId) -> Self {
        Self::new(id)
    }
    fn draw(&mut self, amount: Amount, now: Ticks) -> Drawn {
        Self::draw(self, amount, now)
    }
    fn put_back(&mut self, amount: Amount) {
        let _ = Self::put_back(self, amount);
    }
    fn overdraw(&mut self, amount: Amount) {
        Self::overdraw(self, amount);
    }
    fn deposit(&mut self, amount: Amount) {
        Self::deposit(self, amount);
    }
    fn usable_until(&mut self, until: Ticks) {
        Self::usable_until(self, until);
    }
    fn close(&mut self) {
        Self::close(self);
    }
    fn withdraw(&mut self) -> Amount {
        Self::withdraw(self)
    }
    fn free(&self) -> Amount {
        Self::free(self)
    }
    fn look(&mut self) -> Use {
        Self::look(self)
    }
    fn pay_from(&mut self, leases: Vec<HoldId>) {
        Self::pay_from(self, leases);
    }
    fn leases(&self) -> Vec<HoldId> {
        Self::leases(self).to_vec()
    }
}

/// A purse that is a value: without atomics, to be cloned, compared and hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pocket {
    free: i64,
    until: Ticks,
    low_below: i64,
    told_low: bool,
    used: bool,
    leases: Vec<HoldId>,
}

impl Drawer for Pocket {
    fn new(_id: PurseId) -> Self {
        let (until, leases) = (Ticks::ZERO, Vec::new());
        Self { free: 0, until, low_below: 0, told_low: true, used: false, leases }
    }

    fn draw(&mut self, amount: Amount, now: Ticks) -> Drawn {
        if now >= self.until || self.free < amount.units() {
            return Drawn::No;
        }
        self.free -= amount.units();
        self.used = true;
        match self.free < self.low_below && !self.told_low {
            true => {
                self.told_low = true;
                Drawn::Low
            }
            false => Drawn::Yes,
        }
    }

    fn put_back(&mut self, amount: Amount) {
        self.free += amount.units();
    }

    fn overdraw(&mut self, amount: Amount) {
        self.free -= amount.units();
    }

    fn deposit(&mut self, amount: Amount) {
        self.free += amount.units();
        (self.low_below, self.told_low) = (self.free / 2, false);
    }

    fn usable_until(&mut self, until: Ticks) {
        self.until = until;
    }

    fn close(&mut self) {
        self.until = Ticks::ZERO;
    }

    fn withdraw(&mut self) -> Amount {
        let amount = self.free();
        self.free -= amount.units();
        amount
    }

    fn free(&self) -> Amount {
        Amount::new(self.free).unwrap_or(Amount::ZERO)
    }

    fn look(&mut self) -> Use {
        match std::mem::take(&mut self.used) {
            true => Use::Used,
            false => Use::Unused,
        }
    }

    fn pay_from(&mut self, leases: Vec<HoldId>) {
        self.leases = leases;
    }

    fn leases(&self) -> Vec<HoldId> {
        self.leases.clone()
    }
}
