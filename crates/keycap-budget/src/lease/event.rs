//! What the lease manager is told, and what it wants done.

use keycap_base::Ticks;

use crate::{AccountId, Amount, Decided, HoldId, LimitKey, Operation, Window};

/// One limit of one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitAt {
    /// Whose limit.
    pub account: AccountId,
    /// Which of its limits.
    pub limit: LimitKey,
}

/// The number of a purse, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PurseId(pub(super) u64);

/// The number of one asking of the ledger, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// Whether somebody drew from a purse since it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// Somebody did.
    Used,
    /// Nobody did.
    Unused,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request holds `amount` on a limit by itself, because there was nothing to draw from, and the
    /// ledger says that so much is `left` there.
    Held {
        /// Where.
        limit: LimitAt,
        /// How much.
        amount: Amount,
        /// What is left there, for others.
        left: Amount,
    },
    /// A purse is nearly empty.
    Low(PurseId),
    /// The ledger refused a request for want of money on this limit. What the node has there is needed.
    Short(LimitAt),
    /// The account was amended: all that is leased on it goes back.
    Amended(AccountId),
    /// Somebody else needs what is leased on this limit and not in use.
    CalledBack(LimitAt),
    /// A charge that was paid from the purse is on record. `amount` is what it cost on the purse's limit.
    Settled {
        /// Which purse.
        purse: PurseId,
        /// How much.
        amount: Amount,
    },
    /// So much was taken out of a closed purse, and nobody can draw it any more.
    Withdrawn {
        /// Which purse.
        purse: PurseId,
        /// How much.
        amount: Amount,
    },
    /// The purse was looked at.
    Looked {
        /// Which purse.
        purse: PurseId,
        /// What was seen.
        seen: Use,
    },
    /// The ledger answered, or could not.
    Answered {
        /// What was asked.
        ticket: Ticket,
        /// When, on this node's clock, before it was sent.
        asked_at: Ticks,
        /// The answer; none where nobody knows what the ledger did.
        answer: Option<Decided>,
    },
    /// Time has passed.
    Tick,
    /// The node shuts down: everything goes back, and nothing more is leased.
    ShutDown,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this to the ledger and bring the answer, or that there is none.
    Ask {
        /// To be brought with the answer.
        ticket: Ticket,
        /// What to send. It may be sent twice.
        operation: Operation,
    },
    /// Make an empty purse for this limit and window; requests draw from it from now on.
    Open {
        /// Its number.
        purse: PurseId,
        /// For which limit.
        limit: LimitAt,
        /// In which window.
        window: Window,
    },
    /// Charges that are sent from now on and were drawn from this purse are paid from these holds, in
    /// this order.
    PayFrom {
        /// Which purse.
        purse: PurseId,
        /// The leases behind it, oldest first.
        leases: Vec<HoldId>,
    },
    /// Put this into the purse.
    Deposit {
        /// Which purse.
        purse: PurseId,
        /// How much.
        amount: Amount,
    },
    /// The purse may be drawn from until then, and no longer.
    UsableUntil {
        /// Which purse.
        purse: PurseId,
        /// When it ends, on this node's clock.
        until: Ticks,
    },
    /// Let nobody draw from the purse any more, withdraw what is in it, and say how much that was.
    Close(PurseId),
    /// Withdraw what was put back into a closed purse, and say how much that was.
    Withdraw(PurseId),
    /// See whether the purse was drawn from since the last look.
    Look(PurseId),
    /// Nothing is left of the purse.
    Forget(PurseId),
}
