//! How often the heap is asked for memory by a request that is admitted, in steady use.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

use std::alloc::System;

use keycap::Guard;
use keycap_tests::steady::{BURST, Steady, admit, finish, released};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests that are counted.
const COUNTED: usize = 256;

/// Allocations of this process so far; growing in place is one as well.
fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// What a request allocates from header bytes to its end: the least and the most of many.
async fn counts(steady: &Steady, guard: Guard) -> (usize, usize) {
    let guarded = steady.gate.guarded(guard).expect("a guard");
    let request = || finish(admit(&guarded, &steady.sent[0]));
    steady.until_steady(|| (0..BURST).for_each(|_| request())).await;
    let mut counts = Vec::with_capacity(COUNTED);
    for _ in 0..COUNTED {
        steady.rest().await;
        let before = allocations();
        request();
        counts.push(allocations() - before);
    }
    let least = counts.iter().min().expect("requests");
    (*least, *counts.iter().max().expect("requests"))
}

/// The only test of its process, and on one thread: all that is counted is its own.
#[test]
fn p5_a_request_that_tracks_nothing_allocates_nothing() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let steady = Steady::new(1).await;
        let free = counts(&steady, Guard::free()).await;
        let untracked = counts(&steady, released()).await;
        let none = (0, 0);
        assert_eq!((free, untracked), (none, none), "least and most, nothing held and held");
    });
}
