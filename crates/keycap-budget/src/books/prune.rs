//! Forgetting what retention no longer needs, without losing what it counted (I2).

use keycap_base::Timestamp;

use super::{Books, MAX_SWEEP, Step, Stop};
use crate::{Amount, Counter, CounterKey, Horizon, Outcome, Presence, Progress, Shelf};

impl<S: Shelf> Books<S> {
    /// Forgets up to [`MAX_SWEEP`] rows of each kind: ended holds older than the life of ids, charges
    /// past their retention, and counters a period past the end of their window.
    pub(super) fn prune(&mut self, now: Timestamp) -> Step<Outcome, S> {
        let before = self.shelf.horizon().map_err(Stop::Shelf)?;
        let horizon = Horizon {
            pruned_at: before.pruned_at.max(now),
            ids: before.ids.max(now.minus(self.retention.ids)),
        };
        if horizon != before {
            self.shelf.put_horizon(horizon).map_err(Stop::Shelf)?;
        }
        let kinds = [self.prune_holds(now)?, self.prune_charges(now)?, self.prune_counters(now)?];
        let progress = if kinds.contains(&MAX_SWEEP) { Progress::More } else { Progress::Done };
        Ok(Outcome::Pruned { rows: kinds.iter().sum(), progress })
    }

    fn prune_holds(&mut self, now: Timestamp) -> Step<usize, S> {
        let before = now.minus(self.retention.ids);
        let holds = self.shelf.ended_holds(before, MAX_SWEEP).map_err(Stop::Shelf)?;
        for hold in &holds {
            for leg in &hold.legs {
                self.carry(&leg.counter(), leg.captured)?;
            }
            self.shelf.drop_hold(&hold.root, hold.id).map_err(Stop::Shelf)?;
        }
        Ok(holds.len())
    }

    fn prune_charges(&mut self, now: Timestamp) -> Step<usize, S> {
        let before = now.minus(self.retention.charges);
        let charges = self.shelf.old_charges(before, MAX_SWEEP).map_err(Stop::Shelf)?;
        for charge in &charges {
            for leg in &charge.legs {
                self.carry(&leg.counter(), leg.amount.saturating_sub(leg.refunded))?;
            }
            self.shelf.drop_charge(&charge.root, charge.id).map_err(Stop::Shelf)?;
        }
        Ok(charges.len())
    }

    fn prune_counters(&mut self, now: Timestamp) -> Step<usize, S> {
        let keys = self.shelf.stale_counters(now, MAX_SWEEP).map_err(Stop::Shelf)?;
        for key in &keys {
            self.shelf.drop_counter(key).map_err(Stop::Shelf)?;
        }
        Ok(keys.len())
    }

    /// Keeps an amount whose row goes, as long as its counter stays.
    fn carry(&mut self, key: &CounterKey, amount: Amount) -> Step<(), S> {
        let there = self.shelf.has_counter(key).map_err(Stop::Shelf)? == Presence::There;
        if there && !amount.is_zero() {
            let counter = self.shelf.counter(key).map_err(Stop::Shelf)?;
            let carried = counter.carried.saturating_add(amount);
            let counter = Counter { carried, ..counter };
            self.shelf.put_counter(key, counter).map_err(Stop::Shelf)?;
        }
        Ok(())
    }
}
