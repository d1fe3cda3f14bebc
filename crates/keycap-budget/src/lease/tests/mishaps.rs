//! What went wrong once: each test opens with its story.

use keycap_base::Ticks;

use super::*;
use crate::lease::purse_state::{Asked, Lease, Level, PurseState, Stage};
use crate::{Held, HoldState, Sweep, Window};

fn hold() -> HoldId {
    HoldId::generate(START)
}

fn purse(stage: Stage, credit: i64, leases: &[u32]) -> PurseState {
    let later = Ticks::ZERO.plus(Duration::from_secs(10));
    let lease = |amount: &u32| {
        let lease = Lease::new(hold(), units(*amount), later, later);
        Lease { exposure: lease.most, ..lease }
    };
    let (limit, level) = (at(), Level::Enough);
    let leases = leases.iter().map(lease).collect();
    let window = Window { start: START, end: None };
    PurseState { limit, window, ends: None, stage, level, leases, credit }
}

fn shrink(keep: u32) -> Option<Asked> {
    Some(Asked::Shrink { keep: units(keep) })
}

/// What the ledger does about the dues that are asked for: the purse's leases and the books' rows,
/// oldest first, with `paid` of charges done before the shrinking that nobody has heard of.
fn shrunk(purse: &mut PurseState, rows: &mut [u32], paid: u32) {
    let dues = purse.dues();
    let mut left = paid;
    for row in rows.iter_mut() {
        let part = left.min(*row);
        (*row, left) = (*row - part, left - part);
    }
    for ((lease, due), row) in purse.leases.iter_mut().zip(dues).zip(rows) {
        if let Some(Asked::Shrink { keep }) = due {
            lease.ask(Ticket(0), Asked::Shrink { keep });
            *row = (*row).min(u32::try_from(keep.units()).unwrap());
            lease.shrunk(units(*row), Amount::ZERO);
            lease.pending = None;
        }
    }
}

/// A purse of two leases was called back while 30 were out, of which 20 were being settled. The ledger
/// shrank the older lease to 30, and then took the 20 from it; but the manager heard of the charge
/// first, then took the shrinking to have left 30, and gave back of the younger lease what it believed
/// to be in the older one. What was drawn next had no lease behind it.
#[test]
fn i6_a_charge_heard_before_a_shrinking_is_not_counted_as_if_it_came_first() {
    let mut purse = purse(Stage::Closed, 30, &[100, 100]);
    assert_eq!(purse.dues(), [shrink(30), Some(Asked::Release)]);
    let oldest = &mut purse.leases[0];
    oldest.ask(Ticket(1), Asked::Shrink { keep: units(30) });
    purse.settle(units(20));
    let oldest = &mut purse.leases[0];
    let settled = oldest.pending.take().unwrap().settled;
    oldest.shrunk(units(30), settled);
    assert_eq!((oldest.least, oldest.most), (units(10), units(30)), "20 may be gone, or not");
    assert_eq!(purse.dues()[0], shrink(10), "it is asked again");
}

/// The other way round: the ledger did the charge first, so the lease had 30 although only 10 were out;
/// but the manager heard of the shrinking first, took the charge out of the 30, and believed that
/// nothing was left to give back. Who waited for the money was refused.
#[test]
fn i7_what_a_charge_left_in_a_shrunk_lease_is_still_owed() {
    let mut purse = purse(Stage::Closed, 30, &[100]);
    let mut rows = [100];
    shrunk(&mut purse, &mut rows, 20);
    assert_eq!(rows, [30], "20 of the 100 were paid before");
    purse.settle(units(20));
    assert!(purse.owes_money(), "the ledger holds 30, and 10 are out");
    shrunk(&mut purse, &mut rows, 0);
    assert_eq!(rows, [10]);
    assert!(!purse.owes_money());
}

/// Whatever part of what is out the ledger has on record already when it shrinks, what it then holds
/// covers what is still out.
#[test]
fn i6_shrinking_leaves_what_is_out_whatever_was_paid_before() {
    for paid in 0..=120 {
        let mut purse = purse(Stage::Closed, 120, &[50, 40, 60]);
        let mut rows = [50, 40, 60];
        shrunk(&mut purse, &mut rows, paid);
        assert!(rows.iter().sum::<u32>() >= 120 - paid, "{paid} paid leaves {rows:?}");
    }
}

/// A manager that asked for a lease, was asked to give it back before it had it, and then got it: it
/// returned it from a purse that nobody had been told of, and told them of that purse's payers.
#[test]
fn i7_a_lease_that_comes_too_late_goes_back_without_a_purse() {
    let mut leases = Leases::new(OwnerId::generate(START), LeaseSettings::default());
    let mut step = |event| leases.step(event, Ticks::ZERO, &mut hold);
    let held = || Event::Held { limit: at(), amount: units(10), left: units(1_000_000) };
    let asked: Vec<Action> = (0..4).flat_map(|_| step(held())).collect();
    let [Action::Ask { ticket, .. }] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(step(Event::CalledBack(at())), []);
    let limit = Limit::new(Meter::TOKENS, units(1_000_000), Period::day()).unwrap();
    let (window, spent) = (limit.key().period.window(START), Amount::ZERO);
    let (account, held, own) = (account(), units(640), units(640));
    let standings = vec![Standing { account, limit, window, spent, held, own }];
    let held = Held { standings, expires_in: Duration::from_secs(10), at: START };
    let answer = Some(Ok(Outcome::Held(held)));
    let actions = step(Event::Answered { ticket, asked_at: Ticks::ZERO, answer });
    let [Action::Ask { ticket, operation: Operation::Release { .. } }] = actions[..] else {
        panic!("{actions:?}")
    };
    let answer = Some(Ok(Outcome::Released));
    assert_eq!(step(Event::Answered { ticket, asked_at: Ticks::ZERO, answer }), []);
    assert!(leases.is_quiet());
}

