//! What a ledger answers.
//!
//! A refusal is an [`Outcome`]; an operation that makes no sense against the books is a [`Fault`]; a
//! ledger that could not answer at all is a [`LedgerError`](crate::LedgerError).

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Timestamp;

use crate::{
    Account, AccountId, Amount, Chain, ChargeId, Cost, Fit, HoldId, HoldState, Limit, MAX_CHAIN,
    MAX_LIMITS, MAX_METERS, MAX_SETTLE_HOLDS, Meter, Window,
};

/// How one limit stands in its window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Whose limit.
    pub account: AccountId,
    /// The limit, with its cap.
    pub limit: Limit,
    /// The window.
    pub window: Window,
    /// What was spent in it.
    pub spent: Amount,
    /// What holds have set aside in it.
    pub held: Amount,
    /// The part of `held` that belongs to the holds the operation named.
    pub own: Amount,
}

impl Standing {
    /// What nobody has spent or set aside; zero when over the cap.
    #[must_use]
    pub fn remaining(&self) -> Amount {
        self.limit.cap().saturating_sub(self.spent).saturating_sub(self.held)
    }

    /// What the holder of the named holds may still spend: what is remaining, and what is its own.
    #[must_use]
    pub fn available(&self) -> Amount {
        let others = self.held.saturating_sub(self.own);
        self.limit.cap().saturating_sub(self.spent).saturating_sub(others)
    }

    /// Whether more was spent than the cap allows.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.spent > self.limit.cap()
    }

    /// Why so much more does not fit, if it does not. What the hold has already stays with it until its
    /// end, so an extension that would make the hold larger than the cap need not wait.
    pub(crate) fn refuses(&self, needed: Amount) -> Option<Cause> {
        let fits = |used: Option<Amount>| {
            let sum = used.and_then(|used| used.checked_add(needed));
            sum.is_some_and(|sum| sum <= self.limit.cap())
        };
        if fits(self.spent.checked_add(self.held)) {
            None
        } else if !fits(Some(self.own)) {
            Some(Cause::LargerThanCap)
        } else if !fits(self.spent.checked_add(self.own)) {
            Some(Cause::Spent)
        } else {
            Some(Cause::Reserved)
        }
    }
}

/// Why an amount does not fit under a limit, most hopeless first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It is larger than the cap itself: waiting cannot help.
    LargerThanCap,
    /// It would not fit were nothing held: the window is spent.
    Spent,
    /// It would fit were nothing held: requests in flight have set the rest aside.
    Reserved,
}

/// Where something only has to be left, so much has to.
pub(crate) const LEAST_LEFT: Amount = Amount::from_units(1);

/// A refusal: which limit, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shortfall {
    /// The limit that refused.
    pub standing: Standing,
    /// What was asked for on it; zero where something only had to be left.
    pub wanted: Amount,
    /// Why it did not fit.
    pub cause: Cause,
    /// Until the window ends; none for a lifetime.
    pub ends_in: Option<Duration>,
}

impl Shortfall {
    /// Whether it is a rate that was exceeded: a limit of an hour or less that is spent, or one on
    /// requests, whose holds are all sure to be spent.
    #[must_use]
    pub fn is_rate(&self) -> bool {
        let certain = self.cause == Cause::Spent || *self.meter() == Meter::REQUESTS;
        self.cause != Cause::LargerThanCap && certain && self.standing.limit.key().period.is_rate()
    }

    /// What the refusal of `wanted` would have been, which must not be less than what was refused.
    #[must_use]
    pub fn of_more(&self, wanted: Amount) -> Self {
        let needed = wanted.max(LEAST_LEFT);
        let cause = self.standing.refuses(needed).unwrap_or(self.cause);
        Self { wanted, cause, ..self.clone() }
    }

    /// Which refusal is told first where several apply: lower is earlier.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self.cause {
            Cause::LargerThanCap => 0,
            _ if self.is_rate() => 1,
            Cause::Spent => 2,
            Cause::Reserved => 3,
        }
    }

    fn meter(&self) -> &Meter {
        &self.standing.limit.key().meter
    }
}

/// A hold that was taken or extended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Every limit of the chain, leaf first, as of this operation.
    pub standings: Vec<Standing>,
    /// The time until it ends by itself.
    pub expires_in: Duration,
    /// The ledger's clock as of this operation, so that a window's end becomes time remaining.
    pub at: Timestamp,
}

/// A charge that is on record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// Whether it left a limit above its cap.
    pub fit: Fit,
    /// The part that no hold covered, for each meter.
    pub uncovered: Cost,
    /// The limits it touched, as of this operation; none when it was on record already.
    pub standings: Vec<Standing>,
}

