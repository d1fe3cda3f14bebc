//! The lease manager: what happened and the time go in, what to do comes out.
//!
//! What must not change: a purse is given only what an answer of the ledger has set aside for it; what
//! goes back to the ledger was taken out of the purse first; and a lease is released only when nothing
//! that was drawn from it can still be on its way. Every question can be asked twice, and an answer to
//! a question that was asked anew is not heard.

mod answers;
mod chores;
mod give_back;
mod take;

use std::collections::BTreeMap;
use std::time::Duration;

use keycap_base::Ticks;

use self::answers::Subject;
use super::demand::Demand;
use super::purse_state::{Asked, Lease, PurseState, Stage};
use super::{Action, Event, LeaseSettings, LimitAt, PurseId, Ticket};
use crate::{AccountId, Amount, HoldId, Operation, OwnerId};

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

    /// What is leased behind a purse and cannot be drawn from it yet.
    #[must_use]
    pub fn unexposed(&self, purse: PurseId) -> Amount {
        let leases = self.purses.get(&purse).into_iter().flat_map(|purse| &purse.leases);
        let each = leases.map(Lease::unexposed);
        each.fold(Amount::ZERO, |sum, more| sum.checked_add(more).unwrap_or(Amount::MAX_CAP))
    }

    /// Whether nothing is leased and nothing asked for.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.purses.is_empty() && self.limits.values().all(|limit| limit.acquiring.is_none())
    }

    /// Asks the ledger something about a lease, once or once more.
    fn ask_about(&mut self, id: PurseId, lease: HoldId, asked: Asked, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id) else { return };
        let account = purse.limit.account.clone();
        let operation = asked.operation(account, lease, &self.settings);
        let before = self.lease(id, lease).and_then(|it| it.pending.as_ref()).map(|it| it.ticket);
        let ticket = self.ask(Subject::Lease(id, lease), operation, before, step);
        if let Some(state) = self.lease_mut(id, lease) {
            state.ask(ticket, asked);
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

    /// Says which leases pay for what is drawn from a purse, and until when it can be: a margin before
    /// the first of them ends, and no longer than its window.
    fn tell_payers(&self, id: PurseId, step: &mut Step<'_>) {
        let Some(purse) = self.purses.get(&id).filter(|it| it.stage != Stage::Unopened) else {
            return;
        };
        step.actions.push(Action::PayFrom { purse: id, leases: purse.payers() });
        if let Some(first) = purse.expires().filter(|_| purse.stage == Stage::Open) {
            let first = first.minus(self.settings.margin());
            let until = purse.ends.map_or(first, |ends| ends.min(first));
            step.actions.push(Action::UsableUntil { purse: id, until });
        }
    }

    fn lease(&self, purse: PurseId, lease: HoldId) -> Option<&Lease> {
        self.purses.get(&purse)?.leases.iter().find(|state| state.id == lease)
    }

    fn lease_mut(&mut self, purse: PurseId, lease: HoldId) -> Option<&mut Lease> {
        self.purses.get_mut(&purse)?.leases.iter_mut().find(|state| state.id == lease)
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
