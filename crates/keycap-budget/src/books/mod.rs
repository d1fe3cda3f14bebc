//! The rules: what an operation does to the rows, given the time.
//!
//! [`Books`] is pure: it reads rows from a [`Shelf`], decides, and puts rows back. No clock, no
//! randomness, no I/O of its own. Every ledger runs this code, so every ledger decides alike.
//!
//! Each file here holds one family of operations: `chain` (open, amend), `reserve` (hold, extend),
//! `settle` (settle, charge), `give_back` (release, shrink), `refund`, `sweep` and `prune`. `tally` is
//! the working set of counters that one operation touches.

mod chain;
mod give_back;
mod prune;
mod refund;
mod reserve;
mod settle;
mod sweep;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;

use crate::{
    Account, AccountId, Chain, Fault, Hold, HoldId, MAX_CHAIN, Operation, Outcome, Shelf, Standing,
};

/// The most rows of one kind that one sweep or prune touches.
pub const MAX_SWEEP: usize = 1_024;

/// How long rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    ids: Duration,
    charges: Duration,
}

impl Retention {
    /// How long ids are remembered by default, and the least that can be chosen.
    pub const MIN_IDS: Duration = Duration::from_secs(24 * 60 * 60);
    /// How long charges are kept by default: thirteen months and a little.
    pub const DEFAULT_CHARGES: Duration = Duration::from_secs(400 * 24 * 60 * 60);

    /// Remembers ids and ended holds for `ids`, and charges for `charges`.
    ///
    /// # Errors
    /// When ids would live shorter than [`Retention::MIN_IDS`], or charges shorter than ids.
    pub fn new(ids: Duration, charges: Duration) -> Result<Self, RetentionError> {
        if ids < Self::MIN_IDS {
            return Err(RetentionError::IdsTooShort(ids));
        }
        if charges < ids {
            return Err(RetentionError::ChargesTooShort(charges, ids));
        }
        Ok(Self { ids, charges })
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { ids: Self::MIN_IDS, charges: Self::DEFAULT_CHARGES }
    }
}

/// A retention that would break a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// Ids must be remembered long enough for retries.
    #[error("ids remembered for {0:?}; it should be {min:?} at least", min = Retention::MIN_IDS)]
    IdsTooShort(Duration),
    /// A charge is what remembers its id.
    #[error("charges kept for {0:?}; it should be {1:?} at least, as long as ids are remembered")]
    ChargesTooShort(Duration, Duration),
}

/// The rules over a shelf of rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Books<S> {
    shelf: S,
    retention: Retention,
}

/// What one operation comes to: an outcome, or a fault when it makes no sense.
pub type Decided = Result<Outcome, Fault>;

impl<S: Shelf> Books<S> {
    /// Books over these rows.
    pub fn new(shelf: S, retention: Retention) -> Self {
        Self { shelf, retention }
    }

    /// The rows.
    pub fn shelf(&self) -> &S {
        &self.shelf
    }

    /// The rows, to be changed by a store that keeps them.
    pub fn shelf_mut(&mut self) -> &mut S {
        &mut self.shelf
    }

    /// Gives the rows back.
    pub fn into_shelf(self) -> S {
        self.shelf
    }

    /// Does one operation at `now`. A refusal or a fault leaves no trace.
    ///
    /// # Errors
    /// When the shelf fails; what was put since the store's last commit must then be thrown away.
    pub fn apply(&mut self, operation: &Operation, now: Timestamp) -> Result<Decided, S::Error> {
        let now = self.not_before_pruning(now)?;
        let step = match operation {
            Operation::Open { chain, asserted_at, reapply } => {
                self.open(chain, *asserted_at, *reapply, now)
            }
            Operation::Amend { account, version, amendment } => {
                self.amend(account, *version, amendment)
            }
            Operation::Hold(new) => self.hold(new, now),
            Operation::Extend { account, hold, granted, exposure, life } => {
                let raise = reserve::Raise { granted, exposure: *exposure, life: *life };
                self.extend(account, *hold, &raise, now)
            }
            Operation::Settle { charge, holds, rest } => self.settle(charge, holds, *rest, now),
            Operation::Release { account, hold } => self.release(account, *hold, now),
            Operation::Shrink { account, hold, keep } => self.shrink(account, *hold, *keep),
            Operation::Charge(charge) => self.charge(charge, now),
            Operation::Refund { id, account, charge, cost } => {
                self.refund(*id, account, *charge, cost, now)
            }
            Operation::Sweep(sweep) => self.sweep(sweep, now),
            Operation::Prune => self.prune(now),
        };
        match step {
            Ok(outcome) | Err(Stop::Outcome(outcome)) => Ok(Ok(outcome)),
            Err(Stop::Fault(fault)) => Ok(Err(fault)),
            Err(Stop::Shelf(error)) => Err(error),
        }
    }

