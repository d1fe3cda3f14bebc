//! A provider that asks for rest gets it.

use std::time::Duration;

use keycap_standins::faults::{Canned, Fault, Server};

use super::{Bench, fine, once, patient, status};
use crate::http::CallError;
use crate::http::retry_after::{DEFAULT_THROTTLE, MAX_THROTTLE};

const MILLISECOND: Duration = Duration::from_millis(1);

fn asks_for_rest(status: u16, retry_after: &str) -> Fault {
    Fault::Answer(Canned::status(status).header("retry-after", retry_after))
}

fn throttled(span: Duration) -> Result<(), CallError> {
    Err(CallError::Throttled(span))
}

#[tokio::test]
async fn a_429_is_respected_to_the_millisecond() {
    let (server, bench) = (Server::start(asks_for_rest(429, "7")).await, Bench::new(patient()));
    let seven = Duration::from_secs(7);
    assert_eq!(bench.look(&server).await.map(drop), throttled(seven));
    server.set(fine());
    assert_eq!(bench.look(&server).await.map(drop), throttled(seven));
    bench.clock.advance(seven - MILLISECOND);
    assert_eq!(bench.look(&server).await.map(drop), throttled(MILLISECOND));
    assert_eq!(server.seen().len(), 1, "nobody asked in between");
    bench.clock.advance(MILLISECOND);
    bench.look(&server).await.expect("the rest is over");
}

#[tokio::test]
async fn the_rest_that_was_asked_for_reaches_the_caller() {
    let (server, bench) = (Server::start(asks_for_rest(429, "7")).await, Bench::new(patient()));
    let error = bench.look(&server).await.map(drop).expect_err("throttled");
    let unavailable = bench.client.unavailable(error);
    assert_eq!(unavailable.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_503_that_says_when_is_respected_too() {
    let (server, bench) = (Server::start(asks_for_rest(503, "3")).await, Bench::new(patient()));
    assert_eq!(bench.look(&server).await.map(drop), throttled(Duration::from_secs(3)));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_429_that_does_not_say_when_is_left_alone_for_a_little() {
    for fault in [status(429), asks_for_rest(429, "soon"), asks_for_rest(429, "0")] {
        let (server, bench) = (Server::start(fault).await, Bench::new(patient()));
        assert_eq!(bench.look(&server).await.map(drop), throttled(DEFAULT_THROTTLE));
    }
}

#[tokio::test]
async fn nobody_is_sent_away_for_longer_than_the_bound() {
    for seconds in ["60", "61", "99999999999999999999999"] {
        let server = Server::start(asks_for_rest(429, seconds)).await;
        assert_eq!(Bench::new(patient()).look(&server).await.map(drop), throttled(MAX_THROTTLE));
    }
}

#[tokio::test]
async fn a_clock_set_back_does_not_lengthen_the_rest() {
    let (server, bench) = (Server::start(asks_for_rest(429, "7")).await, Bench::new(patient()));
    bench.look(&server).await.map(drop).expect_err("throttled");
    server.set(fine());
    let hour = Duration::from_secs(3_600);
    bench.clock.set(keycap_base::Clock::now(&bench.clock).minus(hour));
    assert_eq!(bench.look(&server).await.map(drop), throttled(Duration::from_secs(7)));
    bench.clock.advance(Duration::from_secs(7));
    bench.look(&server).await.expect("the rest is over");
}

#[tokio::test]
async fn asking_for_rest_is_neither_a_failure_nor_a_success() {
    let server = Server::start(fine()).await;
    let bench = Bench::new(once().circuit_failures(2));
    server.script([status(500), asks_for_rest(429, "1"), asks_for_rest(429, "1"), status(500)]);
    for _ in 0..4 {
        bench.clock.advance(Duration::from_secs(1));
        bench.look(&server).await.map(drop).expect_err("a fault");
    }
    assert_eq!(server.seen().len(), 4, "two requests for rest did not open the circuit");
    let refused = bench.look(&server).await.map(drop);
    assert!(
        matches!(refused, Err(CallError::CircuitOpen(_))),
        "nor did they close it: {refused:?}"
    );
}
