//! Giving back what nobody will spend: all of a hold, or part of a lease.

use std::sync::Arc;

use keycap_base::Timestamp;

use super::tally::Tally;
use super::{Books, Step, Stop};
use crate::{AccountId, Amount, Claim, Counter, Fault, Hold, HoldId, HoldState, Outcome, Shelf};

impl<S: Shelf> Books<S> {
    /// Gives a hold back. A captured one is given back too: nothing was spent after all.
    pub(super) fn release(
        &mut self,
        account: &AccountId,
        id: HoldId,
        now: Timestamp,
    ) -> Step<Outcome, S> {
        let mut hold = self.known_hold(account, id)?;
        if is_live(&hold) {
            let mut tally = Tally::default();
            give_back(&mut self.shelf, &mut tally, &mut hold)?;
            hold.state = HoldState::Released;
            hold.ended_at = hold.ended_at.or(Some(now));
            tally.put(&mut self.shelf)?;
            self.shelf.put_hold(Arc::new(hold)).map_err(Stop::Shelf)?;
        }
        Ok(Outcome::Released)
    }

    /// Gives back all of a lease but `keep`. One that holds no more, or has ended, stays as it is:
    /// what settles took meanwhile is not taken again.
    pub(super) fn shrink(
        &mut self,
        account: &AccountId,
        id: HoldId,
        keep: Amount,
    ) -> Step<Outcome, S> {
        let mut lease = self.known_hold(account, id)?;
        if !matches!(lease.claim, Claim::Limit(..)) {
            return Err(Fault::NotALease(id).into());
        }
        if !lease.is_open() {
            return Ok(Outcome::Ended(lease.state));
        }
        // It was taken with one leg, and only a hold that is no lease is given another.
        let Some(leg) = lease.legs.first_mut() else {
            return Ok(Outcome::Shrunk { left: Amount::ZERO });
        };
        let left = leg.amount.min(keep);
        let back = leg.amount.saturating_sub(left);
        if !back.is_zero() {
            let mut tally = Tally::default();
            let less = |counter: Counter| Some(counter.held_less(back));
            tally.change(&mut self.shelf, &leg.counter(), less)?;
            leg.amount = left;
            lease.exposure = lease.exposure.map(|most| most.min(left));
            tally.put(&mut self.shelf)?;
            self.shelf.put_hold(Arc::new(lease)).map_err(Stop::Shelf)?;
        }
        Ok(Outcome::Shrunk { left })
    }
}

/// Gives back whatever a hold still has, set aside or captured.
pub(super) fn give_back<S: Shelf>(
    shelf: &mut S,
    tally: &mut Tally,
    hold: &mut Hold,
) -> Step<(), S> {
    for leg in &mut hold.legs {
        let (held, captured) = (leg.amount, leg.captured);
        if !held.is_zero() || !captured.is_zero() {
            tally.change(shelf, &leg.counter(), |counter| {
                Some(counter.held_less(held).spent_less(captured))
            })?;
        }
        (leg.amount, leg.captured) = (Amount::ZERO, Amount::ZERO);
    }
    Ok(())
}

/// Whether a settle can still end it.
pub(super) fn is_live(hold: &Hold) -> bool {
    matches!(hold.state, HoldState::Open | HoldState::Captured)
}
