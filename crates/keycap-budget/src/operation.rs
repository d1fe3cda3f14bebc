//! What can be asked of a ledger, and the batch it is asked in.

use std::time::Duration;

use keycap_base::Timestamp;

use crate::{
    AccountId, Amendment, Amount, ChainSpec, ChargeId, Claim, Cost, HoldId, NewCharge, OnExpiry,
    OwnerId,
};

/// The most operations in one batch.
pub const MAX_BATCH: usize = 1_024;

/// The most holds one settle is paid from.
pub const MAX_SETTLE_HOLDS: usize = 64;

/// Whether a template's word on an account that exists already is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reapply {
    /// First sight is the last word.
    Never,
    /// The fields that changed since the template last spoke, if this identity was asserted later.
    Changes,
}

/// What becomes of the part of a hold that a settle does not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rest {
    /// It stays held: more is to come.
    Keep,
    /// It is given back: the work is done and its cost is known.
    Release,
}

/// Which holds a sweep ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sweep {
    /// Those past their expiry.
    Expired,
    /// Those of every owner but these, which alone are alive.
    OwnersExcept(Vec<OwnerId>),
}

/// One thing to do. Those with an id do it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Opens the accounts of a chain that do not exist yet.
    Open {
        /// The accounts, leaf first.
        chain: ChainSpec,
        /// When the identity behind the template was asserted.
        asserted_at: Timestamp,
        /// What happens to accounts that exist.
        reapply: Reapply,
    },
    /// Changes an account, if it is still the version that the caller saw.
    Amend {
        /// Which account.
        account: AccountId,
        /// The version the caller saw.
        version: u64,
        /// What changes.
        amendment: Amendment,
    },
    /// Sets an amount aside on every applicable limit, or on none.
    Hold(NewHold),
    /// Raises all that a hold was ever granted to `granted`, and renews it.
    Extend {
        /// The account the hold was taken for.
        account: AccountId,
        /// Which hold.
        hold: HoldId,
        /// The total, not the difference, so that a retry adds nothing.
        granted: Cost,
        /// The new exposure, for a lease that stated one; never lowered by this.
        exposure: Option<Amount>,
        /// How long it lives from now.
        life: Duration,
    },
    /// Records a charge and pays it from holds, in one step.
    Settle {
        /// What it cost.
        charge: NewCharge,
        /// The holds it is paid from: a request's own, or one lease for each limit.
        holds: Vec<HoldId>,
        /// What becomes of what they still hold.
        rest: Rest,
    },
    /// Gives a hold back, with nothing spent.
    Release {
        /// The account the hold was taken for.
        account: AccountId,
        /// Which hold.
        hold: HoldId,
    },
    /// Gives back all of a lease but `keep`, and lowers its exposure to what is left. A lease that
    /// holds no more than that stays as it is, so it may be sent late or again; it never grows one.
    Shrink {
        /// The account the lease was taken for.
        account: AccountId,
        /// Which lease.
        hold: HoldId,
        /// The most that stays. Zero leaves it open with nothing in it; a release ends it.
        keep: Amount,
    },
    /// Records a charge that no hold was taken for. Recorded always, cap or no cap (P2).
    Charge(NewCharge),
    /// Takes back part of a charge.
    Refund {
        /// The refund's own id.
        id: ChargeId,
        /// The account the charge was made for.
        account: AccountId,
        /// Which charge.
        charge: ChargeId,
        /// How much.
        cost: Cost,
    },
    /// Ends holds that nobody will.
    Sweep(Sweep),
    /// Forgets what retention no longer needs.
    Prune,
}

/// A hold to take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewHold {
    /// Its id.
    pub id: HoldId,
    /// For which account.
    pub account: AccountId,
    /// What to set aside.
    pub claim: Claim,
    /// Who holds.
    pub owner: OwnerId,
    /// How long, unless renewed.
    pub life: Duration,
    /// What happens then.
    pub on_expiry: OnExpiry,
    /// For a lease: the most that may be spent and not yet recorded.
    pub exposure: Option<Amount>,
}

/// Operations to apply together, in order: 1 to [`MAX_BATCH`] of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch(Vec<Operation>);

impl Batch {
    /// A batch of one.
    #[must_use]
    pub fn of(operation: Operation) -> Self {
        Self(vec![operation])
    }

    /// These operations, in this order.
    ///
    /// # Errors
    /// When there are none, or more than [`MAX_BATCH`].
    pub fn new(operations: Vec<Operation>) -> Result<Self, BatchError> {
        match operations.len() {
            0 => Err(BatchError::Empty),
            1..=MAX_BATCH => Ok(Self(operations)),
            more => Err(BatchError::TooLong(more)),
        }
    }

    /// The operations, in order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// How many.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for Batch {
    type Item = Operation;
    type IntoIter = std::vec::IntoIter<Operation>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A batch that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// Nothing to do.
    #[error("a batch without operations; it should have 1 to {MAX_BATCH}")]
    Empty,
    /// Too much to do at once.
    #[error("a batch of {0} operations; it should have 1 to {MAX_BATCH}")]
    TooLong(usize),
}
