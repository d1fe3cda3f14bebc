//! How much memory a tracked cost takes, counted.
//!
//! One test in a file of its own: the counter counts for the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::alloc::System;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use keycap_budget::usd;
use keycap_gate::Guard;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{World, finish};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many allocations some code makes, of any kind.
fn allocations<T>(code: impl FnOnce() -> T) -> (usize, T) {
    let region = Region::new(ALLOCATOR);
    let made = code();
    let change = region.change();
    (change.allocations + change.reallocations, made)
}

#[tokio::test]
async fn p5_a_tracked_cost_takes_one_allocation_and_one_that_merges_takes_none() {
    let world = World::with(&["$1 per day"]).await;
    for _ in 0..8 {
        // So that lists have grown to what they need.
        let key = world.admitted(Guard::fixed(usd!(0.05))).await;
        key.track(usd!(0.01)).await.unwrap();
        finish(key, 200);
        world.at_rest().await;
    }
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    let (first, tracking) = allocations(|| key.track(usd!(0.01)));
    assert_eq!(first, 1);
    let (merged, dropped) = allocations(|| drop(key.track(usd!(0.01))));
    assert_eq!((merged, dropped), (0, ()));
    let mut tracking = pin!(tracking);
    let (waiting, poll) =
        allocations(|| tracking.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    assert!(poll.is_pending());
    assert_eq!(waiting, 0);
    tracking.await.unwrap();
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.10");
}
