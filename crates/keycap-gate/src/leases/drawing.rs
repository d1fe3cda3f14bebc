//! Drawing from the purses of a chain: all of them, or none.

use std::sync::Arc;

use keycap_base::Ticks;
use keycap_budget::lease::{Drawn, MAX_LEASES_A_PURSE, Purse, PutBack};
use keycap_budget::{Amount, Cost, MAX_SETTLE_HOLDS};
use smallvec::SmallVec;

use super::{Leasing, Till};
use crate::known_key::KnownKey;

/// The most purses that one request draws from: a charge names the leases of all of them, and a hold of
/// the request's own.
pub(crate) const MAX_PURSES_A_REQUEST: usize = MAX_SETTLE_HOLDS / MAX_LEASES_A_PURSE - 1;

/// What a request drew from one purse.
pub(crate) struct Draw {
    /// Which limit of its chain, leaf first.
    pub(crate) limit: usize,
    pub(crate) purse: Arc<Purse>,
    pub(crate) amount: Amount,
}

/// What is asked of limits that a cost does not concern.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untouched {
    /// Nothing.
    Free,
    /// That something be left.
    NeedsRoom,
}

/// Draws under way. What is not finished is put back.
pub(crate) struct Drawing<'a> {
    leasing: &'a Leasing,
    known: &'a KnownKey,
    now: Ticks,
    draws: SmallVec<[Draw; 4]>,
}

impl<'a> Drawing<'a> {
    pub(crate) fn begin(leasing: &'a Leasing, known: &'a KnownKey, now: Ticks) -> Self {
        Self { leasing, known, now, draws: SmallVec::new() }
    }

    /// Draws a cost from the purses of all limits that count one of its meters. None where one of them
    /// has no purse, or too little in it: no refusal, only a reason to ask the ledger.
    ///
    /// `purse` says which purse a limit is drawn from, if it is.
    pub(crate) fn draw_all(
        mut self,
        cost: &Cost,
        untouched: Untouched,
        purse: impl Fn(usize, &Till) -> Option<Arc<Purse>>,
    ) -> Option<Self> {
        for (limit, till) in self.known.tills.iter().enumerate() {
            let amount = cost.amount(&till.at.limit.meter);
            let fine = match (amount.is_zero(), untouched) {
                (false, _) => purse(limit, till).is_some_and(|it| self.draw(limit, it, amount)),
                (true, Untouched::Free) => till.was_seen(),
                (true, Untouched::NeedsRoom) => till.purse().is_some_and(|it| self.has_room(&it)),
            };
            if !fine {
                return None;
            }
        }
        Some(self)
    }

    /// Draws from this purse, if it has so much.
    fn draw(&mut self, limit: usize, purse: Arc<Purse>, amount: Amount) -> bool {
        if self.draws.len() == MAX_PURSES_A_REQUEST {
            return false;
        }
        match purse.draw(amount, self.now) {
            Drawn::No => return false,
            Drawn::Low => self.leasing.inbox.low(purse.id()),
            Drawn::Yes => {}
        }
        self.draws.push(Draw { limit, purse, amount });
        true
    }

    fn has_room(&self, purse: &Purse) -> bool {
        purse.draw(Amount::ZERO, self.now) != Drawn::No && !purse.free().is_zero()
    }

    /// Which limits of the chain were drawn on.
    pub(crate) fn limits(&self) -> impl Iterator<Item = usize> {
        self.draws.iter().map(|draw| draw.limit)
    }

    /// What was drawn.
    pub(crate) fn finish(mut self) -> SmallVec<[Draw; 4]> {
        std::mem::take(&mut self.draws)
    }
}

impl Drop for Drawing<'_> {
    fn drop(&mut self) {
        for draw in self.draws.drain(..) {
            if let Some(till) = self.known.tills.get(draw.limit) {
                self.leasing.put_back(till, &draw.purse, draw.amount);
            }
        }
    }
}

impl Leasing {
    /// Puts back what was drawn and not spent.
    pub(crate) fn put_back(&self, till: &Arc<Till>, purse: &Purse, amount: Amount) {
        if amount.is_zero() {
            return;
        }
        if purse.put_back(amount) == PutBack::Closed {
            self.note_closed(till, purse);
        }
    }

    /// Something was put back into a closed purse: the driver takes it out, and gives it to the ledger.
    pub(crate) fn note_closed(&self, till: &Arc<Till>, purse: &Purse) {
        till.note_put_back();
        till.note_relief();
        self.inbox.returned(till, purse.id());
    }
}
