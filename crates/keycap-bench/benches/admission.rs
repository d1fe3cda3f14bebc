//! One request through the gate, without any web framework: from header bytes to the settled hold.
//!
//! The key is warm, its chain has three accounts with one limit each, the ledger is in memory. What
//! the settler does is part of it: everything runs on one thread.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::hint::black_box;
use std::rc::Rc;

use keycap::gate::{Course, Decision, Guarded};
use keycap::{Code, Cost, Ending, Endings, Fate, Guard, KeyState, Refusal, Secret};
use keycap_bench::{BURST, Case, Load, World, drive, price, run, tokio_runtime};

fn main() {
    run(&[&[
        Case { name: "free", prepare: || finished(Guard::free(), Cost::none()) },
        Case { name: "hold, released", prepare: || finished(released(), Cost::none()) },
        Case { name: "hold, captured", prepare: || finished(Guard::fixed(price()), price()) },
        Case { name: "hold, price settled", prepare: || finished(Guard::priced(price()), price()) },
        Case { name: "hold, cost tracked and awaited", prepare: tracked },
        Case { name: "the same, one request at a time", prepare: tracked_alone },
        Case { name: "refused, spent", prepare: || refused(|_, _| {}) },
        Case { name: "refused, spent, answer written", prepare: || refused(answered) },
        Case { name: "only the SHA-256 of the key", prepare: hash },
        Case { name: "only a turn of the runtime, shared by a burst", prepare: turn },
    ]]);
}

/// Only the part that every request begins with.
fn hash() -> Load {
    let world = tokio_runtime().block_on(World::roomy());
    let text = world.sent.0.trim_start_matches("Bearer ").to_owned();
    Box::new(move |bursts| {
        for _ in 0..bursts * BURST {
            let secret = Secret::parse(black_box(&text)).expect("a secret");
            black_box(secret.digest());
        }
    })
}

/// What it costs that the load lets the tasks behind it run after each burst.
fn turn() -> Load {
    let runtime = tokio_runtime();
    Box::new(move |bursts| runtime.block_on(drive(bursts, || async {})))
}

/// A fixed hold that is given back when nothing was tracked.
fn released() -> Guard {
    Guard::fixed(price()).endings(Endings::default().untracked(Ending::Success, Fate::Release))
}

/// Requests whose handlers do nothing and succeed; each then counts `cost`.
fn finished(guard: Guard, cost: Cost) -> Load {
    let runtime = tokio_runtime();
    let world = Rc::new(runtime.block_on(World::roomy()));
    let guarded = runtime.block_on(async { world.gate.guarded(guard).expect("a guard") });
    let mut served = 0;
    Box::new(move |bursts| {
        runtime.block_on(async {
            drive(bursts, || async {
                for _ in 0..BURST {
                    finish(admit(&guarded, &world).await);
                }
            })
            .await;
            served += bursts * BURST;
            world.check(served, &cost).await;
        });
    })
}

/// Requests whose handlers track a cost and wait until it is on record, a burst at once.
fn tracked() -> Load {
    let runtime = tokio_runtime();
    let world = Rc::new(runtime.block_on(World::roomy()));
    let guarded = world.gate.guarded(Guard::fixed(price())).expect("a guard");
    let mut served = 0;
    Box::new(move |bursts| {
        runtime.block_on(async {
            drive(bursts, || async {
                let mut working = Vec::with_capacity(BURST);
                for _ in 0..BURST {
                    let key = admit(&guarded, &world).await;
                    working.push((key.track(price()), key));
                }
                for (tracking, key) in working {
                    tracking.await.expect("on record");
                    finish(key);
                }
            })
            .await;
            served += bursts * BURST;
            world.check(served, &price()).await;
        });
    })
}

/// The same for a lone caller, who sends the next request when the last is answered.
fn tracked_alone() -> Load {
    let runtime = tokio_runtime();
    let world = Rc::new(runtime.block_on(World::roomy()));
    let guarded = world.gate.guarded(Guard::fixed(price())).expect("a guard");
    let mut served = 0;
    Box::new(move |bursts| {
        runtime.block_on(async {
            drive(bursts * BURST, || async {
                let key = admit(&guarded, &world).await;
                key.track(price()).await.expect("on record");
                finish(key);
            })
            .await;
            served += bursts * BURST;
            world.check(served, &price()).await;
        });
    })
}

/// Requests of a key that has spent all it may.
fn refused(then: fn(&Guarded, &Refusal)) -> Load {
    let runtime = tokio_runtime();
    let world = Rc::new(runtime.block_on(World::spent()));
    let guarded = world.gate.guarded(Guard::fixed(price())).expect("a guard");
    Box::new(move |bursts| {
        runtime.block_on(drive(bursts, || async {
            for _ in 0..BURST {
                match guarded.decide(&world.sent, None).await {
                    Decision::Refused(refusal) if refusal.code() == Code::BudgetExceeded => {
                        then(&guarded, &refusal);
                    }
                    other => panic!("not refused as spent: {other:?}"),
                }
            }
        }));
    })
}

fn answered(guarded: &Guarded, refusal: &Refusal) {
    let _ = black_box(guarded.answer(refusal));
}

async fn admit(guarded: &Guarded, world: &World) -> KeyState {
    match guarded.decide(black_box(&world.sent), None).await {
        Decision::Admitted(key) => key,
        other => panic!("not admitted: {other:?}"),
    }
}

/// The request succeeds and its body is taken to the end.
fn finish(key: KeyState) {
    let mut course = Course::begin(key);
    course.answered(200);
    course.completed();
}
