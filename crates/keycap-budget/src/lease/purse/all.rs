//! Drawing from all purses of a chain or from none.

use std::borrow::Borrow;

use keycap_base::Ticks;

use super::{Drawn, Purse, PutBack, Word};
use crate::{Amount, MAX_CHAIN, MAX_LIMITS};

/// The most purses drawn from at once: one for each limit that a chain can have.
pub const MAX_DRAWS: usize = MAX_CHAIN * MAX_LIMITS;

// `Places` has a bit for each.
const _: () = assert!(MAX_DRAWS <= 64);

/// What came of drawing from several purses at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum DrawnAll {
    /// All was drawn.
    Yes {
        /// The purses that have become low, as [`Drawn::Low`].
        low: Places,
    },
    /// Nothing was. Not a refusal.
    No {
        /// Which purse cannot give, by its place.
        short: usize,
        /// The purses that were closed meanwhile, so that what was drawn and put back lies in a closed
        /// purse, as [`PutBack::Closed`].
        closed: Places,
    },
}

/// Some of the purses that were named, by their places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places(u64);

impl Places {
    /// Whether it is none of them.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn add(&mut self, place: usize) {
        self.0 |= 1 << place;
    }
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = (self.0 != 0).then(|| self.0.trailing_zeros())?;
        self.0 &= self.0 - 1;
        usize::try_from(place).ok()
    }
}

/// Draws each amount from its purse, or nothing from any.
///
/// What was drawn and put back again is not told as low and counts as no use. Of more than [`MAX_DRAWS`]
/// purses, the first beyond is taken for one that cannot give.
pub fn draw_all<P: Borrow<Purse>>(draws: &[(P, Amount)], now: Ticks) -> DrawnAll {
    if draws.len() > MAX_DRAWS {
        return DrawnAll::No { short: MAX_DRAWS, closed: Places::default() };
    }
    for (place, (purse, amount)) in draws.iter().enumerate() {
        let purse = purse.borrow();
        if !purse.is_usable(now) || !purse.takes(amount.units()) {
            return DrawnAll::No { short: place, closed: put_back_first(draws, place) };
        }
    }
    let mut low = Places::default();
    for (place, (purse, _)) in draws.iter().enumerate() {
        let purse = purse.borrow();
        if purse.conclude(purse.left_at_hand()) == Drawn::Low {
            low.add(place);
        }
    }
    DrawnAll::Yes { low }
}

impl Purse {
    /// What is in this thread's word; nothing where that is not at hand, which is worth a look.
    #[inline]
    fn left_at_hand(&self) -> i64 {
        self.word_at_hand().map_or(0, Word::read)
    }

    #[inline]
    fn takes(&self, units: i64) -> bool {
        self.try_take(units).is_some() || self.take(units).is_some()
    }
}

/// Puts back what was drawn from the first so many; the last drawn first.
#[cold]
fn put_back_first<P: Borrow<Purse>>(draws: &[(P, Amount)], drawn: usize) -> Places {
    let mut closed = Places::default();
    for (place, (purse, amount)) in draws.iter().enumerate().take(drawn).rev() {
        if purse.borrow().put_back(*amount) == PutBack::Closed {
            closed.add(place);
        }
    }
    closed
}
