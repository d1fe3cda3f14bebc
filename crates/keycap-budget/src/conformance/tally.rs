//! A naive account of the root's lifetime counters, kept by the suite itself.
//!
//! It knows what was asked and whether the ledger said yes, and adds up in 128 bits. The root stands
//! in every chain under it and its limits never change, so that no rule about windows, chains or
//! amendments is needed to know what its counters must show (I2).

use std::collections::{BTreeMap, BTreeSet};

use super::Failure;
use super::world::ROOT;
use crate::{
    AccountId, Amount, ChargeId, Claim, Cost, Decided, HoldId, Meter, NewCharge, NewHold, OnExpiry,
    Operation, Outcome, Period, Rest, Snapshot,
};

const METERS: [Meter; 3] = [Meter::USD, Meter::TOKENS, Meter::REQUESTS];

type Sums = [i128; 3];

/// What one hold has on the root.
#[derive(Clone, Debug)]
struct Held {
    granted: Sums,
    left: Sums,
    /// For a lease: the most that may be spent and not yet recorded.
    exposure: Option<i128>,
    is_lease: bool,
    on_expiry: OnExpiry,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Captured,
    Ended,
}

/// What the root's counters must show.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    holds: BTreeMap<HoldId, Held>,
    charges: BTreeSet<ChargeId>,
    refunds: BTreeSet<ChargeId>,
    spent: Sums,
}

impl Tally {
    /// Notes what was asked and answered, and compares with what the ledger shows now.
    pub(super) fn note(
        &mut self,
        operation: &Operation,
        answer: &Decided,
        before: &Snapshot,
        after: &Snapshot,
    ) -> Result<(), Failure> {
        if let Ok(outcome) = answer {
            self.count(operation, outcome, before);
        }
        self.follow(after);
        self.compare(after)
    }

    fn count(&mut self, operation: &Operation, outcome: &Outcome, before: &Snapshot) {
        match (operation, outcome) {
            (Operation::Hold(new), Outcome::Held(_)) if is_under_root(&new.account, before) => {
                self.hold(new);
            }
            (Operation::Extend { account, hold, granted, exposure, .. }, Outcome::Held(_))
                if is_under_root(account, before) =>
            {
                self.extend(*hold, granted, *exposure);
            }
            (Operation::Charge(charge), Outcome::Recorded(_)) => {
                self.settle(charge, &[], Rest::Keep, before);
            }
            (Operation::Settle { charge, holds, rest }, Outcome::Recorded(_)) => {
                self.settle(charge, holds, *rest, before);
            }
            (Operation::Release { account, hold }, Outcome::Released)
                if is_under_root(account, before) =>
            {
                self.end(*hold);
            }
            (Operation::Shrink { account, hold, keep }, Outcome::Shrunk { .. })
                if is_under_root(account, before) =>
            {
                self.shrink(*hold, wide(*keep));
            }
            (Operation::Refund { id, account, cost, .. }, Outcome::Refunded(_))
                if is_under_root(account, before) && self.refunds.insert(*id) =>
            {
                less(&mut self.spent, &sums(cost));
            }
            _ => {}
        }
    }

    fn hold(&mut self, new: &NewHold) {
        let lies = |limit_account: &AccountId, period: &Period| {
            limit_account.as_str() == ROOT && *period == Period::lifetime()
        };
        let left = match &new.claim {
            Claim::Chain(cost) | Claim::Room(cost) => sums(cost),
            Claim::Limit(key, amount) if lies(&new.account, &key.period) => {
                METERS.map(|meter| if meter == key.meter { wide(*amount) } else { 0 })
            }
            Claim::Limit(..) => Sums::default(),
        };
        self.holds.entry(new.id).or_insert(Held {
            granted: left,
            left,
            exposure: new.exposure.map(wide),
            is_lease: matches!(new.claim, Claim::Limit(..)),
            on_expiry: new.on_expiry,
            state: State::Open,
        });
    }

    fn extend(&mut self, id: HoldId, granted: &Cost, exposure: Option<Amount>) {
        let Some(held) = self.holds.get_mut(&id) else { return };
        if let (Some(most), Some(raised)) = (held.exposure, exposure) {
            held.exposure = Some(most.max(wide(raised)));
        }
        if held.is_lease {
            return;
        }
        for ((had, left), asked) in held.granted.iter_mut().zip(&mut held.left).zip(sums(granted)) {
            let more = (asked - *had).max(0);
            (*had, *left) = (*had + more, *left + more);
        }
    }

