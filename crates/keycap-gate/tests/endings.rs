//! What becomes of a hold in every way a request can end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use keycap_budget::{ChargeId, Cost, usd};
use keycap_gate::{Course, Ending, Endings, Fate, Guard, KeyState, Usage};
use support::{World, finish};

fn shown(spent: &str, held: &str) -> (String, String) {
    (spent.to_owned(), held.to_owned())
}

fn dollars(text: &str) -> Cost {
    text.parse().unwrap()
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

const ALL: [(Ending, &str); 6] = [
    (Ending::Success, "$0.02"),
    (Ending::Failure, "$0.00"),
    (Ending::Panic, "$0.02"),
    (Ending::ClientLeft, "$0.02"),
    (Ending::CutShort, "$0.02"),
    (Ending::BodyFailed, "$0.02"),
];

#[tokio::test]
async fn p1_what_was_not_tracked_is_captured_unless_the_handler_failed() {
    for (ending, spent) in ALL {
        let world = World::with(&["$1 per day"]).await;
        end(world.admitted(Guard::fixed(usd!(0.02))).await, ending);
        assert_eq!(world.at_rest().await, shown(spent, "$0.00"), "{ending:?}");
        let charges = world.charges().await;
        let expected = (spent != "$0.00").then(|| (dollars(spent), Some(ending.as_str().into())));
        assert_eq!(charges, Vec::from_iter(expected), "{ending:?}");
    }
}

#[tokio::test]
async fn every_ending_can_be_given_another_fate() {
    for (ending, by_default) in ALL {
        let (fate, spent) = match by_default {
            "$0.00" => (Fate::Capture, "$0.02"),
            _ => (Fate::Release, "$0.00"),
        };
        let endings = Endings::default().untracked(ending, fate);
        let world = World::with(&["$1 per day"]).await;
        end(world.admitted(Guard::fixed(usd!(0.02)).endings(endings)).await, ending);
        assert_eq!(world.at_rest().await, shown(spent, "$0.00"), "{ending:?}");
    }
}

#[tokio::test]
async fn p2_what_was_tracked_is_settled_and_the_rest_released_however_it_ends() {
    for (ending, _) in ALL {
        let world = World::with(&["$1 per day"]).await;
        let key = world.admitted(Guard::fixed(usd!(0.05))).await;
        key.track(usd!(0.01)).await.unwrap();
        drop(key.track(usd!(0.003)));
        end(key, ending);
        assert_eq!(world.at_rest().await, shown("$0.013", "$0.00"), "{ending:?}");
    }
}

#[tokio::test]
async fn the_rest_of_a_hold_can_be_captured_too() {
    let world = World::with(&["$1 per day"]).await;
    let endings = Endings::default().rest(Fate::Capture);
    let key = world.admitted(Guard::fixed(usd!(0.05)).endings(endings)).await;
    key.track(usd!(0.01)).await.unwrap();
    finish(key, 200);
    assert_eq!(world.at_rest().await, shown("$0.05", "$0.00"));
}

#[tokio::test]
async fn a_hold_lives_until_the_body_ended_and_the_last_handle_is_gone() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    let kept = key.clone();
    finish(key, 200);
    tokio::task::yield_now().await;
    assert_eq!(world.shown().await, shown("$0.00", "$0.05"));
    drop(kept.track(usd!(0.02)));
    drop(kept);
    assert_eq!(world.at_rest().await, shown("$0.02", "$0.00"));
}

#[tokio::test]
async fn a_price_settles_by_itself_when_the_handler_succeeds() {
    for (status, spent) in [(200, "$0.004"), (404, "$0.00"), (503, "$0.00")] {
        let world = World::with(&["$1 per day"]).await;
        finish(world.admitted(Guard::priced(usd!(0.004))).await, status);
        assert_eq!(world.at_rest().await, shown(spent, "$0.00"), "{status}");
    }
}

#[tokio::test]
async fn a_cost_of_nothing_is_a_report_too() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    key.track(usd!(0)).await.unwrap();
    finish(key, 200);
    assert_eq!(world.at_rest().await, shown("$0.00", "$0.00"));
}

#[tokio::test]
async fn p2_costs_above_the_hold_are_recorded_and_the_key_is_then_over() {
    let world = World::with(&["$0.10 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.02))).await;
    let receipt = key.track(usd!(0.25)).await.unwrap();
    assert_eq!(receipt.fit, keycap_budget::Fit::Over);
    assert_eq!(receipt.uncovered, dollars("$0.23"));
    finish(key, 200);
    assert_eq!(world.at_rest().await, shown("$0.25", "$0.00"));
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, keycap_gate::Code::BudgetExceeded);
}

#[tokio::test]
async fn p3_a_retried_charge_id_counts_once_and_other_content_is_a_conflict() {
    let world = World::with(&["$1 per day"]).await;
    let id: ChargeId = world.admitted(Guard::free()).await.charge_id();
    for _ in 0..3 {
        let key = world.admitted(Guard::fixed(usd!(0.05))).await;
        key.track(Usage::of(usd!(0.01)).once(id)).await.unwrap();
        finish(key, 200);
    }
    assert_eq!(world.at_rest().await, shown("$0.01", "$0.00"));
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    let other = key.track(Usage::of(usd!(0.02)).once(id)).await;
    assert!(matches!(other, Err(keycap_gate::TrackError::Conflict)), "{other:?}");
    finish(key, 200);
    assert_eq!(world.at_rest().await, shown("$0.01", "$0.00"));
}

#[tokio::test]
async fn requests_count_however_they_end_and_without_a_row_each() {
    let world = World::with(&["$1 per day", "8 requests per minute"]).await;
    for (ending, _) in ALL {
        let endings = Endings::default().untracked(ending, Fate::Release);
        end(world.admitted(Guard::fixed(usd!(0.01)).endings(endings)).await, ending);
    }
    let key = world.admitted(Guard::by_handler()).await;
    key.reserve(usd!(0.01)).await.unwrap();
    key.track(usd!(0.01)).await.unwrap();
    finish(key, 200);
    finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
    assert_eq!(world.at_rest().await, shown("$0.01", "$0.00"));
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, keycap_gate::Code::RateLimited);
    assert_eq!(world.charges().await.len(), 1);
    let standings = world.gate.standings(&world.account).await.unwrap();
    assert_eq!(standings.last().unwrap().spent.units(), 8);
}

/// A handler that was called and never polled did no work; one that panicked while it was called may
/// have done some.
#[tokio::test]
async fn p1_a_handler_that_was_only_called_spends_nothing() {
    let world = World::with(&["$1 per day"]).await;
    let calling = async || Course::calling(world.admitted(Guard::fixed(usd!(0.02))).await);
    let mut course = calling().await;
    course.called();
    drop(course);
    assert_eq!(world.at_rest().await, shown("$0.00", "$0.00"));

    let mut course = calling().await;
    course.called();
    course.run(|| {});
    drop(course);
    assert_eq!(world.at_rest().await, shown("$0.02", "$0.00"), "it was polled once");

    drop(calling().await);
    assert_eq!(world.at_rest().await, shown("$0.04", "$0.00"), "it unwound");
}
