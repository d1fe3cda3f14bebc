//! A thousand first requests of one key that nobody knows yet, all at once: how often the provider is
//! asked, and how often accounts are opened. Counted, not timed. A number as argument makes it so many
//! rounds, each with another key.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::env;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use keycap::gate::Decision;
use keycap::{Guard, MemoryLedger};
use keycap_bench::{Node, ROOMY, Sent, background, median, price};

const ROUNDS: usize = 41;
const REQUESTS: usize = 1_000;
/// How long the provider takes: long enough that all requests are there before it answers.
const DELAY: Duration = Duration::from_millis(20);

fn main() {
    let rounds = env::args().skip(1).find(|it| it != "--bench").map_or(ROUNDS, |it| {
        it.parse().ok().filter(|&rounds| rounds > 0).expect("a number of rounds above 0")
    });
    let node = Node::asking(MemoryLedger::new(), ROOMY, DELAY);
    let calls: Vec<(u64, u64)> = (0..rounds).map(|key| round(&node, key)).collect();
    println!("\n| {REQUESTS} first requests of one key | median | most |");
    println!("|---|---|---|");
    for (name, counts) in [
        ("calls to the provider", calls.iter().map(|call| call.0).collect::<Vec<_>>()),
        ("chains opened", calls.iter().map(|call| call.1).collect()),
    ] {
        let most = counts.iter().max().copied().unwrap_or_default();
        println!("| {name} | {} | {most} |", median(counts));
    }
}

/// Calls to the provider, and chains opened.
fn round(node: &Node, key: usize) -> (u64, u64) {
    let (verified, tally) = (node.verified.load(Ordering::SeqCst), node.counts.tally());
    let guarded = node.guarded(Guard::fixed(price()));
    let requests = (0..REQUESTS).map(|_| {
        let guarded = guarded.clone();
        tokio::spawn(async move { guarded.decide(&Sent::by(key), None).await })
    });
    background().block_on(async {
        for decided in join_all(requests).await {
            let decided = decided.expect("runs");
            assert!(matches!(decided, Decision::Admitted(_)), "not admitted: {decided:?}");
        }
    });
    let verified = node.verified.load(Ordering::SeqCst) - verified;
    (verified, node.counts.tally().since(tally).openings)
}
