//! Overdrafts that meet draws and put-backs.

use std::sync::Arc;

use super::purse::{Purse, PutBack};
use super::world::{ALL, SOME, check_rest, draw, explore, purse_with, striped_with, thread, units};

#[test]
fn p1_an_overdraft_meets_a_put_back() {
    explore("an overdraft meets a put-back", ALL, || {
        let purse = striped_with(3);
        assert_eq!(draw(&purse, 2), 2);
        let puts = thread(1, &purse, |purse| assert_eq!(purse.put_back(units(2)), PutBack::Kept));
        purse.overdraw(units(2));
        puts.join().unwrap();
        check_rest(&purse, 3, 2);
    });
}

#[test]
fn p1_what_is_owed_is_not_drawn() {
    explore("owed, one word", SOME, || owed(&purse_with(2)));
}

#[test]
fn p1_what_is_owed_is_not_drawn_from_stripes() {
    explore("owed, stripes", SOME, || owed(&striped_with(2)));
}

/// 2 are out, 3 more are overdrawn, 2 come back while somebody draws.
fn owed(purse: &Arc<Purse>) {
    assert_eq!(draw(purse, 2), 2);
    let puts = thread(1, purse, |purse| assert_eq!(purse.put_back(units(2)), PutBack::Kept));
    let draws = thread(2, purse, |purse| draw(purse, 1));
    purse.overdraw(units(3));
    puts.join().unwrap();
    let drawn = draws.join().unwrap();
    check_rest(purse, 2, 3 + drawn);
}

#[test]
fn p1_a_deposit_pays_what_is_owed_first() {
    explore("a deposit meets an overdraft", ALL, || {
        let purse = striped_with(0);
        let overdraws = thread(1, &purse, |purse| purse.overdraw(units(2)));
        purse.deposit(units(3));
        let drawn = draw(&purse, 2);
        overdraws.join().unwrap();
        check_rest(&purse, 3, 2 + drawn);
    });
}
