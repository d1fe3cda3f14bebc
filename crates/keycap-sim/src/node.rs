//! One node: the real lease manager and its purses, driven as a gate drives them.
//!
//! A node never waits. What it asks the ledger stands in its outbox until the world sends it; what it
//! did stands among its facts until the world has noted it. Its requests are in `requests`, what they
//! owe in `queue`.

use std::collections::{BTreeMap, VecDeque};

use keycap_base::{Ticks, Timestamp};
use keycap_budget::lease::{Action, Event, LeaseSettings, Leases, LimitAt, PurseId, Ticket};
use keycap_budget::{
    AccountId, Amount, ChargeId, Cost, CounterKey, Decided, HoldId, Limit, Operation, OwnerId,
    Window,
};

use crate::drawer::Drawer;
use crate::ids::Ids;
use crate::queue::Owed;
use crate::requests::Tab;

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    /// It takes requests.
    Up,
    /// It gives everything back and takes no more requests.
    Leaving,
    /// It is gone: it crashed, or has left.
    Down,
}

/// A purse and what the node knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held<P> {
    pub(crate) drawer: P,
    pub(crate) limit: LimitAt,
    pub(crate) window: Window,
    pub(crate) is_closed: bool,
    /// What was put in, less what was withdrawn and what is known to be settled.
    pub(crate) credit: i64,
    /// Whether more was ever spent than drawn.
    pub(crate) was_overdrawn: bool,
    /// Whether something was put back after it was closed, and not withdrawn.
    pub(crate) has_late: bool,
}

/// What was asked of the ledger and not answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asking {
    pub(crate) about: About,
    pub(crate) operations: Vec<Operation>,
    asked_at: Ticks,
}

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum About {
    /// The lease manager.
    Lease(Ticket),
    /// This request, for a hold of its own.
    Hold(u32),
    /// The queue: these charges, in this order.
    Batch(Vec<Owed>),
}

/// A message to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outgoing {
    pub(crate) asking: u32,
    pub(crate) operations: Vec<Operation>,
}

/// What a node did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fact {
    /// A request wants to hold for itself.
    WantsHold(u32),
    /// The ledger refused a request for want of money on this limit.
    Short(u32, LimitAt),
    /// Work was done on a limit, within what was set aside for it.
    Worked(CounterKey, Amount),
    /// Work was done within a request's own hold, and above it.
    WorkedOn(HoldId, Cost, Cost),
    /// Work was done on a limit above what was set aside for it.
    Overran(CounterKey, Amount),
    /// A charge is on record, as far as the node was told.
    Acknowledged(ChargeId),
    /// A charge will be on record unless the node crashes.
    Queued(ChargeId, AccountId, Cost),
    /// The charge was folded into another and will not be on record itself.
    Folded(ChargeId),
    /// A request was admitted, or refused for want of money on a limit.
    Decided(u32, Option<LimitAt>),
    /// The manager spoke of a purse that it never opened, or has forgotten.
    Stray(PurseId),
}

/// What a node knows of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) parent: Option<AccountId>,
    pub(crate) limits: Vec<Limit>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node<P> {
    pub(crate) life: Life,
    pub(crate) owner: OwnerId,
    pub(crate) leases: Leases,
    pub(crate) purses: BTreeMap<PurseId, Held<P>>,
    /// The purse that is drawn from, for each limit.
    pub(crate) tills: BTreeMap<LimitAt, PurseId>,
    pub(crate) view: BTreeMap<AccountId, View>,
    pub(crate) tabs: BTreeMap<u32, Tab>,
    pub(crate) queue: Vec<Owed>,
    pub(crate) askings: BTreeMap<u32, Asking>,
    pub(crate) outbox: Vec<Outgoing>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) ids: Ids,
    pub(crate) now: Ticks,
    pub(crate) asked: u32,
    pub(crate) tabs_made: u32,
}

impl<P: Drawer> Node<P> {
    pub(crate) fn new(
        mut ids: Ids,
        settings: LeaseSettings,
        view: BTreeMap<AccountId, View>,
        made_at: Timestamp,
    ) -> Self {
        ids.now = made_at;
        let owner = ids.owner();
        Self {
            life: Life::Up,
            owner,
            leases: Leases::new(owner, settings),
            purses: BTreeMap::new(),
            tills: BTreeMap::new(),
            view,
            tabs: BTreeMap::new(),
            queue: Vec::new(),
            askings: BTreeMap::new(),
            outbox: Vec::new(),
            facts: Vec::new(),
            ids,
            now: Ticks::ZERO,
            asked: 0,
            tabs_made: 0,
        }
    }

