//! A refusal is the ledger's word, and told to others for a moment.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use keycap_budget::{Amendment, ChargeId, Cost, Ledger, Limits, NewCharge, Operation, apply_one};
use keycap_gate::{Code, Decision, Denial, Guard, Refusal};
use support::{World, finish};

fn tokens(count: u32) -> Guard {
    Guard::fixed(Cost::tokens(count))
}

fn asked(world: &World) -> usize {
    world.ledger.holds.load(Ordering::SeqCst)
}

/// Many requests at once, all of which are refused.
async fn storm(world: &Arc<World>, size: u32, code: Code) {
    let requests = (0..100).map(|_| {
        let world = Arc::clone(world);
        tokio::spawn(async move { world.code(tokens(size)).await })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), code);
    }
}

#[tokio::test(start_paused = true)]
async fn p5_an_empty_key_costs_the_ledger_twenty_questions_a_second() {
    let world = Arc::new(World::with(&["100 tokens per day"]).await);
    finish(world.admitted(tokens(100)).await, 200);
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    let before = asked(&world);
    for _ in 0..50 {
        world.clock.advance(Duration::from_millis(20));
        storm(&world, 1, Code::BudgetExceeded).await;
        storm(&world, 7, Code::BudgetExceeded).await;
    }
    let asked = asked(&world) - before;
    assert!((1..=20).contains(&asked), "{asked} questions in a second");
}

#[tokio::test(start_paused = true)]
async fn p5_nor_does_one_whose_budget_others_hold() {
    let world = Arc::new(World::with(&["100 tokens per day"]).await);
    let key = world.admitted(tokens(95)).await;
    assert_eq!(world.code(tokens(6)).await, Code::BudgetReserved);
    let before = asked(&world);
    for _ in 0..50 {
        world.clock.advance(Duration::from_millis(20));
        storm(&world, 6, Code::BudgetReserved).await;
    }
    assert!(asked(&world) - before <= 20);
    finish(world.admitted(tokens(5)).await, 200);
    finish(key, 200);
}

/// Fifty milliseconds stand still here: nothing but what is seen ends a refusal.
#[tokio::test(start_paused = true)]
async fn p4_a_refusal_ends_when_something_comes_back() {
    let world = World::with(&["100 tokens per day"]).await;
    let key = world.admitted(tokens(100)).await;
    assert_eq!(world.code(tokens(1)).await, Code::BudgetReserved);
    finish(key, 500);
    let key = world.admitted(tokens(100)).await;
    assert_eq!(world.code(tokens(1)).await, Code::BudgetReserved);
    drop(key.track(Cost::tokens(60)));
    finish(key, 200);
    finish(world.admitted(tokens(40)).await, 200);
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
}

#[tokio::test(start_paused = true)]
async fn p4_a_refusal_ends_with_an_amendment_and_a_refund() {
    let world = World::with(&["100 tokens per day"]).await;
    finish(world.admitted(tokens(100)).await, 200);
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    let charge = world.ledger.inner.charges(&world.account, None, 1).await.unwrap().remove(0).id;
    let id = ChargeId::generate(support::START);
    let (account, cost) = (world.account.clone(), Cost::tokens(10));
    let refund = Operation::Refund { id, account, charge, cost };
    apply_one(&world.ledger, refund).await.unwrap().unwrap();
    finish(world.admitted(tokens(10)).await, 200);
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    let version = world.ledger.inner.chain(&world.account).await.unwrap().unwrap().leaf().version;
    let limits = Limits::of(["200 tokens per day".parse().unwrap()]).unwrap();
    let amendment = Amendment::new().limits(limits);
    let amend = Operation::Amend { account: world.account.clone(), version, amendment };
    apply_one(&world.ledger, amend).await.unwrap().unwrap();
    finish(world.admitted(tokens(100)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn p4_a_refusal_says_nothing_of_less_than_was_refused() {
    let world = World::with(&["100 tokens per day"]).await;
    finish(world.admitted(tokens(60)).await, 200);
    assert_eq!(world.code(tokens(41)).await, Code::BudgetExceeded);
    let before = asked(&world);
    assert_eq!(world.code(tokens(90)).await, Code::BudgetExceeded);
    assert_eq!(world.code(tokens(101)).await, Code::HoldExceedsCap, "what more would be");
    assert_eq!(asked(&world), before);
    finish(world.admitted(tokens(40)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn p8_a_refusal_that_is_told_again_tells_the_time_that_is_left() {
    let world = World::with(&["100 tokens per day"]).await;
    finish(world.admitted(tokens(100)).await, 200);
    let told = |refusal: Refusal| match refusal {
        Refusal::Denied(Denial::OverLimit(over)) => over.retry_after().unwrap(),
        other => panic!("{other:?}"),
    };
    let first = told(world.refused(tokens(1)).await);
    let before = asked(&world);
    world.clock.advance(Duration::from_millis(30));
    assert_eq!(told(world.refused(tokens(1)).await), first - Duration::from_millis(30));
    assert_eq!(asked(&world), before);
}

#[tokio::test(start_paused = true)]
async fn p4_a_refusal_is_told_again_for_fifty_milliseconds_and_not_in_the_last() {
    let world = World::with(&["100 tokens per day"]).await;
    finish(world.admitted(tokens(100)).await, 200);
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    let before = asked(&world);
    world.clock.advance(Duration::from_millis(50) - Duration::from_nanos(1));
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    assert_eq!(asked(&world), before);
    world.clock.advance(Duration::from_nanos(1));
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    assert_eq!(asked(&world), before + 1);
}

/// A refusal is not believed beyond the window it was told for.
#[tokio::test(start_paused = true)]
async fn p4_a_refusal_ends_with_its_window() {
    let world = World::with(&["100 tokens per day"]).await;
    finish(world.admitted(tokens(100)).await, 200);
    let end = world.standing(&keycap_budget::Meter::TOKENS).await.window.end.unwrap();
    world.clock.advance_to(end.minus(Duration::from_millis(10)));
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    world.clock.advance(Duration::from_millis(10));
    finish(world.admitted(tokens(100)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn p4_who_waits_for_what_others_hold_is_served_when_it_comes_back() {
    let world = Arc::new(World::with(&["100 tokens per day"]).await);
    let key = world.admitted(tokens(100)).await;
    let guarded = world.guarded(tokens(100).wait_up_to(Duration::from_secs(20)));
    let waiting = guarded.decide(&world.request, None);
    let free = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        finish(key, 500);
    };
    match tokio::join!(waiting, free).0 {
        Decision::Admitted(key) => finish(key, 200),
        other => panic!("{other:?}"),
    }
    let account = world.account.clone();
    let id = ChargeId::generate(support::START);
    let charge = NewCharge { id, account, cost: Cost::tokens(1), tags: Default::default() };
    apply_one(&world.ledger, Operation::Charge(charge)).await.unwrap().unwrap();
}
