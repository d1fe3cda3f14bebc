//! A request that drew ends, raises and is told as one that holds for itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::atomic::Ordering;

use keycap_budget::{Amount, Cost, Ledger, Meter};
use keycap_gate::{Course, Decision, Ending, Endings, Fate, Guard, KeyState, Usage};
use support::{World, finish};

const LIMITS: [&str; 2] = ["1000000 tokens per day", "1000000 requests per day"];

fn tokens(count: u32) -> Guard {
    Guard::fixed(Cost::tokens(count))
}

fn units(count: u32) -> Amount {
    Amount::from_units(count)
}

async fn spent(world: &World) -> Amount {
    world.spent_at_last(&Meter::TOKENS).await
}

/// Ends a request in each way there is.
fn end(key: KeyState, ending: Ending) {
    let mut course = Course::begin(key);
    match ending {
        Ending::ClientLeft => {}
        Ending::Panic => {
            let course = std::panic::AssertUnwindSafe(course);
            let panicked = std::panic::catch_unwind(move || {
                let mut course = course;
                course.run(|| panic!("a handler panics"));
            });
            assert!(panicked.is_err());
        }
        Ending::Success => {
            course.answered(200);
            course.completed();
        }
        Ending::Failure => {
            course.answered(422);
            course.completed();
        }
        Ending::CutShort => course.answered(200),
        Ending::BodyFailed => {
            course.answered(200);
            course.body_failed();
        }
    }
}

const ALL: [(Ending, u32); 6] = [
    (Ending::Success, 20),
    (Ending::Failure, 0),
    (Ending::Panic, 20),
    (Ending::ClientLeft, 20),
    (Ending::CutShort, 20),
    (Ending::BodyFailed, 20),
];

