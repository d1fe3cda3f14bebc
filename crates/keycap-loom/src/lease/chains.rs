//! All limits of a chain or none, while others are at them.

use std::sync::Arc;

use super::purse::{DrawnAll, Purse, draw_all};
use super::world::{ALL, NOW, check_rest, draw, explore, purse_with, striped_with, thread, units};

/// Draws so much from each.
fn draw_from(purses: [&Purse; 2], count: u32) -> DrawnAll {
    draw_all(&purses.map(|purse| (purse, units(count))), NOW)
}

fn is_drawn(drawn: DrawnAll) -> bool {
    matches!(drawn, DrawnAll::Yes { .. })
}

#[test]
fn p1_two_requests_on_one_chain() {
    explore("two requests on one chain", ALL, || {
        let (key, team) = (purse_with(3), purse_with(3));
        let theirs = Arc::clone(&team);
        let other = thread(1, &key, move |key| is_drawn(draw_from([key, &theirs], 2)));
        let mine = is_drawn(draw_from([&key, &team], 2));
        let drawn = [mine, other.join().unwrap()];
        assert!(drawn == [true, false] || drawn == [false, true], "enough for one: {drawn:?}");
        check_rest(&key, 3, 2);
        check_rest(&team, 3, 2);
    });
}

#[test]
fn p1_what_cannot_be_drawn_whole_leaves_no_trace() {
    explore("none of a chain", ALL, || {
        let (key, team) = (striped_with(4), purse_with(3));
        let theirs = Arc::clone(&team);
        let other = thread(1, &key, move |key| is_drawn(draw_from([&theirs, key], 3)));
        let mine = is_drawn(draw_from([&key, &team], 3));
        let drawn = i64::from(mine) + i64::from(other.join().unwrap());
        assert!(drawn <= 1, "enough for one");
        check_rest(&key, 4, 3 * drawn);
        check_rest(&team, 3, 3 * drawn);
    });
}

#[test]
fn i6_what_was_put_into_a_purse_that_closed_meanwhile_is_told() {
    explore("none of a chain that closes", ALL, || {
        let (key, empty) = (striped_with(4), purse_with(0));
        let other = thread(1, &key, move |key| draw_from([key, &empty], 2));
        key.close();
        let withdrawn = key.withdraw();
        let DrawnAll::No { short, closed } = other.join().unwrap() else { panic!("from nothing") };
        let told = closed.eq([0]);
        assert!(!told || short == 1, "nothing was put back into what could not give");
        assert!(told || key.free().units() == 0, "left behind");
        assert_eq!(draw(&key, 1), 0);
        assert_eq!(withdrawn.units() + key.withdraw().units(), 4);
    });
}
