//! What accounts cost that the node knows and nobody uses any more: 100,000 keys are used, each with
//! a hold and a charge, then nothing comes for as long as a lease lives, then processor time of the
//! whole process is measured. The first row is the same process before it knows any key.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::time::Duration;

use keycap::Guard;
use keycap::gate::Decision;
use keycap_bench::{
    KEYS_AN_ORGANISATION, Node, ROOMY, Sent, background, finish, median, price, process_time,
    quartiles,
};

const ACCOUNTS: usize = 100_000;
/// So long nobody uses anything before it counts: longer than leases live.
const SETTLING: Duration = Duration::from_secs(15);
const SPAN: Duration = Duration::from_secs(2);
const SPANS: usize = 11;
/// Millionths of a core.
const SCALE: u128 = 1_000_000;

fn main() {
    let node = Node::new(ROOMY);
    println!("\n| keys known and idle | millionths of a core | quartiles |");
    println!("|---|---|---|");
    print(0);
    let guarded = node.guarded(Guard::fixed(price()));
    for key in 0..ACCOUNTS {
        match background().block_on(guarded.decide(&Sent::by(key), None)) {
            Decision::Admitted(key) => {
                drop(key.track(price()));
                finish(key);
            }
            other => panic!("not admitted: {other:?}"),
        }
    }
    for first in (0..ACCOUNTS).step_by(KEYS_AN_ORGANISATION) {
        node.wait_for(first, KEYS_AN_ORGANISATION as u64, &price());
    }
    std::thread::sleep(SETTLING);
    print(ACCOUNTS);
}

fn print(keys: usize) {
    let shares: Vec<u128> = (0..SPANS).map(|_| share()).collect();
    let (lower, upper) = quartiles(shares.iter().copied());
    println!("| {keys} | {} | {lower}–{upper} |", median(shares));
}

/// The share of one processor that this process takes while it does nothing.
fn share() -> u128 {
    let began = process_time();
    std::thread::sleep(SPAN);
    (process_time() - began).as_nanos() * SCALE / SPAN.as_nanos()
}
