//! Ending holds that nobody will: their owner is dead, or their time is up.

use std::sync::Arc;

use keycap_base::Timestamp;

use super::tally::Tally;
use super::{Books, MAX_SWEEP, Step, Stop};
use crate::{Amount, Counter, Hold, HoldState, OnExpiry, Outcome, Progress, Shelf, Sweep};

impl<S: Shelf> Books<S> {
    /// Ends up to [`MAX_SWEEP`] holds as each says.
    pub(super) fn sweep(&mut self, sweep: &Sweep, now: Timestamp) -> Step<Outcome, S> {
        let found = self.shelf.open_holds(sweep, now, MAX_SWEEP).map_err(Stop::Shelf)?;
        let holds = found.len();
        for hold in found {
            self.expire(Hold::clone(&hold), now)?;
        }
        let progress = if holds == MAX_SWEEP { Progress::More } else { Progress::Done };
        Ok(Outcome::Swept { holds, progress })
    }

    /// Captures a hold up to its exposure and gives the rest back, or gives all of it back.
    fn expire(&mut self, mut hold: Hold, now: Timestamp) -> Step<(), S> {
        let mut tally = Tally::default();
        for leg in &mut hold.legs {
            let captured = match hold.on_expiry {
                OnExpiry::Capture => hold.exposure.map_or(leg.amount, |most| most.min(leg.amount)),
                OnExpiry::Release => Amount::ZERO,
            };
            let held = leg.amount;
            if !held.is_zero() {
                let capture = |counter: Counter| counter.held_less(held).spent_more(captured);
                tally.change(&mut self.shelf, &leg.counter(), capture)?;
            }
            (leg.amount, leg.captured) = (Amount::ZERO, captured);
        }
        hold.state = match hold.on_expiry {
            OnExpiry::Capture => HoldState::Captured,
            OnExpiry::Release => HoldState::Released,
        };
        hold.ended_at = Some(now);
        tally.put(&mut self.shelf)?;
        self.shelf.put_hold(Arc::new(hold)).map_err(Stop::Shelf)
    }
}
