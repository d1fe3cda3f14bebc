//! What the manager knows of one purse and the leases behind it.

use keycap_base::Ticks;

use super::{LimitAt, Ticket};
use crate::{Amount, HoldId, Window};

/// A purse and the leases behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PurseState {
    pub(super) limit: LimitAt,
    pub(super) window: Window,
    /// When its window ends on this node's clock.
    pub(super) ends: Option<Ticks>,
    pub(super) stage: Stage,
    pub(super) level: Level,
    /// Oldest first: the order in which they pay.
    pub(super) leases: Vec<Lease>,
    /// What was put into the purse, less what was withdrawn and what was settled: what is in it, and
    /// what was drawn and is not on record yet. Below nothing where more was spent than leased.
    pub(super) credit: i64,
}

/// Whether a purse can be drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Open,
    Closed,
}

/// Whether a purse was found nearly empty since the last deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Level {
    Low,
    Enough,
}

/// One lease behind a purse.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lease {
    pub(super) id: HoldId,
    /// What the ledger holds for it, as far as answers tell.
    pub(super) amount: Amount,
    /// The part of it that may be in the purse, drawn or on its way.
    pub(super) exposure: Amount,
    pub(super) expires: Ticks,
    /// When it is looked at again.
    pub(super) renew_at: Ticks,
    pub(super) pending: Option<Pending>,
}

/// Something that the ledger was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    pub(super) asked: Asked,
    /// When to ask again, once it is known that there is no answer.
    pub(super) again_at: Option<Ticks>,
}

/// What a ledger is asked about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    /// To renew it, and to raise its exposure to so much, which is so much more.
    Renew { exposure: Amount, more: Amount },
    /// To give all of it back but so much.
    Shrink { keep: Amount },
    /// To end it.
    Release,
}

impl PurseState {
    /// Counts what a charge cost: the oldest lease pays first, as the books have it.
    pub(super) fn settle(&mut self, cost: Amount) {
        self.credit = self.credit.saturating_sub(cost.units());
        let mut left = cost;
        for lease in &mut self.leases {
            let paid = left.min(lease.amount);
            lease.amount = lease.amount.saturating_sub(paid);
            lease.exposure = lease.exposure.saturating_sub(paid);
            left = left.saturating_sub(paid);
        }
    }

    /// What each lease must keep so that all together keep the credit, oldest first.
    pub(super) fn keeps(&self) -> Vec<Amount> {
        let mut rest = Amount::new(self.credit.max(0)).unwrap_or(Amount::ZERO);
        let keep = |lease: &Lease| {
            let keep = rest.min(lease.amount);
            rest = rest.saturating_sub(keep);
            keep
        };
        self.leases.iter().map(keep).collect()
    }

    /// The leases that still pay, oldest first.
    pub(super) fn payers(&self) -> Vec<HoldId> {
        let pays = |lease: &&Lease| !matches!(&lease.pending, Some(p) if p.asked == Asked::Release);
        self.leases.iter().filter(pays).map(|lease| lease.id).collect()
    }

    /// When the first of its leases, or its window, ends.
    pub(super) fn ends_at(&self) -> Option<Ticks> {
        self.leases.iter().map(|lease| lease.expires).chain(self.ends).min()
    }
}

impl Lease {
    /// Whether nothing is under way with it.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_none()
    }

    /// What is leased and not yet exposed.
    pub(super) fn unexposed(&self) -> Amount {
        self.amount.saturating_sub(self.exposure)
    }
}