/// What one operation did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The chain's accounts exist.
    Opened {
        /// The leaf's chain as it is now.
        chain: Chain,
        /// Accounts that existed and that the template's word changed.
        changed: Vec<AccountId>,
    },
    /// The account after the change.
    Amended(Arc<Account>),
    /// Somebody changed the account before; here it is.
    Stale(Arc<Account>),
    /// The hold was taken, or had been with this id.
    Held(Held),
    /// The hold was not taken, or not extended; nothing changed.
    Refused(Box<Shortfall>),
    /// The hold has ended and cannot be extended or shrunk.
    Ended(HoldState),
    /// The charge is on record, or had been with this id.
    Recorded(Recorded),
    /// The hold is given back, or had ended before.
    Released,
    /// The lease holds no more than was to be kept.
    Shrunk {
        /// What it holds now.
        left: Amount,
    },
    /// The refund is on record, or had been with this id; so much of the charge is now refunded.
    Refunded(Cost),
    /// The refund is more than the charge has left; nothing changed.
    RefundTooLarge {
        /// What is left to refund.
        left: Cost,
    },
    /// Holds were ended.
    Swept {
        /// So many of them.
        holds: usize,
        /// Whether there may be more.
        progress: Progress,
    },
    /// Rows were forgotten.
    Pruned {
        /// So many of them.
        rows: usize,
        /// Whether there may be more.
        progress: Progress,
    },
    /// The id stands for something else already; nothing changed. What it stood for first.
    Conflict(Box<Outcome>),
    /// The id was made before the ledger's memory of ids begins; nothing changed.
    TooOld {
        /// Where the memory begins.
        oldest: Timestamp,
    },
}

/// Whether bounded work reached its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Nothing is left to do.
    Done,
    /// The bound was reached; ask again.
    More,
}

/// An operation that makes no sense against the books. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No such account; open it first.
    #[error("account {0} is not known; open it first")]
    UnknownAccount(AccountId),
    /// A row names a chain without accounts: the store was written by something else.
    #[error("a row names an empty chain; the store is damaged")]
    UnknownChain,
    /// No such hold was taken for this account, or retention took it.
    #[error("hold {0} is not known for this account")]
    UnknownHold(HoldId),
    /// No such charge was made for this account, or retention took it.
    #[error("charge {0} is not known for this account, or too old to be refunded")]
    UnknownCharge(ChargeId),
    /// The lease names a limit that the account does not have.
    #[error("account {0} has no such limit")]
    UnknownLimit(AccountId),
    /// The account is its own ancestor.
    #[error("account {0} would be its own ancestor")]
    Cycle(AccountId),
    /// An operator's limits and those a template now adds are too many.
    #[error(
        "account {0} would have more than {MAX_LIMITS} limits, an operator's and the template's"
    )]
    TooManyLimits(AccountId),
    /// The chain is longer than chains are.
    #[error("the chain of account {0} would have more than {MAX_CHAIN} accounts")]
    ChainTooLong(AccountId),
    /// An account cannot move under another root.
    #[error("account {account} lies under {is}; under {asked} it would be a new account")]
    OtherRoot {
        /// Which account.
        account: AccountId,
        /// Its root.
        is: AccountId,
        /// The root it was asked for.
        asked: AccountId,
    },
    /// An id says it was made further in the future than ids are remembered.
    #[error(
        "the id says it was made at {made_at:?}; the latest that is accepted now is {latest:?}"
    )]
    FromTheFuture {
        /// When it says it was made.
        made_at: Timestamp,
        /// The latest that is accepted.
        latest: Timestamp,
    },
    /// A settle names too many holds.
    #[error("a settle from {0} holds; the most is {MAX_SETTLE_HOLDS}")]
    TooManyHolds(usize),
    /// A lease of more than one operation takes.
    #[error("hold {0} is a lease of more than {most} units", most = Amount::MAX_OPERATION.units())]
    LeaseTooLarge(HoldId),
    /// What only a lease can was asked of a hold that is none: to have an exposure, or to shrink.
    #[error("hold {0} is not a lease: it has no exposure, and it does not shrink")]
    NotALease(HoldId),
    /// A hold was extended over more meters than a cost names.
    #[error("hold {0} would lie on more than {MAX_METERS} meters")]
    TooManyMeters(HoldId),
    /// A lease cannot be extended, only replaced.
    #[error("hold {0} is a lease; it is replaced, not grown")]
    LeaseGrown(HoldId),
    /// A counter would pass the largest number. Nothing was recorded: this needs an operator.
    #[error(
        "the {meter} counter of account {account} would overflow; the operation was not recorded"
    )]
    Overflow {
        /// Whose counter.
        account: AccountId,
        /// What it counts.
        meter: Meter,
    },
}
