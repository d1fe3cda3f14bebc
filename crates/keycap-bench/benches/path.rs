//! Admission of a warm key and what belongs to it, beside the hand-written floor: header bytes to key
//! state ready, and its end. A chain of three accounts with one limit each, one thread that makes the
//! requests; the gate's tasks have a thread of their own, and what they take is *behind*.
//!
//! Gates are in their steady state: *asked* says how often the thread of the requests asked the ledger.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use keycap::gate::{Decision, Guarded};
use keycap::{Code, Cost, Guard};
use keycap_bench::{
    Contender, Counter, Entry, Node, ROOMY, Reference, ReferenceEntry, Sent, admit, contest,
    finish, price, released, secret, until_steady,
};
use quanta::{Clock, Instant, Upkeep};

const KEY: usize = 0;
const TIGHT: &str = "$1 per month";
const CHAT: u64 = 1;
const AMOUNT: u64 = 10_000_000;

fn main() {
    contest(&[&[
        Entry { name: "reference, clock read", make: || reference(read_clock()) },
        Entry { name: "reference, coarse clock", make: || reference(coarse_clock()) },
        Entry { name: "Keycap, free", make: || keycap(Guard::free(), Cost::none(), finish) },
        Entry {
            name: "Keycap, hold, released",
            make: || keycap(released(price()), Cost::none(), finish),
        },
        Entry {
            name: "Keycap, hold, one cost tracked",
            make: || {
                keycap(Guard::fixed(price()), price(), |key| {
                    drop(key.track(price()));
                    finish(key);
                })
            },
        },
        Entry { name: "Keycap, refused, spent", make: refused },
    ]]);
}

/// The clock that a gate reads.
fn read_clock() -> impl Fn() -> Instant {
    let clock = Clock::new();
    move || clock.now()
}

/// A clock that another thread sets every millisecond.
fn coarse_clock() -> impl Fn() -> Instant {
    let upkeep = Upkeep::new(Duration::from_millis(1)).start();
    std::mem::forget(upkeep);
    Instant::recent
}

fn reference(now: impl Fn() -> Instant + 'static) -> Contender {
    let (secret, day) = (secret(KEY), Duration::from_secs(86_400));
    let above = [Counter::shared(u64::MAX), Counter::shared(u64::MAX)];
    let entry = ReferenceEntry::new(now() + day, CHAT, Counter::new(u64::MAX), above);
    let table = Reference::of([(&*secret, entry)]);
    let sent = Sent::by(KEY);
    Contender::new(move |requests| {
        for _ in 0..requests {
            assert!(table.admit(black_box(sent.0.as_bytes()), &now, CHAT, AMOUNT), "admitted");
        }
    })
}

/// Requests that are admitted under a guard and end as `end` says, each of which counts `cost`.
fn keycap(guard: Guard, cost: Cost, end: fn(keycap::KeyState)) -> Contender {
    let node = Rc::new(Node::new(ROOMY));
    node.know(KEY);
    let (guarded, sent) = (node.guarded(guard.scope("chat")), Sent::by(KEY));
    let served = Rc::new(std::cell::Cell::new(0));
    let count = Rc::clone(&served);
    let turn = move |requests: usize| {
        for _ in 0..requests {
            end(admit(&guarded, black_box(&sent)));
        }
        count.set(count.get() + requests as u64);
    };
    let rest = move || node.wait_for(KEY, served.get(), &cost);
    until_steady(|requests| {
        turn(requests);
        rest();
    });
    Contender::new(turn).resting(rest)
}

/// Requests of a key that has spent all it may.
fn refused() -> Contender {
    let node = Node::new(TIGHT);
    node.know(KEY);
    node.spend(KEY, keycap::usd!(1));
    let (guarded, sent) = (node.guarded(Guard::fixed(price())), Sent::by(KEY));
    Contender::new(move |requests| {
        let _node = &node;
        for _ in 0..requests {
            refuse(&guarded, black_box(&sent));
        }
    })
}

fn refuse(guarded: &Guarded, sent: &Sent) {
    match guarded.decide(sent, None).now_or_never() {
        Some(Decision::Refused(refusal)) if refusal.code() == Code::BudgetExceeded => {}
        other => panic!("not refused as spent: {other:?}"),
    }
}
