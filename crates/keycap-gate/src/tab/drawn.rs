//! What a request drew from purses, and what of it is spoken for.
//!
//! What must not change: every unit that was drawn is put back, or told as settled once its charge is
//! on record. A charge names the tab's own hold first, where it has one, so that what the leases pay is
//! what is left; the books pay in that order.

use std::sync::Arc;

use keycap_budget::lease::{Drawn as Draw, Purse};
use keycap_budget::{Amount, ChargeId, Cost, HoldId, Meter, NewCharge, Operation, Rest, Standing};
use smallvec::SmallVec;

use crate::core::Core;
use crate::known_key::KnownKey;
use crate::leases::{self, MAX_PURSES_A_REQUEST, Till};

/// What one request drew.
#[derive(Default)]
pub(super) struct Drawn {
    parts: SmallVec<[Part; 4]>,
    /// What its own hold, if it has one, still pays.
    own: Cost,
    /// What its own hold pays of charges that are under way.
    paid: SmallVec<[(ChargeId, Cost); 1]>,
}

/// What it drew on one limit.
struct Part {
    /// Which limit of its chain, leaf first.
    limit: usize,
    purse: Arc<Purse>,
    /// All that is drawn and not put back.
    drawn: Amount,
    /// The part of it that charges name which were sent.
    told: Amount,
    /// What charges cost that were not sent yet.
    unsent: Amount,
}

impl Part {
    /// What must stay drawn, where its own hold still pays `own`.
    fn needed(&self, own: Amount) -> Amount {
        plus(self.told, self.unsent.saturating_sub(own))
    }
}

impl Drawn {
    /// Adds what was drawn. `unsent` says what charges cost that were not sent yet: they are paid from
    /// here as well, and are to be [covered](Self::cover).
    pub(super) fn add(
        &mut self,
        draws: impl IntoIterator<Item = leases::Draw>,
        known: &KnownKey,
        unsent: impl Fn(&Meter) -> Amount,
    ) {
        for draw in draws {
            match self.parts.iter_mut().find(|part| part.limit == draw.limit) {
                Some(part) => part.drawn = plus(part.drawn, draw.amount),
                None => {
                    let meter = known.tills.get(draw.limit).map(|till| &till.at.limit.meter);
                    let unsent = meter.map_or(Amount::ZERO, &unsent);
                    let leases::Draw { limit, purse, amount: drawn } = draw;
                    self.parts.push(Part { limit, purse, drawn, told: Amount::ZERO, unsent });
                }
            }
        }
    }

    /// Adds what the tab's own hold was granted.
    pub(super) fn add_own(&mut self, granted: &Cost) {
        self.own = self.own.plus(granted).unwrap_or_else(|_| granted.clone());
    }

    /// The purse that more is to be drawn from on a limit: the same as before, so that one window and
    /// one purse pay. None where the request has drawn from another than is open now.
    pub(super) fn purse(&self, limit: usize, till: &Till) -> Option<Arc<Purse>> {
        let open = till.purse()?;
        let before = self.parts.iter().find(|part| part.limit == limit);
        before.is_none_or(|part| Arc::ptr_eq(&part.purse, &open)).then_some(open)
    }

    /// Whether a charge can name the leases of all purses, if these limits are drawn on as well.
    pub(super) fn has_room_for(&self, limits: impl Iterator<Item = usize>) -> bool {
        let is_new = |limit: &usize| self.parts.iter().all(|part| part.limit != *limit);
        self.parts.len() + limits.filter(is_new).count() <= MAX_PURSES_A_REQUEST
    }

    /// Notes a cost that will be charged, and sees to it that it is drawn: what is not there is
    /// overdrawn.
    pub(super) fn owe(&mut self, cost: &Cost, known: &KnownKey, core: &Core) {
        for part in &mut self.parts {
            let Some(till) = known.tills.get(part.limit) else { continue };
            part.unsent = plus(part.unsent, cost.amount(&till.at.limit.meter));
        }
        self.cover(known, core);
    }

    /// Sees to it that all charges are drawn that are not on record: what is not there is overdrawn.
    pub(super) fn cover(&mut self, known: &KnownKey, core: &Core) {
        for part in &mut self.parts {
            let Some(till) = known.tills.get(part.limit) else { continue };
            let needed = part.needed(self.own.amount(&till.at.limit.meter));
            let more = needed.saturating_sub(part.drawn);
            if more.is_zero() {
                continue;
            }
            match part.purse.draw(more, core.clock.moment().ticks) {
                Draw::Yes => {}
                Draw::Low => core.leasing.inbox.low(part.purse.id()),
                Draw::No => part.purse.overdraw(more),
            }
            part.drawn = needed;
        }
    }

