//! One node over one ledger, answered at once.

mod bounds;
mod mishaps;

use std::collections::BTreeMap;
use std::time::Duration;

use keycap_base::{Clock, Labels, ManualClock, Ticks, Timestamp};

use super::*;
use crate::{
    AccountId, AccountSpec, Amendment, Amount, Batch, ChainSpec, ChargeId, Claim, Cost, Decided,
    HoldId, Ledger, Limit, LimitKey, MemoryLedger, Meter, NewCharge, NewHold, NotNow, OnExpiry,
    Operation, Outcome, OwnerId, Period, Reapply, Rest, Retention, Standing,
};

const START: Timestamp = Timestamp::from_millis(1_772_445_600_000);

struct Node {
    clock: ManualClock,
    ledger: MemoryLedger,
    leases: Leases,
    purses: BTreeMap<PurseId, Purse>,
    current: Option<PurseId>,
    owner: OwnerId,
    asked: Vec<Operation>,
}

fn account() -> AccountId {
    AccountId::new("key").unwrap()
}

fn key() -> LimitKey {
    LimitKey { meter: Meter::TOKENS, period: Period::day() }
}

fn at() -> LimitAt {
    LimitAt { account: account(), limit: key() }
}

fn units(count: u32) -> Amount {
    Amount::from_units(count)
}

impl Node {
    fn with_cap(cap: u32) -> Self {
        let clock = ManualClock::at(START);
        let ledger = MemoryLedger::with_clock(clock.clone(), Retention::default());
        let limit = Limit::new(Meter::TOKENS, units(cap), Period::day()).unwrap();
        let chain = ChainSpec::of(AccountSpec::new(account()).limit(limit).unwrap());
        let owner = OwnerId::generate(START);
        let leases = Leases::new(owner, LeaseSettings::default());
        let (purses, current, asked) = (BTreeMap::new(), None, Vec::new());
        let mut node = Self { clock, ledger, leases, purses, current, owner, asked };
        node.apply(Operation::Open { chain, asserted_at: START, reapply: Reapply::Never }).unwrap();
        node
    }

    fn now(&self) -> Ticks {
        self.clock.moment().ticks
    }

    fn apply(&mut self, operation: Operation) -> Decided {
        match self.ledger.apply_now(Batch::of(operation)) {
            Ok(mut answers) => answers.remove(0),
            Err(NotNow::WouldWait(_) | NotNow::Broken(_)) => panic!("a ledger that waits"),
        }
    }

    /// Takes an event in, does all that follows, and notes what the ledger was asked.
    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let (now, made_at) = (self.now(), self.clock.now());
            let actions = self.leases.step(event, now, &mut || HoldId::generate(made_at));
            for action in actions {
                events.extend(self.perform(action));
            }
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Ask { ticket, operation } => {
                self.asked.push(operation.clone());
                let asked_at = self.now();
                let answer = Some(self.apply(operation));
                return Some(Event::Answered { ticket, asked_at, answer });
            }
            Action::Open { purse, .. } => {
                self.purses.insert(purse, Purse::new(purse));
                self.current = Some(purse);
            }
            Action::PayFrom { purse, leases } => self.purses[&purse].pay_from(leases),
            Action::Deposit { purse, amount } => self.purses[&purse].deposit(amount),
            Action::UsableUntil { purse, until } => self.purses[&purse].usable_until(until),
            Action::Close(purse) => {
                self.purses[&purse].close();
                return Some(self.withdrawn(purse));
            }
            Action::Withdraw(purse) => return Some(self.withdrawn(purse)),
            Action::Look(purse) => {
                return Some(Event::Looked { purse, seen: self.purses[&purse].look() });
            }
            Action::Forget(purse) => {
                self.purses.remove(&purse);
            }
        }
        None
    }

    fn withdrawn(&self, purse: PurseId) -> Event {
        Event::Withdrawn { purse, amount: self.purses[&purse].withdraw() }
    }

    /// A request that finds nothing to draw from: it holds for itself and is released at once.
    fn exact(&mut self, amount: Amount) {
        let id = HoldId::generate(self.clock.now());
        let held = self.apply(Operation::Hold(NewHold {
            id,
            account: account(),
            claim: Claim::Chain(Cost::of(Meter::TOKENS, amount).unwrap()),
            owner: self.owner,
            life: Duration::from_secs(60),
            on_expiry: OnExpiry::Capture,
            exposure: None,
        }));
        let Ok(Outcome::Held(held)) = held else { panic!("not held: {held:?}") };
        let left = held.standings[0].remaining();
        self.apply(Operation::Release { account: account(), hold: id }).unwrap();
        self.tell(Event::Held { limit: at(), amount, left });
    }

    fn draw(&mut self, amount: Amount) -> Drawn {
        let Some(current) = self.current.and_then(|current| self.purses.get(&current)) else {
            return Drawn::No;
        };
        let (drawn, purse) = (current.draw(amount, self.now()), current.id());
        if drawn == Drawn::Low {
            self.tell(Event::Low(purse));
        }
        drawn
    }

    fn settle(&mut self, amount: Amount) {
        let purse = self.current.unwrap();
        let holds = self.purses[&purse].leases().into_vec();
        let cost = Cost::of(Meter::TOKENS, amount).unwrap();
        let id = ChargeId::generate(self.clock.now());
        let charge = NewCharge { id, account: account(), cost, tags: Labels::new() };
        let settled = self.apply(Operation::Settle { charge, holds, rest: Rest::Keep });
        let Ok(Outcome::Recorded(recorded)) = settled else { panic!("{settled:?}") };
        assert!(recorded.uncovered.is_nothing(), "{recorded:?}");
        self.tell(Event::Settled { purse, amount });
    }

    fn standing(&mut self) -> Standing {
        let held = self.apply(Operation::Hold(NewHold {
            id: HoldId::generate(self.clock.now()),
            account: account(),
            claim: Claim::Chain(Cost::none()),
            owner: self.owner,
            life: Duration::ZERO,
            on_expiry: OnExpiry::Release,
            exposure: None,
        }));
        let Ok(Outcome::Held(held)) = held else { panic!("{held:?}") };
        held.standings[0].clone()
    }
}

