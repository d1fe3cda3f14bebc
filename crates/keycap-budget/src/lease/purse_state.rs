//! What the manager knows of one purse and the leases behind it.

use keycap_base::Ticks;

use super::{LimitAt, Ticket};
use crate::{Amount, HoldId, HoldState, Window};

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
    /// Its lease came too late: nobody was ever told of the purse.
    Unopened,
}

/// Whether a purse was found nearly empty since the last deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Level {
    Low,
    Enough,
}

/// One lease behind a purse.
///
/// Of an open purse's lease it is known what the ledger holds. Once a lease is asked to shrink that
/// depends on which of the charges under way the ledger did first, and what is known are two bounds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lease {
    pub(super) id: HoldId,
    /// What it was when it was taken.
    pub(super) granted: Amount,
    /// What the ledger holds for it at most.
    pub(super) most: Amount,
    /// What the ledger holds for it at least, but for charges that nobody has heard of yet.
    pub(super) least: Amount,
    /// The part of it that may be in the purse, drawn or on its way.
    pub(super) exposure: Amount,
    pub(super) expires: Ticks,
    /// When it is looked at again.
    pub(super) renew_at: Ticks,
    pub(super) pending: Option<Pending>,
    pub(super) fate: Fate,
}

/// Whether a lease has ended without its node's doing, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    Alive,
    /// What was captured of it pays for what was drawn; it cannot be renewed or shrunk.
    Ended,
}

/// Something that the ledger was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    pub(super) asked: Asked,
    /// What charges took from the purse since it was asked.
    pub(super) settled: Amount,
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
        let (mut of_least, mut of_most) = (cost, cost);
        for lease in &mut self.leases {
            drain(&mut lease.least, &mut of_least);
            if let Some(pending) = &mut lease.pending {
                pending.settled = pending.settled.saturating_add(cost);
            }
            // It may have been paid before a lease shrank, and from what was then given back.
            if self.stage == Stage::Open {
                let paid = drain(&mut lease.most, &mut of_most);
                lease.exposure = lease.exposure.saturating_sub(paid);
            }
        }
    }

    /// What is due for each lease, oldest first; nothing where it can stay as it is.
    ///
    /// Of a closed purse all leases together keep the credit. The ledger takes charges from the oldest
    /// first; so what a lease is sure to have need not be kept in a younger one.
    pub(super) fn dues(&self) -> Vec<Option<Asked>> {
        let mut rest = Amount::new(self.credit.max(0)).unwrap_or(Amount::ZERO);
        let due = |lease: &Lease| {
            let keep = rest.min(lease.most);
            rest = rest.saturating_sub(lease.least.min(keep));
            self.due_for(lease, keep)
        };
        self.leases.iter().map(due).collect()
    }

    fn due_for(&self, lease: &Lease, keep: Amount) -> Option<Asked> {
        let is_sure = lease.least == lease.most && keep == lease.most;
        match (self.stage, lease.fate) {
            (Stage::Open, Fate::Alive) => lease.most.is_zero().then_some(Asked::Release),
            (Stage::Open, Fate::Ended) => None,
            (_, Fate::Alive) if keep.is_zero() => Some(Asked::Release),
            (_, Fate::Alive) => (!is_sure).then_some(Asked::Shrink { keep }),
            (_, Fate::Ended) => (self.credit <= 0).then_some(Asked::Release),
        }
    }

    /// Whether money is in it, or on its way back and the ledger has not confirmed it.
    pub(super) fn owes_money(&self) -> bool {
        let is_going = |lease: &Lease| lease.is_asked(|it| !matches!(it, Asked::Renew { .. }));
        self.stage == Stage::Open
            || self.leases.iter().any(is_going)
            || self.dues().iter().any(Option::is_some)
    }

    /// The leases that still pay, oldest first.
    pub(super) fn payers(&self) -> Vec<HoldId> {
        self.paying().map(|lease| lease.id).collect()
    }

    /// When the first of the leases that still pay ends.
    pub(super) fn expires(&self) -> Option<Ticks> {
        self.paying().map(|lease| lease.expires).min()
    }

    fn paying(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(|lease| !lease.is_asked(|asked| asked == Asked::Release))
    }
}

impl Lease {
    /// A lease as it was taken.
    pub(super) fn new(id: HoldId, amount: Amount, expires: Ticks, renew_at: Ticks) -> Self {
        let (most, least, exposure) = (amount, amount, Amount::ZERO);
        let (pending, fate) = (None, Fate::Alive);
        Self { id, granted: amount, most, least, exposure, expires, renew_at, pending, fate }
    }

    /// Whether nothing is under way with it.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_none()
    }

    /// Whether it is to be renewed from time to time.
    pub(super) fn lives(&self) -> bool {
        self.is_idle() && self.fate == Fate::Alive
    }

    fn is_asked(&self, which: impl FnOnce(Asked) -> bool) -> bool {
        self.pending.as_ref().is_some_and(|pending| which(pending.asked))
    }

    /// What is leased and not yet exposed.
    pub(super) fn unexposed(&self) -> Amount {
        self.most.saturating_sub(self.exposure)
    }

    /// Notes that it was asked for something. It may be done at once, or never.
    pub(super) fn ask(&mut self, ticket: Ticket, asked: Asked) {
        if let Asked::Shrink { keep } = asked {
            self.least = self.least.min(keep);
        }
        let (settled, again_at) = (Amount::ZERO, None);
        self.pending = Some(Pending { ticket, asked, settled, again_at });
    }

    /// Takes in that it was shrunk, and how much is left. What settled meanwhile may have been paid
    /// before or after.
    pub(super) fn shrunk(&mut self, left: Amount, settled: Amount) {
        self.most = self.most.min(left);
        self.least = left.saturating_sub(settled);
        self.exposure = self.exposure.min(self.most);
    }

    /// Takes in that it has ended, and was captured up to its exposure or given back.
    pub(super) fn ended(&mut self, state: Option<HoldState>) {
        self.fate = Fate::Ended;
        self.least = match state {
            Some(HoldState::Captured) => self.least.min(self.exposure),
            _ => Amount::ZERO,
        };
    }
}

/// Takes as much of `left` out of `amount` as there is, and says how much.
fn drain(amount: &mut Amount, left: &mut Amount) -> Amount {
    let paid = Amount::min(*left, *amount);
    *amount = amount.saturating_sub(paid);
    *left = left.saturating_sub(paid);
    paid
}