#[tokio::test(start_paused = true)]
async fn p1_what_was_not_tracked_is_captured_unless_the_handler_failed() {
    for (ending, expected) in ALL {
        let world = World::with(&LIMITS).await;
        end(world.drawn(tokens(20)).await, ending);
        assert_eq!(spent(&world).await, units(expected), "{ending:?}");
        let charged = world
            .charges()
            .await
            .into_iter()
            .find(|(cost, _)| *cost == Cost::tokens(20) && expected != 0);
        let told = charged.map(|(_, ending)| ending.unwrap());
        assert_eq!(told, (expected != 0).then(|| ending.as_str().to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn every_ending_can_be_given_another_fate() {
    for (ending, by_default) in ALL {
        let fate = if by_default == 0 { Fate::Capture } else { Fate::Release };
        let endings = Endings::default()
            .untracked(ending, fate)
            .untracked(Ending::Failure, if by_default == 0 { fate } else { Fate::Release });
        let world = World::with(&LIMITS).await;
        // Those before it fail, which is given the default here.
        let key = world.drawn(tokens(20)).await;
        finish(key, 500);
        let guarded = world.guarded(tokens(20).endings(endings));
        let Ok(Decision::Admitted(key)) = guarded.decide(&world.request, None).at_once() else {
            panic!("not drawn");
        };
        end(key, ending);
        assert_eq!(spent(&world).await, units(20 - by_default), "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn p2_what_was_tracked_is_settled_and_the_rest_put_back_however_it_ends() {
    for (ending, _) in ALL {
        let world = World::with(&LIMITS).await;
        let key = world.drawn(tokens(20)).await;
        let receipt = key.track(Cost::tokens(3)).await.unwrap();
        assert!(receipt.uncovered.is_nothing());
        drop(key.track(Cost::tokens(4)));
        end(key, ending);
        assert_eq!(spent(&world).await, units(7), "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_can_be_captured_too() {
    let world = World::with(&LIMITS).await;
    finish(world.drawn(tokens(20)).await, 500);
    let guarded = world.guarded(tokens(20).endings(Endings::default().rest(Fate::Capture)));
    let Ok(Decision::Admitted(key)) = guarded.decide(&world.request, None).at_once() else {
        panic!("not drawn");
    };
    key.track(Cost::tokens(3)).await.unwrap();
    finish(key, 200);
    assert_eq!(spent(&world).await, units(20));
}

#[tokio::test(start_paused = true)]
async fn p1_a_request_that_never_began_costs_nothing_and_asks_nothing() {
    let world = World::with(&LIMITS).await;
    let key = world.drawn(tokens(20)).await;
    let applied = world.ledger.applied.load(Ordering::SeqCst);
    let requests = world.standing(&Meter::REQUESTS).await.spent;
    drop(key);
    assert_eq!(spent(&world).await, Amount::ZERO);
    let after = world.standing(&Meter::REQUESTS).await;
    assert!(after.spent <= requests.checked_add(units(10)).unwrap(), "only those before it");
    assert!(world.ledger.applied.load(Ordering::SeqCst) <= applied + 6, "leases went back");
}

#[tokio::test(start_paused = true)]
async fn a_price_settles_by_itself_when_the_handler_succeeds() {
    for (status, expected) in [(200, 20), (404, 0)] {
        let world = World::with(&LIMITS).await;
        finish(world.drawn(Guard::priced(Cost::tokens(20))).await, status);
        assert_eq!(spent(&world).await, units(expected), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn p2_costs_above_what_was_drawn_are_covered_while_something_is_left() {
    let world = World::with(&LIMITS).await;
    let key = world.drawn(tokens(20)).await;
    let receipt = key.track(Cost::tokens(50)).await.unwrap();
    assert!(receipt.uncovered.is_nothing(), "{receipt:?}");
    let receipt = key.track(Cost::tokens(100_000)).await.unwrap();
    assert!(!receipt.uncovered.is_nothing(), "no lease is that large");
    finish(key, 200);
    assert_eq!(spent(&world).await, units(100_050), "recorded all the same");
}

#[tokio::test(start_paused = true)]
async fn p3_a_charge_that_is_not_recorded_leaves_nothing_drawn() {
    let world = World::with(&LIMITS).await;
    let key = world.drawn(tokens(20)).await;
    let id = key.charge_id();
    let first = Usage::of(Cost::tokens(5)).once(id);
    key.track(first.clone()).await.unwrap();
    key.track(first).await.unwrap();
    let other = Usage::of(Cost::tokens(6)).once(id);
    assert!(key.track(other).await.is_err(), "the id stands for something else");
    finish(key, 200);
    assert_eq!(spent(&world).await, units(5));
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_reserves_is_drawn_too() {
    let world = World::with(&LIMITS).await;
    let key = world.drawn(tokens(1)).await;
    let holds = world.ledger.holds.load(Ordering::SeqCst);
    key.reserve(Cost::tokens(9)).await.unwrap();
    key.extend(Cost::tokens(2)).await.unwrap();
    assert_eq!(world.ledger.holds.load(Ordering::SeqCst), holds, "the ledger was asked");
    assert_eq!(key.limits()[0].held, units(11));
    let receipt = key.track(Cost::tokens(11)).await.unwrap();
    assert!(receipt.uncovered.is_nothing());
    finish(key, 200);
    assert_eq!(spent(&world).await, units(11));
}

#[tokio::test(start_paused = true)]
async fn p1_what_cannot_be_drawn_is_held_beside_it() {
    for cost in [0, 5, 20, 21, 50_000, 100_020] {
        let world = World::with(&LIMITS).await;
        let key = world.drawn(tokens(20)).await;
        key.extend(Cost::tokens(40_000)).await.unwrap();
        key.reserve(Cost::tokens(100_020)).await.unwrap();
        let standing = &key.limits()[0];
        assert_eq!(standing.held, units(100_020));
        assert_eq!(key.remaining(&Meter::TOKENS), Some(units(1_000_000)));
        let receipt = key.track(Cost::tokens(cost)).await.unwrap();
        assert!(receipt.uncovered.is_nothing(), "{receipt:?}");
        drop(key.track(Cost::tokens(0)));
        finish(key, 200);
        assert_eq!(spent(&world).await, units(cost), "{cost}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_inside_draws_what_it_adds() {
    let world = World::with(&LIMITS).await;
    let outer = world.drawn(tokens(5)).await;
    let holds = world.ledger.holds.load(Ordering::SeqCst);
    let inner = world.guarded(tokens(9));
    match inner.decide(&world.request, Some(outer.clone())).await {
        Decision::Admitted(key) => {
            assert_eq!(key.limits()[0].held, units(9));
            drop(outer);
            finish(key, 200);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.ledger.holds.load(Ordering::SeqCst), holds, "the ledger was asked");
    assert_eq!(spent(&world).await, units(9));
}

#[tokio::test(start_paused = true)]
async fn by_handler_is_let_in_where_something_is_left_in_every_purse() {
    let world = World::with(&LIMITS).await;
    let key = world.drawn(Guard::by_handler()).await;
    assert_eq!(key.limits()[0].held, Amount::ZERO);
    assert_eq!(key.limits()[1].held, units(1), "the request itself");
    finish(key, 500);
    assert_eq!(spent(&world).await, Amount::ZERO);
    let snapshot = world.ledger.inner.snapshot().await.unwrap();
    assert!(snapshot.holds.iter().all(|hold| !hold.is_open()));
}