    /// Takes an event in, and does all that follows from it.
    pub(crate) fn tell(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let ids = &mut self.ids;
            let actions = self.leases.step(event, self.now, &mut || ids.hold());
            for action in actions {
                events.extend(self.perform(action));
            }
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Ask { ticket, operation } => {
                self.ask(About::Lease(ticket), vec![operation]);
                return None;
            }
            Action::Open { purse, limit, window } => {
                self.tills.insert(limit.clone(), purse);
                let drawer = P::new(purse);
                let (is_closed, was_overdrawn, has_late) = (false, false, false);
                let credit = 0;
                let held =
                    Held { drawer, limit, window, is_closed, credit, was_overdrawn, has_late };
                self.purses.insert(purse, held);
                return None;
            }
            _ => {}
        }
        let (Action::PayFrom { purse: id, .. }
        | Action::Deposit { purse: id, .. }
        | Action::UsableUntil { purse: id, .. }
        | Action::Close(id)
        | Action::Withdraw(id)
        | Action::Look(id)
        | Action::Forget(id)) = action
        else {
            return None;
        };
        let Some(purse) = self.purses.get_mut(&id) else {
            self.facts.push(Fact::Stray(id));
            return None;
        };
        match action {
            Action::PayFrom { leases, .. } => purse.drawer.pay_from(leases),
            Action::Deposit { amount, .. } => {
                purse.credit += amount.units();
                purse.drawer.deposit(amount);
            }
            Action::UsableUntil { until, .. } => purse.drawer.usable_until(until),
            Action::Close(_) => {
                purse.is_closed = true;
                purse.drawer.close();
                let limit = purse.limit.clone();
                if self.tills.get(&limit) == Some(&id) {
                    self.tills.remove(&limit);
                }
                return self.withdraw(id);
            }
            Action::Withdraw(_) => return self.withdraw(id),
            Action::Look(_) => return Some(Event::Looked { purse: id, seen: purse.drawer.look() }),
            Action::Forget(_) => {
                self.purses.remove(&id);
            }
            Action::Ask { .. } | Action::Open { .. } => {}
        }
        None
    }

    fn withdraw(&mut self, id: PurseId) -> Option<Event> {
        let purse = self.purses.get_mut(&id)?;
        let amount = purse.drawer.withdraw();
        purse.credit -= amount.units();
        purse.has_late = false;
        Some(Event::Withdrawn { purse: id, amount })
    }

    /// Withdraws what was put back into closed purses.
    pub(crate) fn collect(&mut self) {
        let late: Vec<PurseId> =
            self.purses.iter().filter(|(_, held)| held.has_late).map(|(id, _)| *id).collect();
        for id in late {
            if let Some(event) = self.withdraw(id) {
                self.tell(event);
            }
        }
    }

    pub(crate) fn ask(&mut self, about: About, operations: Vec<Operation>) {
        self.asked += 1;
        let asking = self.asked;
        self.outbox.push(Outgoing { asking, operations: operations.clone() });
        self.askings.insert(asking, Asking { about, operations, asked_at: self.now });
    }

    /// The ledger's answer, if anybody still waits for it.
    pub(crate) fn hear(&mut self, asking: u32, answers: &[Decided]) {
        let Some(asking) = self.askings.remove(&asking) else { return };
        match asking.about {
            About::Lease(ticket) => {
                let answer = answers.first().cloned();
                self.tell(Event::Answered { ticket, asked_at: asking.asked_at, answer });
            }
            About::Hold(request) => {
                if let Some(answer) = answers.first() {
                    self.hold_answered(request, answer);
                }
            }
            About::Batch(owed) => self.settled(owed, answers),
        }
    }

    /// Nobody waits for this answer any more: it is asked again, or the manager is told.
    pub(crate) fn give_up(&mut self, asking: u32) {
        let Some(given_up) = self.askings.remove(&asking) else { return };
        match given_up.about {
            About::Lease(ticket) => {
                let asked_at = given_up.asked_at;
                self.tell(Event::Answered { ticket, asked_at, answer: None });
            }
            About::Hold(_) | About::Batch(_) => self.ask(given_up.about, given_up.operations),
        }
    }

    /// Whether money of this limit is with the node, or may be.
    pub(crate) fn is_busy(&self, limit: &LimitAt) -> bool {
        self.life != Life::Down && self.leases.is_busy(limit)
    }

    /// The account and those above it, as the node knows them.
    pub(crate) fn chain(&self, account: &AccountId) -> Vec<AccountId> {
        let mut chain = vec![account.clone()];
        while let Some(parent) =
            chain.last().and_then(|last| self.view.get(last)).and_then(|view| view.parent.clone())
        {
            if chain.contains(&parent) {
                break;
            }
            chain.push(parent);
        }
        chain
    }

    /// Takes in that an account was amended.
    pub(crate) fn hear_of(&mut self, account: &AccountId, view: View) {
        let parent = view.parent.clone();
        let before = self.view.insert(account.clone(), view);
        let moved = before.is_some_and(|before| before.parent != parent);
        // Whoever hangs below is on another chain now.
        let below: Vec<AccountId> = self.view.keys().cloned().collect();
        let below = below.into_iter().filter(|it| moved && self.chain(it).contains(account));
        let amended: Vec<AccountId> =
            below.filter(|it| it != account).chain([account.clone()]).collect();
        for account in amended {
            self.tell(Event::Amended(account));
        }
    }

    /// Whether nothing of it is left at work.
    pub(crate) fn is_quiet(&self) -> bool {
        self.leases.is_quiet()
            && self.tabs.is_empty()
            && self.queue.is_empty()
            && self.askings.is_empty()
            && self.purses.is_empty()
    }
}
