//! Giving back: closing purses, and returning to the ledger what nobody has drawn.

use super::{COOL_DOWN, Leases, Life, Step, Wanted};
use crate::lease::purse_state::{PurseState, Stage};
use crate::lease::{Action, LimitAt, PurseId};
use crate::{AccountId, Amount};

impl Leases {
    /// The limit is at its end: what is here goes back, and nothing is taken for a while.
    pub(super) fn short(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        self.call_back(limit, step);
        if let Some(state) = self.limits.get_mut(limit) {
            state.cool_until = Some(step.now.plus(COOL_DOWN));
        }
    }

    /// Takes back what can be drawn, what was put back late, and what is on its way.
    pub(super) fn call_back(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        let closed = |purse: &PurseState| purse.limit == *limit && purse.stage == Stage::Closed;
        let closed = self.purses.iter().filter(|(_, purse)| closed(purse));
        step.actions.extend(closed.map(|(id, _)| Action::Withdraw(*id)));
        let Some(state) = self.limits.get_mut(limit) else { return };
        if let Some(acquiring) = &mut state.acquiring {
            acquiring.wanted = Wanted::NoMore;
        }
        if let Some(purse) = state.current {
            self.close(purse, step);
        }
    }

    pub(super) fn amended(&mut self, account: &AccountId, step: &mut Step<'_>) {
        let of_it = |limit: &&LimitAt| limit.account == *account;
        let limits: Vec<LimitAt> = self.limits.keys().filter(of_it).cloned().collect();
        limits.iter().for_each(|limit| self.call_back(limit, step));
    }

    pub(super) fn shut_down(&mut self, step: &mut Step<'_>) {
        self.stage = Life::ShuttingDown;
        let limits: Vec<LimitAt> = self.limits.keys().cloned().collect();
        limits.iter().for_each(|limit| self.call_back(limit, step));
    }

    /// Lets nobody draw from a purse any more. What was in it is heard of by [`Event::Withdrawn`].
    pub(super) fn close(&mut self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get_mut(&id) else { return };
        purse.stage = Stage::Closed;
        if let Some(state) = self.limits.get_mut(&purse.limit) {
            state.current = state.current.filter(|current| *current != id);
            state.last = None;
        }
        step.actions.push(Action::Close(id));
    }

    pub(super) fn settled(&mut self, id: PurseId, amount: Amount, step: &mut Step<'_>) {
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.settle(amount);
            self.give_back(id, step);
        }
    }

    pub(super) fn withdrawn(&mut self, id: PurseId, amount: Amount, step: &mut Step<'_>) {
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.credit = purse.credit.saturating_sub(amount.units());
            self.give_back(id, step);
        }
    }

    /// Gives back to the ledger what no purse has and nobody has drawn.
    pub(super) fn give_back(&mut self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        if purse.leases.is_empty() {
            return self.emptied(id, step);
        }
        let idle = purse.leases.iter().zip(purse.dues()).filter(|(lease, _)| lease.is_idle());
        let due: Vec<_> = idle.filter_map(|(lease, due)| Some((lease.id, due?))).collect();
        for (lease, asked) in due {
            self.ask_about(id, lease, asked, step);
        }
    }

    /// No lease is behind the purse any more. A closed one is done with; an open one waits for the lease
    /// that is on its way, if there is one.
    fn emptied(&mut self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        let acquiring = self.limits.get(&purse.limit).is_some_and(|it| it.acquiring.is_some());
        match purse.stage {
            Stage::Closed => {
                self.purses.remove(&id);
                step.actions.push(Action::Forget(id));
            }
            Stage::Unopened => {
                self.purses.remove(&id);
            }
            Stage::Open if !acquiring => self.close(id, step),
            Stage::Open => {}
        }
    }
}
