//! Layers inside each other: what an inner one adds, and what it leaves to the outer one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::time::Duration;

use keycap_budget::usd;
use keycap_gate::{Code, Decision, Ending, Endings, Fate, Guard, KeyState, Refusal};
use support::{Sent, World, finish};

async fn inside(world: &World, outer: &KeyState, guard: Guard) -> Result<KeyState, Refusal> {
    let guarded = world.guarded(guard);
    match guarded.decide(&Sent(String::new()), Some(outer.clone())).await {
        Decision::Admitted(key) => Ok(key),
        Decision::Refused(refusal) => Err(refusal),
        other => panic!("observed: {other:?}"),
    }
}

/// A route that holds by its handler, inside a router that is free, was admitted with its budget
/// spent: the inner guard's condition, that something is left, was not looked at.
#[tokio::test]
async fn p1_by_handler_inside_free_is_admitted_only_while_something_is_left() {
    let world = World::with(&["$0.10 per day"]).await;
    let key = world.admitted(Guard::free()).await;
    inside(&world, &key, Guard::by_handler()).await.unwrap();
    key.track(usd!(0.10)).await.unwrap();
    finish(key, 200);
    world.at_rest().await;
    let key = world.admitted(Guard::free()).await;
    let refusal = inside(&world, &key, Guard::by_handler()).await.unwrap_err();
    assert_eq!(refusal.code(), Code::BudgetExceeded);
}

/// An inner guard that said nothing of endings put the default in the place of what the outer one
/// had said.
#[tokio::test]
async fn what_an_inner_guard_does_not_say_of_endings_the_outer_one_does() {
    let lenient = || Endings::default().untracked(Ending::Success, Fate::Release);
    let strict = || Endings::default().untracked(Ending::Failure, Fate::Capture);
    for (inner, spent) in
        [(Guard::free().scope("chat"), "$0.00"), (Guard::free().endings(strict()), "$0.02")]
    {
        let world = World::with(&["$1 per day"]).await;
        let key = world.admitted(Guard::fixed(usd!(0.02)).endings(lenient())).await;
        drop(inside(&world, &key, inner).await.unwrap());
        finish(key, 200);
        assert_eq!(world.at_rest().await.0, spent);
    }
}

/// An inner guard that refused had already put its price and endings in the place of the outer ones.
#[tokio::test]
async fn an_inner_guard_that_refuses_changes_nothing_of_the_end() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::priced(usd!(0.02))).await;
    let refusal = inside(&world, &key, Guard::priced(usd!(2))).await.unwrap_err();
    assert_eq!(refusal.code(), Code::HoldExceedsCap);
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.02");
}

/// An inner guard's leave to wait was not heard: its top-up was refused at once.
#[tokio::test]
async fn an_inner_guard_may_wait_for_what_others_have_reserved() {
    let world = World::with(&["$1 per day"]).await;
    let other = world.admitted(Guard::fixed(usd!(0.9))).await;
    let key = world.admitted(Guard::fixed(usd!(0.1))).await;
    let guard = Guard::fixed(usd!(0.5)).wait_up_to(Duration::from_secs(20));
    let waiting = inside(&world, &key, guard);
    let (admitted, ()) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        finish(other, 500);
    });
    admitted.unwrap();
}
