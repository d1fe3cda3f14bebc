//! What requests draw from.
//!
//! A purse belongs to one limit in one window and is never used for another, so what is put back always
//! lands where it was drawn. What must not change: the sum of what was drawn and not put back never
//! exceeds what was deposited, but for overdrafts, which are asked for by name; and no unit is lost:
//! `deposited = free - debt + drawn - put back + overdrawn + withdrawn`.
//!
//! # Words
//!
//! The money lies in words that are never negative. A purse begins with one, at home in the purse.
//! Where threads turn out to be in each other's way, it grows stripes, once and for good, and each
//! thread takes from and adds to the stripe of its number. On this fast side nothing is written but
//! that one word; what else a draw reads is rarely written.
//!
//! Everything else is the slow side, under one lock: moving money from word to word, depositing,
//! withdrawing, overdrawing. So money that is in nobody's word and nobody's hands is only ever seen by
//! who has the lock. A draw that its own word cannot serve gathers from all of them there and leaves
//! its word with a fair share. It fails if all words together have too little; what other threads put
//! back or draw in that very moment it may miss.
//!
//! # Debt
//!
//! What is overdrawn is first taken from all words. What they lack becomes a debt, which is only
//! changed under the lock. While there is a debt, draws and put-backs take the slow side, which pays it
//! first from whatever there is. A thread that read "no debt" just before may still use its word; that
//! is as good as having been there first, since it and the overdraft were under way together: money
//! gets into a word only by a put-back that began before the debt was written.
//!
//! # Closing
//!
//! [`close`](Purse::close), then [`withdraw`](Purse::withdraw) leaves nothing behind:
//!
//! - A draw that looked at the time before the closing has taken its money before the withdrawal came
//!   to that word, and then it is out, or it finds none. It may find what was put back since: then that
//!   is out again, and not there for the next withdrawal. Either way what is out is what was deposited
//!   less what was withdrawn.
//! - A put-back adds to its word and then looks whether the purse is closed. The withdrawal writes to
//!   every word, after the closing. Whichever of the two writes of that word comes second sees the
//!   other: the withdrawal has the money, or the put-back says [`PutBack::Closed`].
//! - Money on the slow side cannot be missed, for the withdrawal has the lock.

mod all;
mod outcome;
mod slow;
mod word;

use keycap_base::Ticks;
use smallvec::SmallVec;

pub use self::all::{DrawnAll, MAX_DRAWS, Places, draw_all};
pub use self::outcome::{Drawn, PutBack};
use self::slow::Side;
use self::word::{Stripe, Word};
use super::sync::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, Mutex, OnceLock, Ordering, known_thread_number,
    thread_number,
};
use super::{MAX_LEASES_A_PURSE, PurseId, Use};
use crate::{Amount, HoldId};

/// The leases behind a purse, oldest first.
pub type PayingLeases = SmallVec<[HoldId; MAX_LEASES_A_PURSE]>;

/// The most stripes a purse grows.
pub const MAX_STRIPES: usize = 8;

/// How often draws have to be in each other's way before a purse grows stripes.
pub(super) const CROWDED_AFTER: u32 = 8;

/// What this node may draw from on one limit in one window.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Purse {
    // One cache line with all that a draw looks at. Once there are stripes, it is rarely written.
    /// In nanoseconds of the node's clock; nothing is drawn from then on.
    until: AtomicU64,
    home: Word,
    /// A word that has less than this is a reason to look whether the purse is low.
    low_share: AtomicI64,
    debt: AtomicI64,
    stripes: OnceLock<Box<[Stripe]>>,
    /// How often a draw from `home` was in another's way.
    crowded: AtomicU32,
    closed: AtomicBool,
    told_low: AtomicBool,
    used: AtomicBool,
    // What only the slow side touches.
    side: Mutex<Side>,
    id: PurseId,
}

