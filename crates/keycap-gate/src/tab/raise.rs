//! Raising what an admitted request holds: by drawing more or, where that cannot be, by a hold of the
//! request's own beside what it drew.
//!
//! What must not change: totals are asked for one after the other, so that none is granted twice; and a
//! refusal leaves everything as it was.

use std::sync::Arc;

use keycap_budget::{Claim, Cost, CostError, Held, HoldId, HoldState, Meter, Operation, Outcome};

use super::drawn::Drawn;
use super::{State, Tab, unexpected};
use crate::leases::{Drawing, Recall, Untouched};
use crate::patience::{Patience, may_wait};
use crate::{Broken, Refusal};

/// How far a hold is raised.
#[derive(Clone)]
pub(crate) enum Raise {
    /// So that it covers this much in all.
    AtLeast(Cost),
    /// By this much.
    By(Cost),
    /// So that it covers this much, taken only while something is left on every limit.
    Room(Cost),
}

/// What a raise asks for.
struct Asked {
    /// The hold that is raised; a new one where there is none.
    hold: Option<HoldId>,
    /// All that the request is granted then.
    total: Cost,
    /// All that its own hold is granted then.
    own: Cost,
    /// What it was not granted before.
    more: Cost,
    untouched: Untouched,
}

impl Tab {
    /// Raises the hold, or takes one if there is none yet.
    async fn raise(self: &Arc<Self>, raise: Raise) -> Result<(), Refusal> {
        let _turn = self.raising.lock().await;
        let granted = self.state.lock().bill.granted.clone();
        let total = raise.total(&granted).map_err(Broken::misconfigured)?;
        let asked = Asked::of(&self.state.lock(), &raise, total);
        if self.draw_more(&asked) {
            return Ok(());
        }
        let mut recall = Recall::begin(&self.core, &self.known);
        let held = loop {
            let refusal = match self.hold_more(&asked).await {
                Ok(held) => break held,
                Err(refusal) => refusal,
            };
            if recall.after(&refusal).await.is_break() {
                return Err(refusal);
            }
        };
        self.core.leasing.note_held(&self.known, &asked.claim(), &held);
        let mut state = self.state.lock();
        state.bill.granted = asked.total;
        state.standings = self.core.leasing.shown_all(held.standings);
        if let Some(drawn) = &mut state.drawn {
            drawn.add_own(&asked.more);
            state.own = asked.own;
        }
        Ok(())
    }

    /// Draws what is asked for beyond what is granted, if that can be drawn. Not where the request has
    /// a hold of its own: that is raised.
    fn draw_more(&self, asked: &Asked) -> bool {
        let (core, known) = (&self.core, &*self.known);
        let mut state = self.state.lock();
        if state.hold.is_some() {
            return false;
        }
        let drawing = Drawing::begin(&core.leasing, known, core.clock.moment().ticks);
        let none = Drawn::default();
        let before = state.drawn.as_ref().unwrap_or(&none);
        let from = |limit, till: &_| before.purse(limit, till);
        let drawing = drawing.draw_all(&asked.more, asked.untouched, from);
        let Some(drawing) = drawing.filter(|drawing| before.has_room_for(drawing.limits())) else {
            return false;
        };
        let draws = drawing.finish();
        let State { drawn, said, bill, .. } = &mut *state;
        let unsent = |meter: &Meter| said.unsent(meter);
        let drawn = drawn.get_or_insert_default();
        drawn.add(draws, known, unsent);
        drawn.cover(known, core);
        bill.granted = asked.total.clone();
        true
    }

    /// Asks the ledger for what is asked for beyond what is granted.
    async fn hold_more(self: &Arc<Self>, asked: &Asked) -> Result<Held, Refusal> {
        if let Some(hold) = asked.hold {
            return self.extend(hold, &asked.own).await;
        }
        let mut place = Some(self.core.place_inside()?);
        let claim = asked.claim();
        let (hold, held) = self.core.take_hold(&self.known, claim, &mut place).await?;
        self.state.lock().hold = Some(hold);
        self.core.open_tabs.insert(hold, self);
        Ok(held)
    }

    /// Raises the hold, and tries again for as long as there is patience for what others hold.
    pub(crate) async fn raise_waiting(
        self: &Arc<Self>,
        raise: Raise,
        mut patience: Patience,
    ) -> Result<(), Refusal> {
        loop {
            let Err(refusal) = self.raise(raise.clone()).await else { return Ok(()) };
            if !may_wait(&refusal) || self.core.wait(&mut patience).await.is_break() {
                return Err(refusal);
            }
        }
    }

    async fn extend(&self, hold: HoldId, total: &Cost) -> Result<Held, Refusal> {
        let operation = Operation::Extend {
            account: self.known.account().clone(),
            hold,
            granted: total.clone(),
            exposure: None,
            life: self.core.hold_life,
        };
        match self.core.ask(operation).await? {
            Outcome::Held(held) => Ok(held),
            Outcome::Refused(shortfall) => Err(self.core.shortfall(*shortfall, &self.known)),
            Outcome::Ended(state) => Err(ended(state).into()),
            other => Err(unexpected(&other).into()),
        }
    }
}

impl Asked {
    fn of(state: &State, raise: &Raise, total: Cost) -> Self {
        // Without any hold, what was granted was only noted.
        let held = state.hold.is_some() || state.drawn.is_some();
        let more = if held { total.minus_saturating(&state.bill.granted) } else { total.clone() };
        let own = match &state.drawn {
            Some(_) => state.own.plus(&more).unwrap_or_else(|_| more.clone()),
            None => total.clone(),
        };
        let untouched = match raise {
            Raise::Room(_) => Untouched::NeedsRoom,
            Raise::AtLeast(_) | Raise::By(_) => Untouched::Free,
        };
        Self { hold: state.hold, total, own, more, untouched }
    }

    fn claim(&self) -> Claim {
        match self.untouched {
            Untouched::NeedsRoom => Claim::Room(self.more.clone()),
            Untouched::Free => Claim::Chain(self.more.clone()),
        }
    }
}

impl Raise {
    fn total(&self, granted: &Cost) -> Result<Cost, CostError> {
        match self {
            Self::AtLeast(cost) | Self::Room(cost) => granted.plus(&cost.minus_saturating(granted)),
            Self::By(cost) => granted.plus(cost),
        }
    }
}

/// A hold that ended under its owner: it was not renewed in time.
fn ended(state: HoldState) -> Broken {
    Broken::ledger_unavailable(format!("the request's hold has ended ({state:?})"))
}