#[test]
fn p5_steady_use_is_leased_and_drawn_without_the_ledger() {
    let mut node = Node::with_cap(1_000_000);
    for _ in 0..3 {
        node.exact(units(10));
        assert_eq!(node.current, None, "three holds are not steady use");
    }
    node.exact(units(10));
    let asked = node.asked.len();
    assert_eq!(node.draw(units(10)), Drawn::Yes);
    assert_eq!(node.asked.len(), asked);
    assert_eq!(node.standing().held, units(640), "64 usual draws");
}

#[test]
fn i6_what_is_leased_is_what_is_free_drawn_and_not_yet_durable() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    let mut spent = 0;
    for _ in 0..500 {
        if node.draw(units(10)) == Drawn::No {
            node.exact(units(10));
            continue;
        }
        node.settle(units(10));
        spent += 10;
        let purse = node.current.and_then(|current| node.purses.get(&current)).unwrap();
        let (free, standing) = (purse.free(), node.standing());
        assert_eq!(standing.spent, units(spent));
        assert!(standing.held >= free, "{standing:?} covers {free:?}");
    }
    assert!(spent > 4_000, "most were drawn: {spent}");
    node.tell(Event::ShutDown);
    assert!(node.leases.is_quiet());
    assert_eq!(node.standing().held, Amount::ZERO);
}

#[test]
fn p4_near_the_cap_every_request_holds_for_itself() {
    let mut node = Node::with_cap(64 * 8 * 10 - 1);
    for _ in 0..20 {
        node.exact(units(10));
    }
    assert_eq!(node.current, None);
    assert!(node.leases.is_quiet() && !node.leases.is_busy(&at()));
}

#[test]
fn i7_what_is_called_back_is_with_the_ledger_but_for_what_was_drawn() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    let purse = node.current.unwrap();
    assert_eq!(node.draw(units(10)), Drawn::Yes);
    node.tell(Event::Short(at()));
    assert_eq!(node.standing().held, units(10), "what was drawn");
    assert!(!node.leases.is_busy(&at()));
    assert_eq!(node.draw(units(1)), Drawn::No, "a closed purse gives nothing");
    assert_eq!(node.purses[&purse].put_back(units(10)), PutBack::Closed);
    let back = node.withdrawn(purse);
    node.tell(back);
    assert_eq!(node.standing().held, Amount::ZERO);
    assert!(node.purses.is_empty() && node.leases.is_quiet());
    (0..20).for_each(|_| node.exact(units(10)));
    assert!(node.purses.is_empty(), "not again for a while");
}

#[test]
fn p5_what_nobody_draws_from_goes_back_and_leaves_nothing() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    assert_eq!(node.draw(units(10)), Drawn::Yes);
    node.settle(units(10));
    for _ in 0..4 {
        node.clock.advance(Duration::from_secs(4));
        node.tell(Event::Tick);
    }
    assert!(node.leases.is_quiet() && node.purses.is_empty());
    assert_eq!(node.leases.next_at(), None, "no timer for an idle account");
    assert_eq!(node.standing().held, Amount::ZERO);
}

#[test]
fn p1_a_purse_is_not_drawn_from_when_its_window_has_ended() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    let end = node.standing().window.end.unwrap();
    node.clock.advance(end.since(node.clock.now()) - Duration::from_millis(1));
    node.tell(Event::Tick);
    (0..4).for_each(|_| node.exact(units(10)));
    assert_eq!(node.draw(units(10)), Drawn::Yes);
    node.clock.advance(Duration::from_millis(1));
    assert_eq!(node.draw(units(10)), Drawn::No);
    node.settle(units(10));
    assert_eq!(node.standing().spent, Amount::ZERO, "it settled in the window it was drawn in");
}

#[test]
fn p1_a_lowered_cap_calls_leases_back() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    assert_eq!(node.draw(units(10)), Drawn::Yes);
    let limit = Limit::new(Meter::TOKENS, units(5), Period::day()).unwrap();
    let amendment =
        Amendment { limits: Some(crate::Limits::of([limit]).unwrap()), ..Amendment::default() };
    let account = account();
    node.apply(Operation::Amend { account: account.clone(), version: 1, amendment }).unwrap();
    node.tell(Event::Amended(account));
    let standing = node.standing();
    assert_eq!((standing.held, standing.remaining()), (units(10), Amount::ZERO));
}
