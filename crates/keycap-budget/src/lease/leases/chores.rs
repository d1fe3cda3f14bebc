//! What is due as time passes: windows end, leases are renewed or, where nobody uses them, returned,
//! unanswered questions are asked again.

use keycap_base::Ticks;

use super::{Leases, LimitState, Step};
use crate::lease::purse_state::{Asked, PurseState, Stage};
use crate::lease::{Action, LimitAt, PurseId, Use};
use crate::{Amount, HoldId};

impl Leases {
    pub(super) fn tick(&mut self, step: &mut Step<'_>) {
        let purses: Vec<PurseId> = self.purses.keys().copied().collect();
        for id in purses {
            self.tend(id, step);
        }
        let due = |state: &LimitState| {
            state.acquiring.as_ref().and_then(|it| it.again_at).is_some_and(|at| at <= step.now)
        };
        let unanswered = self.limits.iter().filter(|(_, state)| due(state));
        let unanswered: Vec<LimitAt> = unanswered.map(|(limit, _)| limit.clone()).collect();
        for limit in unanswered {
            self.ask_to_hold(&limit, step);
        }
        self.limits.retain(|_, state| !state.is_over(step.now));
    }

    fn tend(&mut self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        let ended = purse.ends.is_some_and(|ends| ends <= step.now);
        if ended && purse.stage == Stage::Open {
            return self.close(id, step);
        }
        let again: Vec<(HoldId, Asked)> = purse.unanswered(step.now).collect();
        for (lease, asked) in again {
            self.ask_about(id, lease, asked, step);
        }
        self.renew_due(id, step);
    }

    /// Looks at a purse whose leases are due for renewal. One that is closed has something out, so it is
    /// renewed in any case.
    fn renew_due(&mut self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        let due: Vec<HoldId> = purse.due(step.now).collect();
        match purse.stage {
            _ if due.is_empty() => {}
            Stage::Open => step.actions.push(Action::Look(id)),
            Stage::Closed => {
                step.actions.push(Action::Withdraw(id));
                for lease in due {
                    self.keep(id, lease, step);
                }
            }
            // Its lease is on its way back.
            Stage::Unopened => {}
        }
    }

    /// Renews a lease without exposing more of it.
    fn keep(&mut self, purse: PurseId, lease: HoldId, step: &mut Step<'_>) {
        if let Some(exposure) = self.lease(purse, lease).map(|lease| lease.exposure) {
            let more = Amount::ZERO;
            self.ask_about(purse, lease, Asked::Renew { exposure, more }, step);
        }
    }

    /// A purse that was looked at: kept if somebody draws from it, given back if not.
    pub(super) fn looked(&mut self, id: PurseId, seen: Use, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id).filter(|purse| purse.stage == Stage::Open) else {
            return;
        };
        if seen == Use::Unused {
            return self.close(id, step);
        }
        let due: Vec<HoldId> = purse.due(step.now).collect();
        for lease in due {
            self.keep(id, lease, step);
        }
    }

    /// When something is due next, if ever.
    #[must_use]
    pub fn next_at(&self) -> Option<Ticks> {
        let purses = self.purses.values().filter_map(PurseState::next_at);
        let limits = self.limits.values().filter_map(LimitState::next_at);
        purses.chain(limits).min()
    }
}

impl PurseState {
    /// What was asked, got no answer and is to be asked again.
    fn unanswered(&self, now: Ticks) -> impl Iterator<Item = (HoldId, Asked)> {
        self.leases.iter().filter_map(move |lease| {
            let pending = lease.pending.as_ref()?;
            pending.again_at.filter(|at| *at <= now).map(|_| (lease.id, pending.asked))
        })
    }

    /// The leases that are to be renewed.
    fn due(&self, now: Ticks) -> impl Iterator<Item = HoldId> {
        let due = self.leases.iter().filter(move |lease| lease.lives() && lease.renew_at <= now);
        due.map(|lease| lease.id)
    }

    fn next_at(&self) -> Option<Ticks> {
        let ends = self.ends.filter(|_| self.stage == Stage::Open);
        let leases = self.leases.iter().filter_map(|lease| match &lease.pending {
            Some(pending) => pending.again_at,
            None => lease.lives().then_some(lease.renew_at),
        });
        leases.chain(ends).min()
    }
}

impl LimitState {
    /// Whether nothing about the limit needs to be remembered.
    fn is_over(&self, now: Ticks) -> bool {
        let cool = self.cool_until.is_none_or(|until| until <= now);
        self.current.is_none() && self.acquiring.is_none() && cool && !self.demand.is_recent(now)
    }

    fn next_at(&self) -> Option<Ticks> {
        match (&self.acquiring, self.current) {
            (Some(acquiring), _) => acquiring.again_at,
            (None, Some(_)) => None,
            (None, None) => self.demand.fades_at().max(self.cool_until),
        }
    }
}