    fn settle(&mut self, charge: &NewCharge, ids: &[HoldId], rest: Rest, before: &Snapshot) {
        if !is_under_root(&charge.account, before) || !self.charges.insert(charge.id) {
            return;
        }
        let mut left = sums(&charge.cost);
        more(&mut self.spent, &left);
        for (place, id) in ids.iter().enumerate() {
            let is_repeated = ids.iter().take(place).any(|other| other == id);
            let Some(held) = self.holds.get_mut(id).filter(|_| !is_repeated) else { continue };
            for (owed, paid_from) in left.iter_mut().zip(&mut held.left) {
                let paid = (*owed).min(*paid_from);
                (*owed, *paid_from) = (*owed - paid, *paid_from - paid);
                held.exposure = held.exposure.map(|most| (most - paid).max(0));
            }
            if rest == Rest::Release {
                self.end(*id);
            }
        }
    }

    /// Gives back what a lease has above `keep`, on the one limit it lies on.
    fn shrink(&mut self, id: HoldId, keep: i128) {
        if let Some(held) = self.holds.get_mut(&id) {
            held.left = held.left.map(|left| left.min(keep));
        }
    }

    /// Gives back what a hold still has.
    fn end(&mut self, id: HoldId) {
        if let Some(held) = self.holds.get_mut(&id) {
            (held.left, held.state) = (Sums::default(), State::Ended);
        }
    }

    /// Follows sweeps and prunings: which holds ended is asked of the ledger, what it means is not.
    fn follow(&mut self, after: &Snapshot) {
        let under = |id: &HoldId| {
            after.holds.iter().find(|hold| hold.id == *id && hold.root.as_str() == ROOT)
        };
        let mut kept = Sums::default();
        self.holds.retain(|id, held| {
            let Some(hold) = under(id) else {
                // Its capture stands for good.
                more(&mut kept, &held.left);
                return false;
            };
            let was_swept = held.state == State::Open && !hold.is_open();
            if was_swept {
                (held.state, held.left) = match held.on_expiry {
                    OnExpiry::Release => (State::Ended, Sums::default()),
                    OnExpiry::Capture => (
                        State::Captured,
                        held.left.map(|left| held.exposure.map_or(left, |most| most.min(left))),
                    ),
                };
            }
            true
        });
        more(&mut self.spent, &kept);
    }

    fn compare(&self, after: &Snapshot) -> Result<(), Failure> {
        for (place, meter) in METERS.iter().enumerate() {
            let at = |sums: &Sums| sums.get(place).copied().unwrap_or_default();
            let of = |state: State| -> i128 {
                let in_state = self.holds.values().filter(|held| held.state == state);
                in_state.map(|held| at(&held.left)).sum()
            };
            let expected = (at(&self.spent) + of(State::Captured), of(State::Open));
            let shown = shown(meter, after);
            if shown != expected {
                return Err(format!(
                    "I2: {ROOT} shows {shown:?} {meter} spent and held, and it should be {expected:?}"
                )
                .into());
            }
        }
        Ok(())
    }
}

fn shown(meter: &Meter, snapshot: &Snapshot) -> (i128, i128) {
    let mut counters = snapshot.counters.iter().filter(|(key, _)| {
        key.account.as_str() == ROOT
            && key.limit.meter == *meter
            && key.limit.period == Period::lifetime()
    });
    counters
        .next()
        .map(|(_, counter)| (wide(counter.spent), wide(counter.held)))
        .unwrap_or_default()
}

fn is_under_root(id: &AccountId, snapshot: &Snapshot) -> bool {
    let mut accounts = snapshot.accounts.iter();
    accounts.any(|account| account.id == *id && account.root.as_str() == ROOT)
}

fn sums(cost: &Cost) -> Sums {
    METERS.map(|meter| wide(cost.amount(&meter)))
}

fn wide(amount: Amount) -> i128 {
    i128::from(amount.units())
}

fn more(sums: &mut Sums, other: &Sums) {
    sums.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}

fn less(sums: &mut Sums, other: &Sums) {
    sums.iter_mut().zip(other).for_each(|(sum, other)| *sum -= other);
}
