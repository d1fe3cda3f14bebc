//! What the manager makes of the ledger's answers.

use std::time::Duration;

use keycap_base::Ticks;

use super::{Leases, Step, Wanted};
use crate::lease::purse_state::{Asked, Lease, Level, PurseState, Stage};
use crate::lease::{Action, LimitAt, PurseId, Ticket};
use crate::{Decided, Held, HoldId, HoldState, Outcome, Standing};

/// How long after an asking without an answer the same is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a question was about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// A lease to be taken on this limit.
    Limit(LimitAt),
    /// A lease behind this purse.
    Lease(PurseId, HoldId),
}

impl Leases {
    pub(super) fn answered(
        &mut self,
        ticket: Ticket,
        asked_at: Ticks,
        answer: Option<Decided>,
        step: &mut Step<'_>,
    ) {
        match self.asked.remove(&ticket) {
            Some(Subject::Limit(limit)) => {
                self.acquired(&limit, asked_at, answer, step);
                self.after_acquiring(&limit, step);
            }
            Some(Subject::Lease(purse, lease)) => {
                self.answered_about(purse, lease, asked_at, answer, step);
            }
            None => {}
        }
    }

    /// Goes on with a purse that waited for a lease.
    fn after_acquiring(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        let Some(current) = self.limits.get(limit).and_then(|state| state.current) else { return };
        self.give_back(current, step);
        self.top_up(current, step);
    }

    /// The answer to a hold: a lease, or none.
    fn acquired(
        &mut self,
        limit: &LimitAt,
        asked_at: Ticks,
        answer: Option<Decided>,
        step: &mut Step<'_>,
    ) {
        let Some(state) = self.limits.get_mut(limit) else { return };
        let Some(answer) = answer else {
            if let Some(acquiring) = &mut state.acquiring {
                acquiring.again_at = Some(step.now.plus(ASK_AGAIN));
            }
            return;
        };
        let Some(acquiring) = state.acquiring.take() else { return };
        match answer {
            Ok(Outcome::Held(held)) => {
                let expires = asked_at.plus(held.expires_in);
                let renew_at = asked_at.plus(self.settings.renew_after());
                let lease = Lease::new(acquiring.id, acquiring.amount, expires, renew_at);
                self.leased(limit, lease, &held, acquiring.wanted, asked_at, step);
            }
            Ok(Outcome::Refused(shortfall)) => {
                state.left = shortfall.standing.remaining();
                state.cool_until = Some(step.now.plus(super::COOL_DOWN));
            }
            // An account or a limit that is gone, or an answer that makes no sense: no lease.
            Ok(_) | Err(_) => state.cool_until = Some(step.now.plus(super::COOL_DOWN)),
        }
    }

    /// Puts a new lease to use, or gives it back if it comes too late.
    fn leased(
        &mut self,
        limit: &LimitAt,
        lease: Lease,
        held: &Held,
        wanted: Wanted,
        asked_at: Ticks,
        step: &mut Step<'_>,
    ) {
        let found = standing_of(held, limit);
        let ends = found.and_then(|standing| standing.window.end);
        let ends = ends.map(|end| asked_at.plus(end.since(held.at)));
        let margin = self.settings.margin();
        let in_time = lease.expires.minus(margin) > step.now && ends.is_none_or(|at| at > step.now);
        // An id that was answered before may have ended since: then it has nothing of its own left.
        let Some(standing) = found.filter(|it| it.own >= lease.most) else {
            return self.unused(limit, lease, step);
        };
        let window = standing.window;
        if let Some(state) = self.limits.get_mut(limit) {
            state.left = standing.remaining();
            state.last = Some((lease.most, step.now));
        }
        if !in_time || wanted == Wanted::NoMore {
            return self.unused(limit, lease, step);
        }
        let purse = self.purse_for(limit, window, ends, step);
        self.add_lease(purse, lease, step);
    }

    /// The purse that a lease of this window goes to: the open one, or a new one.
    fn purse_for(
        &mut self,
        limit: &LimitAt,
        window: crate::Window,
        ends: Option<Ticks>,
        step: &mut Step<'_>,
    ) -> PurseId {
        let current = self.limits.get(limit).and_then(|state| state.current);
        if let Some(current) = current {
            match self.purses.get(&current).is_some_and(|purse| purse.window == window) {
                true => return current,
                false => self.close(current, step),
            }
        }
        let id = self.new_purse(limit, window, ends, Stage::Open);
        if let Some(state) = self.limits.get_mut(limit) {
            state.current = Some(id);
        }
        step.actions.push(Action::Open { purse: id, limit: limit.clone(), window });
        id
    }