    /// Puts back all that no charge is going to need. Says whether anything was.
    pub(super) fn put_rest_back(&mut self, known: &KnownKey, core: &Core) -> PutBack {
        let mut put_back = PutBack::Nothing;
        for part in &mut self.parts {
            let Some(till) = known.tills.get(part.limit) else { continue };
            let needed = part.needed(self.own.amount(&till.at.limit.meter));
            let rest = part.drawn.saturating_sub(needed);
            if !rest.is_zero() {
                core.leasing.put_back(till, &part.purse, rest);
                part.drawn = needed;
                put_back = PutBack::Something;
            }
        }
        put_back
    }

    /// The settle that a charge is, paid from the tab's own hold first and then from the leases behind
    /// its purses as they are now.
    pub(super) fn pay(
        &mut self,
        charge: NewCharge,
        own_hold: Option<HoldId>,
        known: &KnownKey,
    ) -> Operation {
        let mut holds: SmallVec<[HoldId; 8]> = own_hold.into_iter().collect();
        holds.extend(self.send(&charge.cost, known));
        let by_own = charge.cost.minus_saturating(&charge.cost.minus_saturating(&self.own));
        if !by_own.is_nothing() {
            self.own = self.own.minus_saturating(&by_own);
            self.paid.push((charge.id, by_own));
        }
        match holds.is_empty() {
            true => Operation::Charge(charge),
            false => Operation::Settle { charge, holds: holds.into_vec(), rest: Rest::Keep },
        }
    }

    /// Notes that a cost is sent. Says which leases pay for it.
    pub(super) fn send(&mut self, cost: &Cost, known: &KnownKey) -> SmallVec<[HoldId; 4]> {
        let mut holds = SmallVec::new();
        for part in &mut self.parts {
            let Some(till) = known.tills.get(part.limit) else { continue };
            let meter = &till.at.limit.meter;
            let amount = cost.amount(meter);
            if amount.is_zero() {
                continue;
            }
            part.unsent = part.unsent.saturating_sub(amount);
            part.told = plus(part.told, amount.saturating_sub(self.own.amount(meter)));
            holds.extend(part.purse.leases());
        }
        holds
    }

    /// What its own hold still pays of a meter.
    pub(super) fn own(&self, meter: &Meter) -> Amount {
        self.own.amount(meter)
    }

    /// Hears that a charge is on record, or not: what the leases paid of `share` is settled, or goes
    /// back.
    pub(super) fn hear(&mut self, share: &Cost, id: ChargeId, fate: Fate, tab: (&KnownKey, &Core)) {
        let (known, core) = tab;
        let at = self.paid.iter().position(|(charge, _)| *charge == id);
        let by_own = at.map(|at| self.paid.swap_remove(at).1).unwrap_or_default();
        let by_leases = share.minus_saturating(&by_own);
        for part in &mut self.parts {
            let Some(till) = known.tills.get(part.limit) else { continue };
            let amount = by_leases.amount(&till.at.limit.meter);
            part.told = part.told.saturating_sub(amount);
            part.drawn = part.drawn.saturating_sub(amount);
            match fate {
                Fate::OnRecord => core.leasing.settled(till, part.purse.id(), amount),
                Fate::Lost => core.leasing.put_back(till, &part.purse, amount),
            }
        }
    }

    /// How every limit of the chain stands as far as the node knows; the request's own part apart.
    pub(super) fn standings(&self, known: &KnownKey, core: &Core) -> Vec<Standing> {
        let now = core.clock.now();
        let own = |limit| self.parts.iter().find(|part| part.limit == limit);
        let all = known.tills.iter().enumerate();
        let standing = |(limit, till): (usize, &Arc<Till>)| {
            let standing = till.standing_at(now)?;
            let by_hold = self.own.amount(&till.at.limit.meter);
            let own = own(limit).map_or(by_hold, |part| plus(by_hold, part.drawn));
            Some(Standing { own: own.min(standing.held), ..standing })
        };
        all.filter_map(standing).collect()
    }
}

/// What became of a charge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    OnRecord,
    /// It is not on record, and never will be.
    Lost,
}

/// Whether something was put back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PutBack {
    Something,
    Nothing,
}

/// A sum of amounts within bounds, which no counter reaches.
fn plus(one: Amount, other: Amount) -> Amount {
    one.checked_add(other).unwrap_or(Amount::MAX_CAP)
}
