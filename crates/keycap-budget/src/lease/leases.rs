//! The lease manager: what happened and the time go in, what to do comes out.
//!
//! What must not change: a purse is given only what an answer of the ledger has set aside for it; what
//! goes back to the ledger was taken out of the purse first; and a lease is released only when nothing
//! that was drawn from it can still be on its way. Every question can be asked twice, and an answer to
//! a question that was asked anew is not heard.

mod answers;
mod chores;

use std::collections::BTreeMap;
use std::time::Duration;

use keycap_base::Ticks;

use self::answers::Subject;
use super::demand::{Demand, Sizing};
use super::purse_state::{Asked, Lease, Level, Pending, PurseState, Stage};
use super::{Action, Event, LeaseSettings, LimitAt, PurseId, Ticket};
use crate::{AccountId, Amount, Claim, HoldId, NewHold, Operation, OwnerId};

/// The most leases behind one purse. A charge names all of them.
pub const MAX_LEASES_A_PURSE: usize = 4;

/// A lease becomes drawable in so many steps, so that a node that dies loses a part of it at most.
const EXPOSURE_STEPS: i64 = 4;

/// How long a limit that came to its end is not leased again.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// The lease manager of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leases {
    settings: LeaseSettings,
    owner: OwnerId,
    limits: BTreeMap<LimitAt, LimitState>,
    purses: BTreeMap<PurseId, PurseState>,
    asked: BTreeMap<Ticket, Subject>,
    purses_made: u64,
    tickets_drawn: u64,
    stage: Life,
}

/// Whether the node goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Running,
    ShuttingDown,
}

/// What the manager knows of one limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct LimitState {
    demand: Demand,
    left: Amount,
    current: Option<PurseId>,
    acquiring: Option<Acquiring>,
    /// The last lease that was taken, and when.
    last: Option<(Amount, Ticks)>,
    cool_until: Option<Ticks>,
}

/// A lease that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Acquiring {
    id: HoldId,
    amount: Amount,
    exposure: Amount,
    /// The last asking.
    ticket: Option<Ticket>,
    again_at: Option<Ticks>,
    wanted: Wanted,
}

/// Whether a lease that was asked for is still welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Yes,
    NoMore,
}

/// One step of the manager: what it may use, and what it wants done.
struct Step<'a> {
    now: Ticks,
    fresh: &'a mut dyn FnMut() -> HoldId,
    actions: Vec<Action>,
}

impl Leases {
    /// A manager without leases, of the node that holds under this name.
    #[must_use]
    pub fn new(owner: OwnerId, settings: LeaseSettings) -> Self {
        Self {
            settings,
            owner,
            limits: BTreeMap::new(),
            purses: BTreeMap::new(),
            asked: BTreeMap::new(),
            purses_made: 0,
            tickets_drawn: 0,
            stage: Life::Running,
        }
    }

    /// Takes one event in at `now`, and says what to do. `fresh` makes ids for new holds.
    #[must_use]
    pub fn step(
        &mut self,
        event: Event,
        now: Ticks,
        fresh: &mut dyn FnMut() -> HoldId,
    ) -> Vec<Action> {
        let mut step = Step { now, fresh, actions: Vec::new() };
        match event {
            Event::Held { limit, amount, left } => self.held(&limit, amount, left, &mut step),
            Event::Low(purse) => self.low(purse, &mut step),
            Event::Short(limit) => self.short(&limit, &mut step),
            Event::CalledBack(limit) => self.call_back(&limit, &mut step),
            Event::Amended(account) => self.amended(&account, &mut step),
            Event::Settled { purse, amount } => self.settled(purse, amount, &mut step),
            Event::Withdrawn { purse, amount } => self.withdrawn(purse, amount, &mut step),
            Event::Looked { purse, seen } => self.looked(purse, seen, &mut step),
            Event::Answered { ticket, asked_at, answer } => {
                self.answered(ticket, asked_at, answer, &mut step);
            }
            Event::Tick => self.tick(&mut step),
            Event::ShutDown => self.shut_down(&mut step),
        }
        step.actions
    }

    /// Whether money of this limit is with the node, or may be: in a purse that can be drawn from, on
    /// its way back, or asked for.
    #[must_use]
    pub fn is_busy(&self, limit: &LimitAt) -> bool {
        let state = self.limits.get(limit);
        let mut purses = self.purses.values().filter(|purse| purse.limit == *limit);
        state.is_some_and(|state| state.acquiring.is_some() || state.current.is_some())
            || purses.any(|purse| purse.owes_money())
    }

