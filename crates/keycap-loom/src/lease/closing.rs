//! A purse is closed and emptied while it is in use: nothing stays behind that nobody is told of.

use std::sync::Arc;

use super::purse::{Purse, PutBack};
use super::world::{ALL, SOME, draw, explore, purse_with, striped_with, thread, units};

/// What a request left behind: how much it has, and whether it was told that the purse is closed.
struct Left {
    out: i64,
    told: bool,
}

/// Draws 2, puts 1 of it back.
fn request(purse: &Purse) -> Left {
    match draw(purse, 2) {
        0 => Left { out: 0, told: false },
        out => Left { out: out - 1, told: purse.put_back(units(1)) == PutBack::Closed },
    }
}

fn call_back(purse: &Purse) -> i64 {
    purse.close();
    purse.withdraw().units()
}

/// What is deposited is out or withdrawn, and a put-back that nobody withdrew was told.
fn check_closed(purse: &Purse, deposited: i64, withdrawn: i64, left: &[Left]) {
    let out: i64 = left.iter().map(|left| left.out).sum();
    let behind = purse.free().units();
    assert!(behind == 0 || left.iter().any(|left| left.told), "{behind} left behind");
    assert_eq!(draw(purse, 1), 0, "nobody draws from a closed purse");
    assert_eq!(withdrawn + purse.withdraw().units() + out, deposited);
}

fn closes(purse: &Arc<Purse>) {
    let requests = thread(1, purse, request);
    let withdrawn = call_back(purse);
    let left = [requests.join().unwrap()];
    check_closed(purse, 4, withdrawn, &left);
}

#[test]
fn i6_a_purse_of_one_word_closes_under_a_request() {
    explore("closing, one word", ALL, || closes(&purse_with(4)));
}

#[test]
fn i6_a_striped_purse_closes_under_a_request() {
    explore("closing, stripes", ALL, || closes(&striped_with(4)));
}

#[test]
fn i6_a_purse_closes_under_two_requests() {
    explore("closing, two requests", SOME, || {
        let purse = striped_with(4);
        let (one, two) = (thread(0, &purse, request), thread(1, &purse, request));
        let withdrawn = call_back(&purse);
        let left = [one.join().unwrap(), two.join().unwrap()];
        check_closed(&purse, 4, withdrawn, &left);
    });
}

#[test]
fn i6_a_purse_closes_while_it_grows_under_a_request() {
    explore("closing, growing", SOME, || {
        let purse = purse_with(4);
        let (grows, requests) = (thread(0, &purse, Purse::grow), thread(1, &purse, request));
        let withdrawn = call_back(&purse);
        grows.join().unwrap();
        let left = [requests.join().unwrap()];
        check_closed(&purse, 4, withdrawn, &left);
    });
}

#[test]
fn i6_what_is_owed_is_paid_by_what_comes_back_after_the_closing() {
    explore("closing, overdrawn", SOME, || {
        let purse = striped_with(2);
        assert_eq!(draw(&purse, 2), 2);
        let puts = thread(1, &purse, |purse| purse.put_back(units(2)));
        let overdraws = thread(2, &purse, |purse| purse.overdraw(units(1)));
        let withdrawn = call_back(&purse);
        let told = puts.join().unwrap() == PutBack::Closed;
        overdraws.join().unwrap();
        if withdrawn == 2 {
            // The overdraft came after all was withdrawn: it stays owed.
            assert_eq!(purse.free().units(), 0);
        } else {
            check_closed(&purse, 2, withdrawn, &[Left { out: 1, told }]);
        }
    });
}