    /// The chain of an account; none when there is no such account.
    ///
    /// # Errors
    /// When the shelf fails.
    pub fn chain(&mut self, account: &AccountId) -> Result<Option<Chain>, S::Error> {
        let mut chain: Vec<Arc<Account>> = Vec::new();
        let mut next = self.shelf.account(account)?;
        while let Some(account) = next.filter(|_| chain.len() < MAX_CHAIN) {
            next = match &account.parent {
                Some(parent) => self.shelf.account(parent)?,
                None => None,
            };
            chain.push(account);
        }
        Ok(Chain::new(chain))
    }

    /// How every limit of the account's chain stands at `now`, leaf first.
    ///
    /// # Errors
    /// When the shelf fails.
    pub fn standings(
        &mut self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Standing>, S::Error> {
        let Some(chain) = self.chain(account)? else {
            return Ok(Vec::new());
        };
        let now = self.not_before_pruning(now)?;
        let mut tally = tally::Tally::default();
        tally.standings(&mut self.shelf, &chain, now)
    }

    /// The time, held at the last pruning where the clock went back behind it: what was forgotten
    /// then must not be counted anew.
    fn not_before_pruning(&mut self, now: Timestamp) -> Result<Timestamp, S::Error> {
        Ok(now.max(self.shelf.horizon()?.pruned_at))
    }

    /// The account, or a fault.
    fn known(&mut self, id: &AccountId) -> Step<Arc<Account>, S> {
        let account = self.shelf.account(id).map_err(Stop::Shelf)?;
        account.ok_or_else(|| Stop::Fault(Fault::UnknownAccount(id.clone())))
    }

    /// A hold that was taken for this account.
    fn known_hold(&mut self, account: &AccountId, id: HoldId) -> Step<Hold, S> {
        let root = self.known(account)?.root.clone();
        let found = self.shelf.hold(&root, id).map_err(Stop::Shelf)?;
        let own = found.filter(|hold| hold.account == *account).ok_or(Fault::UnknownHold(id))?;
        Ok(Hold::clone(&own))
    }

    /// The chain of an account that must exist.
    fn known_chain(&mut self, id: &AccountId) -> Step<Chain, S> {
        let chain = self.chain(id).map_err(Stop::Shelf)?;
        chain.ok_or_else(|| Fault::UnknownAccount(id.clone()).into())
    }

    /// Refuses an id that was made before the memory of ids begins (P3), and one from so far in the
    /// future that it would have to be remembered for longer than ids are.
    fn remembered(&mut self, made_at: Timestamp, now: Timestamp) -> Step<(), S> {
        let horizon = self.shelf.horizon().map_err(Stop::Shelf)?;
        let oldest = horizon.ids.max(now.minus(self.retention.ids));
        let latest = now.plus(self.retention.ids);
        if made_at < oldest {
            return Err(Stop::Outcome(Outcome::TooOld { oldest }));
        }
        if made_at > latest {
            return Err(Fault::FromTheFuture { made_at, latest }.into());
        }
        Ok(())
    }
}

/// Why an operation goes no further.
enum Stop<E> {
    /// It is decided.
    Outcome(Outcome),
    /// It makes no sense.
    Fault(Fault),
    /// Rows cannot be read or written.
    Shelf(E),
}

impl<E> From<Fault> for Stop<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

type Step<T, S> = Result<T, Stop<<S as Shelf>::Error>>;