/// A lease ended under its node, because the ledger's clock ran ahead. What was drawn from it was not on
/// record yet, so the manager kept it; and because it could not be renewed it stayed due, and the ledger
/// was asked again at once, and again.
#[test]
fn p5_a_lease_that_has_ended_is_not_renewed_again_and_again() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    assert_eq!(node.draw(units(10)), Drawn::Yes);
    node.clock.advance(Duration::from_secs(11));
    node.apply(Operation::Sweep(Sweep::Expired)).unwrap();
    node.tell(Event::Tick);
    let asked = node.asked.len();
    (0..10).for_each(|_| node.tell(Event::Tick));
    assert_eq!(node.asked.len(), asked);
    assert_eq!(node.leases.next_at(), None);
    node.settle(units(10));
    let standing = node.standing();
    assert_eq!((standing.spent, standing.held), (units(10), Amount::ZERO), "its capture went back");
    assert!(node.leases.is_quiet());
}

/// The first asking for a lease was given up and asked again, which was refused; then the first arrived
/// after all. The node did not know that it had a lease, and when that expired the ledger took a part of
/// it for spent.
#[test]
fn i7_a_lease_that_nobody_waits_for_costs_nothing() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    let asked = node.asked.iter().find_map(|asked| match asked {
        Operation::Hold(hold) => Some(hold.clone()),
        _ => None,
    });
    let late = NewHold { id: hold(), ..asked.unwrap() };
    assert!(matches!(node.apply(Operation::Hold(late)), Ok(Outcome::Held(_))));
    node.tell(Event::ShutDown);
    node.clock.advance(Duration::from_secs(11));
    node.apply(Operation::Sweep(Sweep::Expired)).unwrap();
    let standing = node.standing();
    assert_eq!((standing.spent, standing.held), (Amount::ZERO, Amount::ZERO));
}

/// A drained lease was being released, and the ledger did not answer. Until it did, the purse ended when
/// that lease did, however long the leases lived that were to pay.
#[test]
fn p5_a_lease_on_its_way_back_does_not_end_the_purse() {
    let mut purse = purse(Stage::Open, 100, &[0, 100]);
    purse.leases[0].expires = Ticks::ZERO;
    assert_eq!(purse.dues(), [Some(Asked::Release), None]);
    purse.leases[0].ask(Ticket(1), Asked::Release);
    assert_eq!(purse.expires(), Some(purse.leases[1].expires));
}

/// A request put back what it had drawn from a purse that was closed, and before anybody withdrew it
/// another was refused: it was told that the node had nothing more to give back.
#[test]
fn i7_what_was_put_back_late_is_called_back_too() {
    let mut node = Node::with_cap(1_000_000);
    (0..4).for_each(|_| node.exact(units(10)));
    let purse = node.current.unwrap();
    assert_eq!(node.draw(units(10)), Drawn::Yes);
    node.tell(Event::Short(at()));
    let _ = node.purses[&purse].put_back(units(10));
    node.tell(Event::Short(at()));
    assert_eq!(node.standing().held, Amount::ZERO);
    assert!(node.purses.is_empty() && node.leases.is_quiet());
}

/// A captured lease may still be needed: it stays until all that was drawn from it is on record, and
/// what it has goes on paying.
#[test]
fn p1_a_captured_lease_is_not_released_while_something_is_out() {
    let mut purse = purse(Stage::Closed, 30, &[100]);
    purse.leases[0].ended(Some(HoldState::Captured));
    assert_eq!(purse.dues(), [None]);
    purse.settle(units(30));
    assert_eq!(purse.dues(), [Some(Asked::Release)]);
}

/// A lease was exposed in quarters of what was left of it, and what was settled is not left: so each
/// step was smaller than the one before, and the last ones were less than a request draws. Until all of
/// them were taken no other lease was, and requests that told their costs held for themselves.
#[test]
fn p5_a_lease_is_exposed_in_equal_steps_however_much_of_it_is_settled() {
    // One part in 64 of it is 64 draws.
    let mut node = Node::with_cap(41_000_000);
    (0..4).for_each(|_| node.exact(units(10_000)));
    node.asked.clear();
    for draw in 0..300 {
        assert_ne!(node.draw(units(10_000)), Drawn::No, "draw {draw}");
        node.settle(units(10_000));
    }
    let raises = node.asked.iter().filter(|asked| matches!(asked, Operation::Extend { .. }));
    let raises = raises.count();
    assert!(raises <= 30, "{raises}: more than some four for each 64 draws");
}