    /// Whether nothing is leased and nothing asked for.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.purses.is_empty() && self.limits.values().all(|limit| limit.acquiring.is_none())
    }

    fn held(&mut self, limit: &LimitAt, amount: Amount, left: Amount, step: &mut Step<'_>) {
        if !self.limits.contains_key(limit) && self.limits.len() >= self.settings.limits {
            return;
        }
        let state = self.limits.entry(limit.clone()).or_default();
        state.demand.note(amount, step.now);
        state.left = left;
        match state.current {
            Some(current) => self.low(current, step),
            None if state.demand.is_steady(step.now) => self.acquire(limit, step),
            None => {}
        }
    }

    /// Notes that a purse is nearly empty, and tops it up.
    fn low(&mut self, id: PurseId, step: &mut Step<'_>) {
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.level = Level::Low;
            self.top_up(id, step);
        }
    }

    /// Exposes more of the newest lease or, where all of it is, takes another. What is under way comes
    /// first: its answer leads here again.
    fn top_up(&mut self, id: PurseId, step: &mut Step<'_>) {
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
    fn acquire(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        let Some(state) = self.limits.get_mut(limit) else { return };
        let cool = state.cool_until.is_none_or(|until| until <= step.now);
        if self.stage == Life::ShuttingDown || state.acquiring.is_some() || !cool {
            return;
        }
        let last = state.last.map(|(amount, at)| (amount, step.now.since(at)));
        let (left, share) = (state.left, self.settings.share);
        let Some(amount) = (Sizing { demand: &state.demand, last, left, share }).size() else {
            return;
        };
        let exposure = one_step(amount);
        let id = (step.fresh)();
        let (ticket, again_at, wanted) = (None, None, Wanted::Yes);
        state.acquiring = Some(Acquiring { id, amount, exposure, ticket, again_at, wanted });
        self.ask_to_hold(limit, step);
    }

    /// Sends the hold that is being acquired, once or once more.
    fn ask_to_hold(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
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
            exposure: Some(acquiring.exposure),
        });
        let ticket = self.ask(Subject::Limit(limit.clone()), operation, before, step);
        if let Some(acquiring) = self.limits.get_mut(limit).and_then(|it| it.acquiring.as_mut()) {
            acquiring.ticket = Some(ticket);
        }
    }

    /// The limit is at its end: what is here goes back, and nothing is taken for a while.
    fn short(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        self.call_back(limit, step);
        if let Some(state) = self.limits.get_mut(limit) {
            state.cool_until = Some(step.now.plus(COOL_DOWN));
        }
    }

    fn call_back(&mut self, limit: &LimitAt, step: &mut Step<'_>) {
        let Some(state) = self.limits.get_mut(limit) else { return };
        if let Some(acquiring) = &mut state.acquiring {
            acquiring.wanted = Wanted::NoMore;
        }
        if let Some(purse) = state.current {
            self.close(purse, step);
        }
    }

    fn amended(&mut self, account: &AccountId, step: &mut Step<'_>) {
        let of_it = |limit: &&LimitAt| limit.account == *account;
        let limits: Vec<LimitAt> = self.limits.keys().filter(of_it).cloned().collect();
        limits.iter().for_each(|limit| self.call_back(limit, step));
    }

    fn shut_down(&mut self, step: &mut Step<'_>) {
        self.stage = Life::ShuttingDown;
        let limits: Vec<LimitAt> = self.limits.keys().cloned().collect();
        limits.iter().for_each(|limit| self.call_back(limit, step));
    }

    /// Lets nobody draw from a purse any more. What was in it is heard of by [`Event::Withdrawn`].
    fn close(&mut self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get_mut(&id) else { return };
        purse.stage = Stage::Closed;
        if let Some(state) = self.limits.get_mut(&purse.limit) {
            state.current = state.current.filter(|current| *current != id);
            state.last = None;
        }
        step.actions.push(Action::Close(id));
    }

    fn settled(&mut self, id: PurseId, amount: Amount, step: &mut Step<'_>) {
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.settle(amount);
            self.give_back(id, step);
        }
    }

    fn withdrawn(&mut self, id: PurseId, amount: Amount, step: &mut Step<'_>) {
        if let Some(purse) = self.purses.get_mut(&id) {
            purse.credit = purse.credit.saturating_sub(amount.units());
            self.give_back(id, step);
        }
    }

    /// Gives back to the ledger what no purse has and nobody has drawn.
    fn give_back(&mut self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        if purse.leases.is_empty() {
            return self.emptied(id, step);
        }
        let keeps = purse.keeps();
        let (closed, in_use) = (purse.stage == Stage::Closed, purse.credit > 0);
        let idle = purse.leases.iter().zip(keeps).filter(|(lease, _)| lease.is_idle());
        let due = |(lease, keep): (&Lease, Amount)| match closed {
            true if !in_use || lease.amount.is_zero() => Some((lease.id, Asked::Release)),
            true if keep < lease.amount => Some((lease.id, Asked::Shrink { keep })),
            false if lease.amount.is_zero() => Some((lease.id, Asked::Release)),
            _ => None,
        };
        let due: Vec<_> = idle.filter_map(due).collect();
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
            Stage::Open if !acquiring => self.close(id, step),
            Stage::Open => {}
        }
    }

    /// Renews a lease, and exposes one more step of it.
    fn renew(&mut self, purse: PurseId, lease: HoldId, step: &mut Step<'_>) {
        let Some(state) = self.lease(purse, lease).filter(|lease| lease.is_idle()) else { return };
        let more = one_step(state.amount).min(state.unexposed());
        let exposure = state.exposure.saturating_add(more);
        self.ask_about(purse, lease, Asked::Renew { exposure, more }, step);
    }

    /// Asks the ledger something about a lease, once or once more.
    fn ask_about(&mut self, id: PurseId, lease: HoldId, asked: Asked, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        let account = purse.limit.account.clone();
        let operation = asked.operation(account, lease, &self.settings);
        let before = self.lease(id, lease).and_then(|it| it.pending.as_ref()).map(|it| it.ticket);
        let ticket = self.ask(Subject::Lease(id, lease), operation, before, step);
        if let Some(state) = self.lease_mut(id, lease) {
            state.pending = Some(Pending { ticket, asked, again_at: None });
        }
        if asked == Asked::Release {
            self.tell_payers(id, step);
        }
    }

    /// Numbers a question. Answers to an earlier one about the same subject are not heard any more.
    fn ask(
        &mut self,
        about: Subject,
        operation: Operation,
        before: Option<Ticket>,
        step: &mut Step<'_>,
    ) -> Ticket {
        self.tickets_drawn += 1;
        let ticket = Ticket(self.tickets_drawn);
        before.and_then(|before| self.asked.remove(&before));
        self.asked.insert(ticket, about);
        step.actions.push(Action::Ask { ticket, operation });
        ticket
    }

    /// Says which leases pay for what is drawn from a purse, and until when it can be.
    fn tell_payers(&self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        step.actions.push(Action::PayFrom { purse: id, leases: purse.payers() });
        if let Some(until) = purse.ends_at().filter(|_| purse.stage == Stage::Open) {
            let until = self.usable(purse, until);
            step.actions.push(Action::UsableUntil { purse: id, until });
        }
    }

    /// Until when a purse may be drawn from: a margin before its first lease ends, and no longer than
    /// its window.
    fn usable(&self, purse: &PurseState, first: Ticks) -> Ticks {
        let leases = purse.leases.iter().map(|lease| lease.expires.minus(self.settings.margin()));
        leases.chain(purse.ends).min().unwrap_or(first)
    }

    fn lease(&self, purse: PurseId, lease: HoldId) -> Option<&Lease> {
        self.purses.get(&purse)?.leases.iter().find(|state| state.id == lease)
    }

    fn lease_mut(&mut self, purse: PurseId, lease: HoldId) -> Option<&mut Lease> {
        self.purses.get_mut(&purse)?.leases.iter_mut().find(|state| state.id == lease)
    }
}

impl PurseState {
    /// Whether money is in it, or on its way back and the ledger has not confirmed it.
    fn owes_money(&self) -> bool {
        let on_its_way = |lease: &Lease| {
            lease.pending.as_ref().is_some_and(|p| !matches!(p.asked, Asked::Renew { .. }))
        };
        let mut leases = self.leases.iter().zip(self.keeps());
        self.stage == Stage::Open
            || leases.any(|(lease, keep)| on_its_way(lease) || keep < lease.amount)
    }
}

impl Asked {
    fn operation(self, account: AccountId, hold: HoldId, settings: &LeaseSettings) -> Operation {
        match self {
            Self::Renew { exposure, .. } => Operation::Extend {
                account,
                hold,
                granted: crate::Cost::none(),
                exposure: Some(exposure),
                life: settings.life,
            },
            Self::Shrink { keep } => Operation::Shrink { account, hold, keep },
            Self::Release => Operation::Release { account, hold },
        }
    }
}

/// One step of exposure of a lease of so much: at least one unit.
fn one_step(amount: Amount) -> Amount {
    let step = (amount.units() / EXPOSURE_STEPS).max(1);
    Amount::new(step).unwrap_or(amount).min(amount)
}
