//! Taking leases: when one is worth it, and when more of one is to be exposed.

use super::answers::Subject;
use super::{Acquiring, EXPOSURE_STEPS, Leases, Life, Step, Wanted};
use crate::lease::demand::Sizing;
use crate::lease::purse_state::{Asked, Level, PurseState, Stage};
use crate::lease::{LimitAt, MAX_LEASES_A_PURSE, PurseId};
use crate::{Amount, Claim, HoldId, NewHold, Operation};

impl Leases {
    pub(super) fn held(
        &mut self,
        limit: &LimitAt,
        amount: Amount,
        left: Amount,
        step: &mut Step<'_>,
    ) {
        if !self.limits.contains_key(limit) && self.limits.len() >= self.settings.limits {
            return;
        }
        let state = self.limits.entry(limit.clone()).or_default();
        state.demand.note(amount, step.now);
        state.left = left;
        match state.current {
            Some(current) => self.low(current, step),
            None if state.demand.is_steady(self.settings.steady, step.now) => {
                self.acquire(limit, step)
            }
            None => {}
        }
    }

    /// Notes that a purse is nearly empty, and tops it up.
    pub(super) fn low(&mut self, id: PurseId, step: &mut Step<'_>) {
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.level = Level::Low;
            self.top_up(id, step);
        }
    }

    /// Exposes more of the newest lease or, where all of it is, takes another. What is under way comes
    /// first: its answer leads here again.
    pub(super) fn top_up(&mut self, id: PurseId, step: &mut Step<'_>) {
        let is_wanting = |it: &&PurseState| it.stage == Stage::Open && it.level == Level::Low;
        let Some(purse) = self.purses.get(&id).filter(is_wanting) else { return };
        match purse.leases.last() {
            Some(newest) if !newest.unexposed().is_zero() => {
                let newest = newest.id;
                self.renew(id, newest, step);
            }
            _ if purse.leases.len() < MAX_LEASES_A_PURSE => {
                let limit = purse.limit.clone();
                self.acquire(&limit, step);
            }
            _ => {}
        }
    }

    /// Asks for a lease, if one is worth it and none is on its way.
    pub(super) fn acquire(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        let Some(state) = self.limits.get_mut(limit) else { return };
        let cool = state.cool_until.is_none_or(|until| until <= step.now);
        if self.stage == Life::ShuttingDown || state.acquiring.is_some() || !cool {
            return;
        }
        let last = state.last.map(|(amount, at)| (amount, step.now.since(at)));
        let (left, settings) = (state.left, &self.settings);
        let Some(amount) = (Sizing { demand: &state.demand, last, left, settings }).size() else {
            return;
        };
        let id = (step.fresh)();
        let (ticket, again_at, wanted) = (None, None, Wanted::Yes);
        state.acquiring = Some(Acquiring { id, amount, ticket, again_at, wanted });
        self.ask_to_hold(limit, step);
    }

    /// Sends the hold that is being acquired, once or once more.
    pub(super) fn ask_to_hold(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        let Some(state) = self.limits.get_mut(limit) else { return };
        let Some(acquiring) = &mut state.acquiring else { return };
        acquiring.again_at = None;
        let before = acquiring.ticket.take();
        let operation = Operation::Hold(NewHold {
            id: acquiring.id,
            account: limit.account.clone(),
            claim: Claim::Limit(limit.limit.clone(), acquiring.amount),
            owner: self.owner,
            life: self.settings.life,
            on_expiry: self.settings.on_expiry,
            // Raised once it is known: a hold that arrives after it was given up costs nothing.
            exposure: Some(Amount::ZERO),
        });
        let ticket = self.ask(Subject::Limit(limit.clone()), operation, before, step);
        if let Some(acquiring) = self.limits.get_mut(limit).and_then(|it| it.acquiring.as_mut()) {
            acquiring.ticket = Some(ticket);
        }
    }

    /// Renews a lease, and exposes one more step of it.
    pub(super) fn renew(&mut self, purse: PurseId, lease: HoldId, step: &mut Step<'_>) {
        let Some(state) = self.lease(purse, lease).filter(|lease| lease.lives()) else { return };
        let more = one_step(state.granted).min(state.unexposed());
        let exposure = state.exposure.saturating_add(more);
        self.ask_about(purse, lease, Asked::Renew { exposure, more }, step);
    }
}

/// One step of exposure of a lease that was so much when it was taken: at least one unit.
fn one_step(amount: Amount) -> Amount {
    let step = (amount.units() / EXPOSURE_STEPS).max(1);
    Amount::new(step).unwrap_or(amount).min(amount)
}
