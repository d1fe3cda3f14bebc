//! One promise at a time, on one thread.

use super::*;
use crate::HoldId;
use crate::lease::purse::CROWDED_AFTER;
use crate::lease::{
    Drawn, DrawnAll, MAX_DRAWS, MAX_LEASES_A_PURSE, MAX_STRIPES, PutBack, Use, draw_all,
};

fn ids(count: usize) -> Vec<HoldId> {
    (0..count).map(|_| HoldId::generate(keycap_base::Timestamp::EPOCH)).collect()
}

fn no(short: usize) -> (usize, Vec<usize>) {
    (short, Vec::new())
}

/// Draws from all and wants to be told that it cannot: which is short, and which are closed.
fn refused(draws: &[(&Purse, Amount)]) -> (usize, Vec<usize>) {
    match draw_all(draws, NOW) {
        DrawnAll::No { short, closed } => (short, closed.collect()),
        DrawnAll::Yes { .. } => panic!("it was drawn"),
    }
}

fn low(draws: &[(&Purse, Amount)]) -> Vec<usize> {
    match draw_all(draws, NOW) {
        DrawnAll::Yes { low } => low.collect(),
        no @ DrawnAll::No { .. } => panic!("{no:?}"),
    }
}

#[test]
fn p1_no_more_is_drawn_than_is_there() {
    for purse in [purse_with(10), striped_with(10)] {
        assert_eq!(purse.draw(units(11), NOW), Drawn::No);
        assert_ne!(purse.draw(units(10), NOW), Drawn::No, "from wherever it lies");
        assert_eq!(purse.draw(units(1), NOW), Drawn::No);
        assert_eq!(purse.put_back(units(3)), PutBack::Kept);
        assert_eq!(purse.free(), units(3));
        assert_ne!(purse.draw(units(3), NOW), Drawn::No);
    }
}

#[test]
fn p1_nothing_is_drawn_once_its_time_is_over() {
    let purse = purse_with(10);
    assert_ne!(purse.draw(units(1), Ticks::from_nanos(END.as_nanos() - 1)), Drawn::No);
    assert_eq!(purse.draw(units(1), END), Drawn::No);
    purse.usable_until(END.plus(Duration::from_nanos(1)));
    assert_ne!(purse.draw(units(1), END), Drawn::No);
}

#[test]
fn p1_a_closed_purse_stays_closed() {
    let purse = purse_with(10);
    purse.close();
    purse.usable_until(END);
    assert_eq!(purse.draw(units(1), NOW), Drawn::No);
    assert_eq!(refused(&[(&purse, units(1))]), no(0));
}

#[test]
fn i6_what_is_put_into_a_closed_purse_is_said_to_be_and_can_be_withdrawn() {
    for purse in [purse_with(10), striped_with(10)] {
        assert_ne!(purse.draw(units(6), NOW), Drawn::No);
        purse.close();
        assert_eq!(purse.withdraw(), units(4));
        assert_eq!(purse.withdraw(), Amount::ZERO);
        assert_eq!(purse.put_back(units(6)), PutBack::Closed);
        assert_eq!(purse.withdraw(), units(6));
    }
}

#[test]
fn p1_an_overdraft_takes_what_is_there_and_the_rest_from_what_comes() {
    for purse in [purse_with(10), striped_with(10)] {
        purse.overdraw(units(4));
        assert_eq!(purse.free(), units(6));
        purse.overdraw(units(10));
        assert_eq!(purse.free(), Amount::ZERO);
        assert_eq!(purse.put_back(units(3)), PutBack::Kept);
        assert_eq!((purse.free(), purse.draw(units(1), NOW)), (Amount::ZERO, Drawn::No));
        purse.deposit(units(3));
        assert_eq!(purse.free(), units(2), "4 were owed");
        assert_ne!(purse.draw(units(2), NOW), Drawn::No);
    }
}

#[test]
fn i6_a_withdrawal_pays_what_is_owed_first() {
    let purse = purse_with(10);
    assert_ne!(purse.draw(units(10), NOW), Drawn::No);
    purse.overdraw(units(5));
    purse.close();
    assert_eq!(purse.withdraw(), Amount::ZERO);
    assert_eq!(purse.put_back(units(10)), PutBack::Closed);
    assert_eq!(purse.withdraw(), units(5));
}

