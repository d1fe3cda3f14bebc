//! What a live key takes in memory: a million keys, each with a chain of its own account, a user's and
//! an organisation's, and an identity with subject, key id, organisation and two scopes. Once over a
//! ledger that has its rows in memory and shares them, once over one that reads them anew each time, as
//! a database does. What the ledger takes for the accounts was there before and does not count. Another
//! number of keys can be given as argument.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::alloc::System;
use std::env;
use std::sync::atomic::Ordering;

use keycap::budget::{Batch, MAX_BATCH};
use keycap::{Ledger, MemoryLedger, Operation, Reapply, Timestamp};
use keycap_bench::{Node, ROOMY, Rereading, background, key_chain};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KEYS: usize = 1_000_000;

fn main() {
    let keys = env::args().skip(1).find(|it| it != "--bench").map_or(KEYS, |it| {
        it.parse().ok().filter(|&keys| keys > 0).expect("a number of keys above 0")
    });
    println!("\n| ledger | live keys | bytes | bytes each |");
    println!("|---|---|---|---|");
    measure("shares its rows", keys, |ledger| ledger);
    measure("reads its rows anew", keys, Rereading::new);
}

fn measure<L: Ledger>(name: &str, keys: usize, ledger_over: impl FnOnce(MemoryLedger) -> L) {
    let ledger = MemoryLedger::new();
    for first in (0..keys).step_by(MAX_BATCH) {
        open(&ledger, first..keys.min(first + MAX_BATCH));
    }
    let node = Node::over(ledger_over(ledger), ROOMY);
    let before = allocated();
    (0..keys).for_each(|key| node.know(key));
    let bytes = allocated() - before;
    assert_eq!(node.verified.load(Ordering::SeqCst), keys as u64, "all live");
    println!("| {name} | {keys} | {bytes} | {} |", bytes / keys);
}

/// Bytes that are allocated and not freed.
fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    // Growing and shrinking in place are counted in these two as well.
    stats.bytes_allocated - stats.bytes_deallocated
}

fn open(ledger: &MemoryLedger, keys: std::ops::Range<usize>) {
    let opening = |key| Operation::Open {
        chain: key_chain(key, ROOMY).expect("a chain"),
        asserted_at: Timestamp::EPOCH,
        reapply: Reapply::Never,
    };
    let batch = Batch::new(keys.map(opening).collect()).expect("within bounds");
    for opened in background().block_on(ledger.apply(batch)).expect("answers") {
        opened.expect("opens");
    }
}
