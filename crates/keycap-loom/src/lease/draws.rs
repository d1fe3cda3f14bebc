//! Draws, put-backs and deposits that meet.

use super::purse::{Drawn, Purse, PutBack};
use super::world::{
    ALL, NOW, SOME, check_rest, draw, explore, purse_with, striped_with, thread, units,
};

#[test]
fn p1_two_draws_from_one_word() {
    explore("two draws from one word", ALL, || {
        let purse = purse_with(5);
        let (one, two) =
            (thread(0, &purse, |purse| draw(purse, 3)), thread(1, &purse, |it| draw(it, 3)));
        let out = one.join().unwrap() + two.join().unwrap();
        assert_eq!(out, 3, "there is enough for one");
        check_rest(&purse, 5, out);
    });
}

#[test]
fn p1_two_draws_that_gather_from_both_stripes() {
    explore("two draws that gather", ALL, || {
        let purse = striped_with(4);
        let (one, two) =
            (thread(0, &purse, |purse| draw(purse, 3)), thread(1, &purse, |it| draw(it, 3)));
        let out = one.join().unwrap() + two.join().unwrap();
        assert_eq!(out, 3, "there is enough for one");
        check_rest(&purse, 4, out);
    });
}

#[test]
fn p1_a_draw_gathers_while_another_draws_and_puts_back() {
    explore("a draw gathers beside a request", ALL, || {
        let purse = striped_with(4);
        let request = thread(0, &purse, |purse| {
            let drawn = draw(purse, 2);
            if drawn == 2 {
                assert_eq!(purse.put_back(units(1)), PutBack::Kept);
            }
            drawn - drawn / 2
        });
        let gathers = thread(1, &purse, |purse| draw(purse, 3));
        let out = request.join().unwrap() + gathers.join().unwrap();
        check_rest(&purse, 4, out);
    });
}

#[test]
fn p1_three_draws_from_two_stripes() {
    explore("three draws from two stripes", SOME, || {
        let purse = striped_with(4);
        let (one, two) = (thread(0, &purse, |it| draw(it, 2)), thread(1, &purse, |it| draw(it, 2)));
        let out = draw(&purse, 2) + one.join().unwrap() + two.join().unwrap();
        assert_eq!(out, 4, "there is enough for two");
        check_rest(&purse, 4, out);
    });
}

#[test]
fn p1_a_purse_grows_while_it_is_drawn_from() {
    explore("a purse grows", SOME, || {
        let purse = purse_with(4);
        let request = thread(1, &purse, |purse| {
            let drawn = draw(purse, 3);
            if drawn > 0 {
                assert_eq!(purse.put_back(units(1)), PutBack::Kept);
            }
            (drawn - 1).max(0)
        });
        purse.grow();
        let mine = draw(&purse, 2);
        let out = mine + request.join().unwrap();
        assert!(out > 0, "there is enough for one");
        check_rest(&purse, 4, out);
    });
}

#[test]
fn p5_a_deposit_is_told_low_once() {
    explore("low is told once", SOME, || {
        let purse = striped_with(4);
        let told = |drawn: Drawn| u32::from(drawn == Drawn::Low);
        let work =
            move |purse: &Purse| told(purse.draw(units(1), NOW)) + told(purse.draw(units(1), NOW));
        let (one, two) = (thread(0, &purse, work), thread(1, &purse, work));
        assert_eq!(one.join().unwrap() + two.join().unwrap(), 1);
        check_rest(&purse, 4, 4);
    });
}

#[test]
fn i6_a_deposit_and_a_withdrawal_beside_a_draw() {
    explore("a deposit and a withdrawal", ALL, || {
        let purse = striped_with(2);
        let request = thread(1, &purse, |purse| draw(purse, 3));
        purse.deposit(units(2));
        let withdrawn = purse.withdraw().units();
        let out = request.join().unwrap();
        check_rest(&purse, 4, out + withdrawn);
    });
}