#[test]
fn p5_low_is_told_once_a_deposit_below_half() {
    let purse = purse_with(10);
    assert_eq!(purse.draw(units(5), NOW), Drawn::Yes, "half is not below half");
    assert_eq!(purse.draw(units(1), NOW), Drawn::Low);
    assert_eq!(purse.draw(units(1), NOW), Drawn::Yes, "it was told");
    purse.deposit(units(7));
    assert_eq!(purse.draw(units(5), NOW), Drawn::Yes);
    assert_eq!(purse.draw(units(1), NOW), Drawn::Low);
}

#[test]
fn p5_low_is_told_of_a_striped_purse_by_its_sum() {
    let purse = striped_with(1_000);
    let drawn: Vec<_> = (0..1_000).map(|_| purse.draw(units(1), NOW)).collect();
    let told: Vec<_> = (0..1_000).filter(|at| drawn[*at] == Drawn::Low).collect();
    assert_eq!(told, [500], "one thread keeps a fair share and looks when it is used up");
    assert!(!drawn.contains(&Drawn::No), "what lies in others' stripes is not lost");
}

#[test]
fn p5_use_is_seen_once() {
    let purse = purse_with(10);
    assert_eq!(purse.look(), Use::Unused);
    assert_ne!(purse.draw(units(1), NOW), Drawn::No);
    assert_eq!((purse.look(), purse.look()), (Use::Used, Use::Unused));
    assert_eq!(purse.draw(units(100), NOW), Drawn::No);
    assert_eq!(purse.look(), Use::Unused, "nothing was drawn");
}

#[test]
fn p1_all_limits_of_a_chain_or_none() {
    let (key, team, organisation) = (purse_with(10), striped_with(100), purse_with(5));
    let draws = [(&key, units(4)), (&team, units(4)), (&organisation, units(4))];
    assert_eq!(low(&draws), [2], "1 is below half of 5");
    assert_eq!(refused(&draws), no(2));
    assert_eq!([&key, &team, &organisation].map(Purse::free), [units(6), units(96), units(1)]);
}

#[test]
fn p5_what_is_put_back_at_once_is_neither_told_low_nor_counted_as_use() {
    let (rich, poor) = (purse_with(10), purse_with(1));
    assert_eq!(refused(&[(&rich, units(9)), (&poor, units(2))]), no(1));
    assert_eq!((rich.look(), rich.free()), (Use::Unused, units(10)));
    assert_eq!(rich.draw(units(9), NOW), Drawn::Low, "it was not told before");
}

#[test]
fn p1_the_same_purse_twice_is_drawn_from_twice() {
    let purse = purse_with(10);
    let draws = [(&purse, units(5)), (&purse, units(5))];
    assert_eq!(low(&draws), [0], "told once");
    assert_eq!(purse.free(), Amount::ZERO);
}

#[test]
fn p1_of_too_many_purses_none_is_drawn_from() {
    let purse = purse_with(1_000);
    let draws = [(&purse, units(1)); MAX_DRAWS + 1];
    assert_eq!(refused(&draws), no(MAX_DRAWS));
    assert_eq!(purse.free(), units(1_000));
    assert!(low(&draws[..MAX_DRAWS]).is_empty());
    assert_eq!(purse.free(), units(1_000 - 64));
}

#[test]
fn the_leases_of_a_purse_are_read_without_an_allocation() {
    let purse = purse_with(1);
    for count in [MAX_LEASES_A_PURSE, MAX_LEASES_A_PURSE + 1] {
        let leases = ids(count);
        purse.pay_from(leases.clone());
        assert_eq!(purse.leases().as_slice(), leases);
        assert_eq!(purse.leases().spilled(), count > MAX_LEASES_A_PURSE);
    }
}

/// Two of them never share a cache line, and one alone is small.
#[test]
fn p5_a_purse_is_lean_and_has_its_cache_lines_to_itself() {
    assert_eq!((align_of::<Purse>(), size_of::<Purse>()), (64, 192));
}

#[test]
fn p5_a_purse_grows_stripes_once_threads_were_often_in_each_others_way() {
    let purse = purse_with(10);
    for _ in 1..CROWDED_AFTER {
        purse.lost_a_race();
    }
    assert_eq!(purse.grown(), 0);
    purse.lost_a_race();
    let stripes = keycap_base::stripe_count(MAX_STRIPES);
    assert_eq!(purse.grown(), if stripes > 1 { stripes } else { 0 }, "by what runs at once");
    assert_eq!(purse.free(), units(10));
    assert_ne!(purse.draw(units(10), NOW), Drawn::No);
}