impl Purse {
    /// An empty purse that nobody can draw from yet.
    #[must_use]
    pub fn new(id: PurseId) -> Self {
        Self {
            until: AtomicU64::new(0),
            home: Word::empty(),
            low_share: AtomicI64::new(0),
            debt: AtomicI64::new(0),
            stripes: OnceLock::new(),
            crowded: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            told_low: AtomicBool::new(true),
            used: AtomicBool::new(false),
            side: Mutex::new(Side::default()),
            id,
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> PurseId {
        self.id
    }

    /// Draws `amount`, if there is so much and it is not too late. There is always nothing to draw, also
    /// where more was overdrawn than was there.
    #[inline]
    pub fn draw(&self, amount: Amount, now: Ticks) -> Drawn {
        if !self.is_usable(now) {
            return Drawn::No;
        }
        match self.try_take(amount.units()) {
            Some(left) => self.conclude(left),
            None => self.draw_slowly(amount.units()),
        }
    }

    /// Puts back what was drawn and not spent, also into a closed purse.
    #[inline]
    pub fn put_back(&self, amount: Amount) -> PutBack {
        let Some(word) = self.word_at_hand() else { return self.put_slowly(amount.units()) };
        word.add(amount.units());
        self.where_it_went()
    }

    /// Takes what was spent above what was drawn, whether it is there or not.
    pub fn overdraw(&self, amount: Amount) {
        if self.try_take(amount.units()).is_none() {
            self.overdraw_slowly(amount.units());
        }
    }

    /// Whether somebody drew from it since the last look.
    pub fn look(&self) -> Use {
        match self.used.swap(false, Ordering::Relaxed) {
            true => Use::Used,
            false => Use::Unused,
        }
    }

    /// What is in it, as of a moment ago; nothing where it is overdrawn.
    #[must_use]
    pub fn free(&self) -> Amount {
        let free = self.sum().saturating_sub(self.debt.load(Ordering::Acquire));
        slow::amount(free)
    }

    /// Notes which leases pay for what is drawn, oldest first.
    pub fn pay_from(&self, leases: impl IntoIterator<Item = HoldId>) {
        let leases = leases.into_iter().collect();
        self.side.lock().leases = leases;
    }

    /// The leases that pay for what is drawn, oldest first. Allocates nothing for up to
    /// [`MAX_LEASES_A_PURSE`].
    #[must_use]
    pub fn leases(&self) -> PayingLeases {
        self.side.lock().leases.clone()
    }

    #[inline]
    fn is_usable(&self, now: Ticks) -> bool {
        now.as_nanos() < self.until.load(Ordering::Acquire)
    }

    /// Takes `units` from the word at hand and says what is left there. If not, nothing follows from it.
    #[inline]
    fn try_take(&self, units: i64) -> Option<i64> {
        self.word_at_hand()?.try_take(units)
    }

    /// This thread's word, unless there is a debt to be paid first or the thread has no number yet.
    #[inline]
    fn word_at_hand(&self) -> Option<&Word> {
        if self.debt.load(Ordering::Acquire) != 0 {
            return None;
        }
        match self.stripes.get() {
            None => Some(&self.home),
            Some(stripes) => stripe_of(known_thread_number()?, stripes),
        }
    }

    /// This thread's word.
    fn own(&self) -> &Word {
        let stripe = self.stripes.get().and_then(|stripes| stripe_of(thread_number(), stripes));
        stripe.unwrap_or(&self.home)
    }

    /// Notes that something was drawn, and looks whether the purse is low where `left`, what is left in
    /// this thread's word, is a reason to.
    #[inline]
    fn conclude(&self, left: i64) -> Drawn {
        // Read before written: the line is everybody's.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        if left < self.low_share.load(Ordering::Relaxed) && !self.told_low.load(Ordering::Relaxed) {
            return self.look_whether_low();
        }
        Drawn::Yes
    }

    /// Asked after the money is in: see "Closing".
    #[inline]
    fn where_it_went(&self) -> PutBack {
        match self.closed.load(Ordering::Acquire) {
            false => PutBack::Kept,
            true => PutBack::Closed,
        }
    }
}

#[inline]
fn stripe_of(thread: usize, stripes: &[Stripe]) -> Option<&Word> {
    // Their number is a power of two.
    stripes.get(thread & stripes.len().wrapping_sub(1)).map(|stripe| &stripe.0)
}