    fn new_purse(
        &mut self,
        limit: &LimitAt,
        window: crate::Window,
        ends: Option<Ticks>,
        stage: Stage,
    ) -> PurseId {
        self.purses_made += 1;
        let id = PurseId(self.purses_made);
        let limit = limit.clone();
        let (level, leases, credit) = (Level::Enough, Vec::new(), 0);
        let purse = PurseState { limit, window, ends, stage, level, leases, credit };
        self.purses.insert(id, purse);
        id
    }

    /// Puts a lease behind a purse. Nothing of it is exposed yet: that is asked for next.
    fn add_lease(&mut self, id: PurseId, lease: Lease, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get_mut(&id) else { return };
        purse.leases.push(lease);
        purse.level = Level::Low;
        self.tell_payers(id, step);
    }

    /// Gives a lease back that nobody has drawn from.
    fn unused(&mut self, limit: &LimitAt, lease: Lease, step: &mut Step<'_>) {
        let window = crate::Window { start: keycap_base::Timestamp::EPOCH, end: None };
        let id = self.new_purse(limit, window, None, Stage::Unopened);
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.leases.push(lease);
        }
        self.give_back(id, step);
    }

    fn answered_about(
        &mut self,
        purse: PurseId,
        lease: HoldId,
        asked_at: Ticks,
        answer: Option<Decided>,
        step: &mut Step<'_>,
    ) {
        let now = step.now;
        let Some(state) = self.lease_mut(purse, lease) else { return };
        let Some(pending) = &mut state.pending else { return };
        let Some(answer) = answer else {
            pending.again_at = Some(now.plus(ASK_AGAIN));
            return;
        };
        let (asked, settled) = (pending.asked, pending.settled);
        state.pending = None;
        match (asked, answer) {
            (Asked::Release, _) => self.released(purse, lease, step),
            (Asked::Renew { more, .. }, Ok(Outcome::Held(held))) => {
                self.renewed(purse, lease, more, asked_at, &held, step);
            }
            (Asked::Shrink { .. }, Ok(Outcome::Shrunk { left })) => state.shrunk(left, settled),
            (_, answer) => {
                // A lease that has ended under its node can give nothing more.
                state.ended(ended(&answer));
                self.close_open(purse, step);
            }
        }
        self.give_back(purse, step);
        self.top_up(purse, step);
    }

    /// A lease was renewed, and more of it exposed.
    fn renewed(
        &mut self,
        purse: PurseId,
        lease: HoldId,
        more: crate::Amount,
        asked_at: Ticks,
        held: &Held,
        step: &mut Step<'_>,
    ) {
        let renew_after = self.settings.renew_after();
        let Some(state) = self.lease_mut(purse, lease) else { return };
        let more = more.min(state.unexposed());
        state.exposure = state.exposure.saturating_add(more);
        state.expires = state.expires.max(asked_at.plus(held.expires_in));
        state.renew_at = asked_at.plus(renew_after);
        let Some(state) = self.purses.get_mut(&purse).filter(|it| it.stage == Stage::Open) else {
            return;
        };
        state.credit = state.credit.saturating_add(more.units());
        state.level = if more.is_zero() { state.level } else { Level::Enough };
        let limit = state.limit.clone();
        if let (Some(state), Some(standing)) =
            (self.limits.get_mut(&limit), standing_of(held, &limit))
        {
            state.left = standing.remaining();
        }
        self.tell_payers(purse, step);
        if !more.is_zero() {
            step.actions.push(Action::Deposit { purse, amount: more });
        }
    }

    fn close_open(&mut self, purse: PurseId, step: &mut Step<'_>) {
        if self.purses.get(&purse).is_some_and(|purse| purse.stage == Stage::Open) {
            self.close(purse, step);
        }
    }

    fn released(&mut self, id: PurseId, lease: HoldId, step: &mut Step<'_>) {
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.leases.retain(|state| state.id != lease);
            self.tell_payers(id, step);
        }
    }
}

/// How the leased limit stands, as an answer tells.
fn standing_of<'a>(held: &'a Held, limit: &LimitAt) -> Option<&'a Standing> {
    let of_it = |it: &&Standing| it.account == limit.account && *it.limit.key() == limit.limit;
    held.standings.iter().find(of_it)
}

/// How a lease has ended, as an answer tells.
fn ended(answer: &Decided) -> Option<HoldState> {
    match answer {
        Ok(Outcome::Ended(state)) => Some(*state),
        _ => None,
    }
}
