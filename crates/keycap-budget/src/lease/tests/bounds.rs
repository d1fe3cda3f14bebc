//! Every bound of leasing: what happens at it, and one past it.

use std::num::NonZeroU32;

use super::*;
use crate::lease::demand::{Demand, Sizing};

const INSTANT: Duration = Duration::from_nanos(1);
const SECOND: Duration = Duration::from_secs(1);

/// A manager whose questions stay unanswered.
struct Asking(Leases);

impl Asking {
    fn with(settings: LeaseSettings) -> Self {
        Self(Leases::new(OwnerId::generate(START), settings))
    }

    fn step(&mut self, event: Event, now: Ticks) -> Vec<Action> {
        self.0.step(event, now, &mut || HoldId::generate(START))
    }

    /// How often it asks for a lease when requests hold on this limit, with so much left there.
    fn asks(&mut self, limit: &LimitAt, times: u32, left: u32, now: Ticks) -> usize {
        let held = || Event::Held { limit: limit.clone(), amount: units(10), left: units(left) };
        (0..times).map(|_| self.step(held(), now).len()).sum()
    }
}

fn on(account: &str) -> LimitAt {
    LimitAt { account: AccountId::new(account).unwrap(), limit: key() }
}

fn after(span: Duration) -> Ticks {
    Ticks::ZERO.plus(span)
}

#[test]
fn p5_steady_use_is_so_many_holds_within_a_second_and_not_in_one() {
    for (fourth, asks) in [(SECOND - INSTANT, 1), (SECOND, 0)] {
        let mut manager = Asking::with(LeaseSettings::default());
        assert_eq!(manager.asks(&at(), 3, 1_000_000, Ticks::ZERO), 0);
        assert_eq!(manager.asks(&at(), 1, 1_000_000, after(fourth)), asks, "{fourth:?}");
    }
}

#[test]
fn p4_a_lease_is_worth_eight_usual_draws_of_a_share_of_what_is_left_or_it_is_not_taken() {
    let worth = 64 * 8 * 10;
    for (left, asks) in [(worth, 1), (worth - 1, 0)] {
        let mut manager = Asking::with(LeaseSettings::default());
        assert_eq!(manager.asks(&at(), 4, left, Ticks::ZERO), asks, "{left} left");
    }
}

#[test]
fn p5_no_more_limits_are_thought_of_than_the_settings_allow() {
    let settings = LeaseSettings::default().limits(2).unwrap();
    let mut manager = Asking::with(settings);
    for account in ["a", "b"] {
        assert_eq!(manager.asks(&on(account), 1, 1_000_000, Ticks::ZERO), 0);
    }
    assert_eq!(manager.asks(&on("c"), 100, 1_000_000, Ticks::ZERO), 0, "one too many");
    assert_eq!(manager.asks(&on("b"), 3, 1_000_000, Ticks::ZERO), 1, "the last that is allowed");
    manager.step(Event::Tick, after(SECOND));
    assert_eq!(manager.asks(&on("c"), 4, 1_000_000, after(SECOND)), 1, "the first has faded");
}

#[test]
fn p5_without_an_answer_the_same_is_asked_again_after_half_a_second() {
    let mut manager = Asking::with(LeaseSettings::default());
    manager.asks(&at(), 3, 1_000_000, Ticks::ZERO);
    let held = Event::Held { limit: at(), amount: units(10), left: units(1_000_000) };
    let [Action::Ask { ticket, operation }] = &manager.step(held, Ticks::ZERO)[..] else {
        panic!("nothing is asked")
    };
    let unknown = Event::Answered { ticket: *ticket, asked_at: Ticks::ZERO, answer: None };
    assert_eq!(manager.step(unknown, after(SECOND)), []);
    let again_at = after(SECOND + SECOND / 2);
    assert_eq!(manager.0.next_at(), Some(again_at));
    assert_eq!(manager.step(Event::Tick, again_at.minus(INSTANT)), []);
    match &manager.step(Event::Tick, again_at)[..] {
        [Action::Ask { operation: again, .. }] => assert_eq!(again, operation),
        other => panic!("{other:?}"),
    }
}

