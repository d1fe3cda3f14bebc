//! Two threads against one: on keys of different organisations, and on one hot key. Every request is
//! admitted and its hold given back; the hand-written floor does the same beside it.
//!
//! Processor time of each thread, so that only what the two do to each other counts, not who else wants
//! the processors: with two threads that do not touch the same memory a request takes as long as with
//! one, and both do twice as much. Each keeps on making requests until the other is done. A number as
//! argument makes it so many rounds.

#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, reason = "a program")]

use std::env;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keycap::gate::Guarded;
use keycap_bench::{
    Counter, KEYS_AN_ORGANISATION, Node, ROOMY, Reference, ReferenceEntry, Sent, admit,
    asked_from_here, background, finish, median, price, quartiles, released, secret, thread_time,
    until_steady,
};
use quanta::Clock;

const ROUNDS: usize = 41;
const REQUESTS: usize = 20_000;
/// Between two looks whether the other thread is done.
const STEP: usize = 500;
const ONE: usize = 0;
const OTHER: usize = KEYS_AN_ORGANISATION;
const CHAT: u64 = 1;

/// What two threads do at once: the first with the first key, the second with the second.
type Request<'a> = &'a (dyn Fn(usize) + Sync);

fn main() {
    let rounds = env::args().skip(1).find(|it| it != "--bench").map_or(ROUNDS, |it| {
        it.parse().ok().filter(|&rounds| rounds > 0).expect("a number of rounds above 0")
    });
    let (table, clock) = (reference(), Clock::new());
    let sent = [Sent::by(ONE), Sent::by(OTHER)];
    let by_hand = |key: usize| {
        let sent = &sent[usize::from(key == OTHER)];
        let admitted = table.admit(black_box(sent.0.as_bytes()), || clock.now(), CHAT, 1);
        assert!(admitted, "admitted");
    };
    let node = node();
    let guarded = node.guarded(released(price()));
    let keycap = |key: usize| request(&guarded, &sent[usize::from(key == OTHER)]);
    warm(&keycap);

    let pairs: [(&str, Request<'_>, usize); 4] = [
        ("reference, two organisations", &by_hand, OTHER),
        ("Keycap, two organisations", &keycap, OTHER),
        ("reference, one hot key", &by_hand, ONE),
        ("Keycap, one hot key", &keycap, ONE),
    ];
    let mut table = pairs.map(|_| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (rows, (_, request, second)) in table.iter_mut().zip(pairs) {
            rows.push((alone(request), together(request, second)));
        }
    }
    print(&pairs.map(|(name, ..)| name), &table);
}

fn print(names: &[&str], table: &[Vec<(u64, u64)>]) {
    println!("\n| case | one thread, ns | two, ns each | per request | quartiles | throughput |");
    println!("|---|---|---|---|---|---|");
    let shown = |hundredths: u64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    for (name, rows) in names.iter().zip(table) {
        let (one, two) =
            (median(rows.iter().map(|row| row.0)), median(rows.iter().map(|row| row.1)));
        let ratios: Vec<u64> = rows.iter().map(|(one, two)| two * 100 / one.max(&1)).collect();
        let twice = median(rows.iter().map(|(one, two)| one * 200 / two.max(&1)));
        let (lower, upper) = quartiles(ratios.iter().copied());
        let (ratio, twice) = (shown(median(ratios)), shown(twice));
        let (lower, upper) = (shown(lower), shown(upper));
        println!(
            "| {name} | {} | {} | {ratio} | {lower}–{upper} | {twice} |",
            one / 1_000,
            two / 1_000
        );
    }
}

/// Picoseconds a request, with nobody beside.
fn alone(request: Request<'_>) -> u64 {
    timed(request, ONE)
}

/// The same with a second thread, the mean of the two.
fn together(request: Request<'_>, second: usize) -> u64 {
    let (start, done) = (Barrier::new(2), AtomicUsize::new(0));
    let run = |key: usize| {
        let _runtime = background().enter();
        (0..STEP).for_each(|_| request(key));
        start.wait();
        let took = timed(request, key);
        done.fetch_add(1, Ordering::SeqCst);
        while done.load(Ordering::SeqCst) < 2 {
            (0..STEP).for_each(|_| request(key));
        }
        took
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| run(second));
        let mine = scope.spawn(|| run(ONE)).join().expect("runs");
        u64::midpoint(mine, other.join().expect("runs"))
    })
}

fn timed(request: Request<'_>, key: usize) -> u64 {
    let (began, asked) = (thread_time(), asked_from_here());
    (0..REQUESTS).for_each(|_| request(key));
    let took: Duration = thread_time() - began;
    let asked = asked_from_here() - asked;
    if asked > 0 {
        eprintln!("not steady: {asked} of {REQUESTS} requests asked the ledger");
    }
    u64::try_from(took.as_nanos() * 1_000 / REQUESTS as u128).unwrap_or(u64::MAX)
}

fn reference() -> Reference {
    let until = Clock::new().now() + Duration::from_secs(86_400);
    let above = || [Counter::shared(u64::MAX), Counter::shared(u64::MAX)];
    let entry = || ReferenceEntry::new(until, CHAT, Counter::new(u64::MAX), above());
    let (one, other) = (secret(ONE), secret(OTHER));
    Reference::of([(&*one, entry()), (&*other, entry())])
}

fn node() -> Node {
    let node = Node::new(ROOMY);
    node.know(ONE);
    node.know(OTHER);
    node
}

fn warm(request: Request<'_>) {
    let _runtime = background().enter();
    until_steady(|requests| {
        for _ in 0..requests {
            request(ONE);
            request(OTHER);
        }
    });
}

fn request(guarded: &Guarded, sent: &Sent) {
    finish(admit(guarded, black_box(sent)));
}
