//! Every setting at its bound and one past it, and the calls in flight.

use std::time::Duration;

use keycap_standins::faults::{Canned, Door, Fault, Server};
use tokio::time::Instant;

use super::{Bench, once};
use crate::http::breaker::MAX_CIRCUIT_REST;
use crate::http::places::Places;
use crate::http::settings::{
    MAX_ATTEMPTS, MAX_BODY_LIMIT, MAX_CALLS_IN_FLIGHT, MAX_CIRCUIT_FAILURES, MAX_CONNECT_TIMEOUT,
    MAX_TOTAL_TIMEOUT,
};
use crate::http::{CallError, HttpSettings, HttpSettingsError};

const TICK: Duration = Duration::from_nanos(1);

#[test]
fn spans_are_above_zero_and_within_their_bounds() {
    type Set = fn(HttpSettings, Duration) -> HttpSettings;
    let spans: [(Set, Duration); 3] = [
        (HttpSettings::connect_timeout, MAX_CONNECT_TIMEOUT),
        (HttpSettings::total_timeout, MAX_TOTAL_TIMEOUT),
        (HttpSettings::circuit_open, MAX_CIRCUIT_REST),
    ];
    for (set, most) in spans {
        let check = |span| set(HttpSettings::new(), span).check();
        assert_eq!((check(most), check(TICK)), (Ok(()), Ok(())));
        for wrong in [Duration::ZERO, most + TICK] {
            let error = check(wrong).expect_err("out of bounds");
            assert!(
                matches!(error, HttpSettingsError::Span { span, most: told, .. }
                    if span == wrong && told == most),
                "{error}"
            );
        }
    }
}

#[test]
fn numbers_are_at_least_one_and_within_their_bounds() {
    type Set = fn(HttpSettings, usize) -> HttpSettings;
    let numbers: [(Set, usize); 4] = [
        (|settings, n| settings.attempts(u32::try_from(n).unwrap()), MAX_ATTEMPTS as usize),
        (HttpSettings::calls_in_flight, MAX_CALLS_IN_FLIGHT),
        (HttpSettings::body_limit, MAX_BODY_LIMIT),
        (
            |settings, n| settings.circuit_failures(u32::try_from(n).unwrap()),
            MAX_CIRCUIT_FAILURES as usize,
        ),
    ];
    for (set, most) in numbers {
        let check = |count| set(HttpSettings::new(), count).check();
        assert_eq!((check(most), check(1)), (Ok(()), Ok(())));
        for wrong in [0, most + 1] {
            let error = check(wrong).expect_err("out of bounds");
            assert!(
                matches!(error, HttpSettingsError::Count { count, most: told, .. }
                    if count == wrong && told == most),
                "{error}"
            );
        }
    }
}

#[test]
fn what_is_wrong_says_what_would_be_right() {
    let error = HttpSettings::new().attempts(11).check().expect_err("too many");
    assert_eq!(error.to_string(), "the number of attempts is 11; it should be 1 to 10");
    let error = HttpSettings::new().total_timeout(Duration::ZERO).check().expect_err("zero");
    assert_eq!(
        error.to_string(),
        "the total time-out is 0ns; it should be above zero and at most 60s"
    );
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_waits_to_the_deadline_and_is_then_told() {
    let (places, total) = (Places::new(2), Duration::from_secs(5));
    let begun = Instant::now();
    let first = places.take(begun + total, total).await.expect("a place");
    let _second = places.take(begun + total, total).await.expect("a place");
    let third = places.take(begun + total, total).await.map(drop);
    assert_eq!(third, Err(CallError::Busy(total)));
    assert_eq!(begun.elapsed().as_secs(), 5);
    drop(first);
    let freed = places.take(begun + 2 * total, total).await;
    assert!(freed.is_ok(), "the place that was left");
}

#[tokio::test]
async fn one_call_more_than_there_are_places_waits_its_turn() {
    let door = Door::shut();
    let server = Server::start(Fault::Slow(Canned::status(200), door.clone())).await;
    let bench = Bench::new(once().calls_in_flight(2));
    let calls =
        async { tokio::join!(bench.look(&server), bench.look(&server), bench.look(&server)) };
    let watch = async {
        server.until_seen(2).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let before = server.tally().requests;
        door.open();
        before
    };
    let ((first, second, third), before) = tokio::join!(calls, watch);
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!((before, server.tally().requests), (2, 3));
    assert!(server.tally().accepted <= 2, "no third connection");
}