#[test]
fn i7_a_limit_at_its_end_is_not_leased_for_a_second() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    node.tell(Event::Short(at()));
    node.clock.advance(SECOND - INSTANT);
    (0..8).for_each(|_| node.exact(units(10)));
    assert_eq!(node.draw(units(10)), Drawn::No);
    node.clock.advance(INSTANT);
    (0..4).for_each(|_| node.exact(units(10)));
    assert_eq!(node.draw(units(10)), Drawn::Yes);
}

#[test]
fn i6_a_lease_is_exposed_in_quarters() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    let purse = node.current.unwrap();
    assert_eq!((node.standing().held, node.purses[&purse].free()), (units(640), units(160)));
    let exposed = |node: &Node| node.asked.iter().rev().find_map(exposure);
    assert_eq!(exposed(&node), Some(units(160)));
    assert_ne!(node.draw(units(80)), Drawn::No, "a half is enough");
    assert_eq!(exposed(&node), Some(units(160)));
    assert_ne!(node.draw(units(1)), Drawn::No, "less than half is low");
    assert_eq!(exposed(&node), Some(units(320)));
}

fn exposure(asked: &Operation) -> Option<Amount> {
    match asked {
        Operation::Extend { exposure, .. } => *exposure,
        _ => None,
    }
}

/// Requests that all draw and never end: the leases behind their purse are not drained.
#[test]
fn p5_no_more_leases_stand_behind_a_purse_than_a_charge_names() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    let purse = node.current.unwrap();
    while node.draw(units(10)) != Drawn::No {}
    assert_eq!(node.purses[&purse].leases().len(), MAX_LEASES_A_PURSE);
    (0..10).for_each(|_| node.exact(units(10)));
    assert_eq!(node.purses[&purse].leases().len(), MAX_LEASES_A_PURSE, "and not one more");
    let holds =
        |node: &Node| node.asked.iter().filter(|asked| matches!(asked, Operation::Hold(_))).count();
    assert_eq!(holds(&node), MAX_LEASES_A_PURSE);
    node.settle(units(640));
    assert_eq!(holds(&node), MAX_LEASES_A_PURSE + 1, "the first is drained, another is taken");
    assert_eq!(node.purses[&purse].leases().len(), MAX_LEASES_A_PURSE);
    assert_ne!(node.draw(units(10)), Drawn::No);
}

fn demand(largest: u32) -> Demand {
    let mut demand = Demand::default();
    demand.note(units(largest), Ticks::ZERO);
    demand
}

#[test]
fn p5_a_lease_lasts_ten_seconds_at_the_rate_of_use() {
    let (demand, settings) = (demand(1), LeaseSettings::default());
    let size = |last| {
        let left = Amount::MAX_CAP;
        Sizing { demand: &demand, last, left, settings: &settings }.size()
    };
    let lasted = |seconds| size(Some((units(6_000), Duration::from_secs(seconds))));
    assert_eq!(size(None), Some(units(64)), "before any rate is known");
    assert_eq!(lasted(10), Some(units(6_000)));
    assert_eq!(lasted(5), Some(units(12_000)));
    assert_eq!(lasted(60), Some(units(1_000)));
    assert_eq!(lasted(3_600 * 24), Some(units(8)), "eight draws at least");
    assert_eq!(size(Some((Amount::MAX_OPERATION, Duration::ZERO))), Some(Amount::MAX_OPERATION));
}

#[test]
fn p5_a_lease_is_no_more_than_its_share_of_what_is_left_nor_less_than_it_is_worth() {
    let demand = demand(10);
    let settings = LeaseSettings::default().share(2).unwrap().least_draws(NonZeroU32::MIN);
    let size = |left| {
        let last = Some((units(1_000_000), SECOND));
        Sizing { demand: &demand, last, left: units(left), settings: &settings }.size()
    };
    assert_eq!(size(1_001), Some(units(500)));
    assert_eq!(size(20), Some(units(10)));
    assert_eq!(size(19), None);
}
