//! How often the ledger is asked, by a counting wrapper around it, and whether anybody is refused while
//! there is money. Counted, not timed:
//!
//! - **steady**: 20,000 requests a second on 100 keys for some seconds, each at work for ten
//!   milliseconds, each with a cost to track; caps of a million requests;
//! - **spending it all**: bursts of unknown length with estimates and costs of unknown size, until
//!   nothing fits any more. A refusal is wrong if the request would have fitted together with all others
//!   of its burst;
//! - **refused**: requests of a key that has spent all it may, as fast as two threads can.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;
use keycap::gate::{Decision, Guarded};
use keycap::{Amount, Cost, Guard, KeyState, Meter, usd};
use keycap_bench::{Node, Random, Sent, Tally, background, finish, now, price};

const KEYS: usize = 100;
const A_SECOND: usize = 20_000;
const TICK: Duration = Duration::from_millis(1);
/// So many requests are at work: ten milliseconds' worth.
const AT_WORK: usize = A_SECOND / 100;
const WARMING: Duration = Duration::from_secs(5);
const SPAN: Duration = Duration::from_secs(20);
/// A million requests at the price, for each account.
const MILLION: &str = "$10000 per month";

const SMALL: &str = "$100 per month";
const SMALL_UNITS: i64 = 100_000_000_000;
const LARGEST: u64 = 400_000_000;
const BURST: usize = 64;
/// So many bursts in a row of which nothing was admitted are the end.
const LAST_BURSTS: usize = 20;

const REFUSING: Duration = Duration::from_secs(5);

fn main() {
    steady();
    spend_it_all();
    refuse();
}

fn steady() {
    let node = Node::new(MILLION);
    (0..KEYS).for_each(|key| node.know(key));
    let guarded = node.guarded(Guard::fixed(price()));
    let mut random = Random::default();
    let mut pace = |span| paced(&guarded, &mut random, span);
    pace(WARMING);
    let before = node.counts.tally();
    let Paced { admitted, refused } = pace(SPAN);
    let Tally { with_charges, others, holds, charges, .. } = node.counts.tally().since(before);
    println!("\n| steady | count | per million admitted |");
    println!("|---|---|---|");
    for (name, count) in [
        ("admitted", admitted),
        ("refused", refused),
        ("calls of `apply` with charges", with_charges),
        ("other calls of `apply`", others),
        ("holds taken", holds),
        ("charges sent", charges),
    ] {
        println!("| {name} | {count} | {} |", count * 1_000_000 / admitted.max(1));
    }
}

struct Paced {
    admitted: u64,
    refused: u64,
}

/// Requests at their pace, from one thread.
fn paced(guarded: &Guarded, random: &mut Random, span: Duration) -> Paced {
    let (mut paced, mut at_work) = (Paced { admitted: 0, refused: 0 }, VecDeque::new());
    let (began, mut made) = (now(), 0);
    while began.elapsed() < span {
        let due = began.elapsed().as_micros() * A_SECOND as u128 / 1_000_000;
        while made < due {
            made += 1;
            let sent = Sent::by(random.below(KEYS));
            match background().block_on(guarded.decide(&sent, None)) {
                Decision::Admitted(key) => at_work.push_back(key),
                other => {
                    paced.refused += 1;
                    eprintln!("refused: {other:?}");
                }
            }
            if at_work.len() > AT_WORK {
                at_work.pop_front().into_iter().for_each(end);
                paced.admitted += 1;
            }
        }
        std::thread::sleep(TICK);
    }
    paced.admitted += at_work.len() as u64;
    at_work.into_iter().for_each(end);
    paced
}

fn end(key: KeyState) {
    drop(key.track(price()));
    finish(key);
}

/// What is left of the smallest cap on the chain, and how requests fared.
#[derive(Debug)]
struct Spending {
    left: i64,
    admitted: u64,
    rightly: u64,
    wrongly: u64,
}

fn spend_it_all() {
    let node = Node::new(SMALL);
    node.know(0);
    let mut random = Random::default();
    let mut spending = Spending { left: SMALL_UNITS, admitted: 0, rightly: 0, wrongly: 0 };
    let mut in_vain = 0;
    while in_vain < LAST_BURSTS {
        let admitted = spending.admitted;
        burst(&node, &mut random, &mut spending);
        in_vain = if spending.admitted == admitted { in_vain + 1 } else { 0 };
    }
    let Spending { left, admitted, rightly, wrongly } = spending;
    println!("\n| spending it all | count |");
    println!("|---|---|");
    println!("| admitted | {admitted} |");
    println!("| refused, did not fit | {rightly} |");
    println!("| refused, would have fitted | {wrongly} |");
    println!("| left of {SMALL_UNITS} | {left} |");
}

/// Requests that come together, and what each really costs.
fn burst(node: &Node, random: &mut Random, spending: &mut Spending) {
    let length = 1 + random.below(BURST);
    let sizes: Vec<i64> = (0..length).map(|_| size(random)).collect();
    let all: i64 = sizes.iter().sum();
    let guarded: Vec<_> =
        sizes.iter().map(|&size| node.guarded(Guard::fixed(cost(size)))).collect();
    let sent = Sent::by(0);
    let decided = background().block_on(join_all(guarded.iter().map(|it| it.decide(&sent, None))));
    let (mut spent, mut fits) = (0, 0);
    for (decided, &size) in decided.into_iter().zip(&sizes) {
        match decided {
            Decision::Admitted(key) => {
                spending.admitted += 1;
                let real = 1 + size / 2;
                spent += real;
                drop(key.track(cost(real)));
                finish(key);
            }
            _ if all <= spending.left => spending.wrongly += 1,
            _ => fits += 1,
        }
    }
    spending.rightly += fits;
    spending.left -= spent;
}

/// Small ones as often as large ones, by their order of magnitude.
fn size(random: &mut Random) -> i64 {
    let largest = LARGEST >> random.below(16);
    1 + i64::try_from(random.below(usize::try_from(largest).expect("fits"))).expect("fits")
}

fn cost(units: i64) -> Cost {
    Cost::of(Meter::USD, Amount::new(units).expect("in range")).expect("a cost")
}

fn refuse() {
    let node = Node::new("$1 per month");
    node.know(0);
    node.spend(0, usd!(1));
    let guarded = node.guarded(Guard::fixed(price()));
    let before = node.counts.tally();
    let refused: u64 = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| refuse_for(&guarded, REFUSING)));
        threads.into_iter().map(|thread| thread.join().expect("runs")).sum()
    });
    let asked = node.counts.tally().since(before);
    let seconds = REFUSING.as_secs();
    println!("\n| refused | a second |");
    println!("|---|---|");
    println!("| refusals | {} |", refused / seconds);
    println!("| calls of `apply` | {} |", (asked.with_charges + asked.others).div_ceil(seconds));
}

fn refuse_for(guarded: &Guarded, span: Duration) -> u64 {
    let (began, sent, mut refused) = (now(), Sent::by(0), 0);
    while began.elapsed() < span {
        for _ in 0..BURST {
            let decided = background().block_on(guarded.decide(&sent, None));
            assert!(matches!(decided, Decision::Refused(_)), "not refused: {decided:?}");
            refused += 1;
        }
    }
    refused
}
