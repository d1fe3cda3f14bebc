//! The circuit as callers see it.

use std::time::Duration;

use keycap_standins::faults::{Canned, Door, Fault, Server};

use super::{Bench, Log, SHORT, count, fine, look, once, patient, status};
use crate::http::breaker::PROBE_WAIT;
use crate::http::circuit::LOUD_EVERY;
use crate::http::{CallError, HttpSettings, Reply};

const OPEN: Duration = Duration::from_secs(5);
const MILLISECOND: Duration = Duration::from_millis(1);

fn fragile() -> HttpSettings {
    once().circuit_failures(3).circuit_open(OPEN)
}

/// A bench whose circuit has just opened.
async fn opened() -> (Bench, Server) {
    let (server, bench) = (Server::start(status(500)).await, Bench::new(fragile()));
    for _ in 0..3 {
        assert_eq!(bench.look(&server).await.map(drop), Err(CallError::Status(500)));
    }
    (bench, server)
}

#[tokio::test]
async fn p6_after_failures_in_a_row_nobody_is_asked_until_the_rest_is_over() {
    let (bench, server) = opened().await;
    assert_eq!(bench.look(&server).await.map(drop), Err(CallError::CircuitOpen(OPEN)));
    bench.clock.advance(OPEN - MILLISECOND);
    assert_eq!(bench.look(&server).await.map(drop), Err(CallError::CircuitOpen(MILLISECOND)));
    assert_eq!(server.seen().len(), 3);

    server.set(fine());
    bench.clock.advance(MILLISECOND);
    for _ in 0..10 {
        bench.look(&server).await.expect("it has recovered");
    }
}

#[tokio::test]
async fn one_answer_in_between_starts_the_count_anew() {
    let (server, bench) = (Server::start(fine()).await, Bench::new(fragile()));
    for _ in 0..5 {
        server.script([status(500), status(500)]);
        for _ in 0..2 {
            assert_eq!(bench.look(&server).await.map(drop), Err(CallError::Status(500)));
        }
        bench.look(&server).await.expect("an answer");
    }
}

#[tokio::test]
async fn a_failed_probe_doubles_the_rest() {
    let (bench, server) = opened().await;
    for rest in [10, 20, 40, 60, 60] {
        let Err(CallError::CircuitOpen(left)) = bench.look(&server).await else { panic!("open") };
        bench.clock.advance(left);
        assert_eq!(bench.look(&server).await.map(drop), Err(CallError::Status(500)), "the probe");
        let refused = bench.look(&server).await.map(drop);
        assert_eq!(refused, Err(CallError::CircuitOpen(Duration::from_secs(rest))));
    }
    assert_eq!(server.seen().len(), 3 + 5);
}

#[tokio::test]
async fn a_probe_is_sent_once_whatever_attempts_are_allowed() {
    let server = Server::start(status(500)).await;
    let bench = Bench::new(patient().attempts(2).circuit_failures(1));
    bench.look(&server).await.map(drop).expect_err("it fails");
    assert_eq!(server.seen().len(), 2);
    bench.clock.advance(OPEN);
    bench.look(&server).await.map(drop).expect_err("it fails");
    assert_eq!(server.seen().len(), 3);
}

/// Nothing follows a probe, so that it need not leave time for anything.
#[tokio::test]
async fn a_probe_gets_all_of_the_time() {
    let server = Server::start(status(500)).await;
    let bench = Bench::new(patient().attempts(2).circuit_failures(1).total_timeout(5 * SHORT));
    bench.look(&server).await.map(drop).expect_err("it fails");
    server.set(Fault::Hang);
    bench.clock.advance(OPEN);
    let outcome = bench.look(&server).await.map(drop);
    assert!(matches!(outcome, Err(CallError::TimedOut(span)) if span > 3 * SHORT), "{outcome:?}");
}

#[tokio::test]
async fn while_a_probe_is_under_way_others_are_refused() {
    let (bench, server) = opened().await;
    let door = Door::shut();
    server.set(Fault::Slow(Canned::status(200), door.clone()));
    bench.clock.advance(OPEN);
    let others = async {
        server.until_seen(4).await;
        let refused = bench.look(&server).await.map(drop);
        door.open();
        refused
    };
    let (probe, refused) = tokio::join!(bench.look(&server), others);
    assert_eq!(probe.expect("an answer").status, 200);
    assert_eq!(refused, Err(CallError::CircuitOpen(PROBE_WAIT)));
    bench.look(&server).await.expect("closed");
}

/// Every place is taken by calls that hang. Whoever could not be sent anyway must not wait for one.
#[tokio::test]
async fn who_is_refused_does_not_wait_for_a_place_first() {
    let server = Server::start(Fault::Hang).await;
    server.script([Fault::Hang, status(500)]);
    let bench = Bench::new(once().calls_in_flight(2).circuit_failures(1));
    let others = async {
        server.until_seen(1).await;
        bench.look(&server).await.map(drop).expect_err("it fails");
        bench.clock.advance(OPEN);
        let refused = async {
            server.until_seen(3).await;
            bench.look(&server).await.map(drop)
        };
        tokio::select! {
            _ = bench.look(&server) => panic!("the probe hangs"),
            refused = refused => refused,
        }
    };
    tokio::select! {
        _ = bench.look(&server) => panic!("it hangs"),
        refused = others => assert_eq!(refused, Err(CallError::CircuitOpen(PROBE_WAIT))),
    }
}

#[tokio::test]
async fn an_abandoned_probe_lets_another_pass() {
    let (bench, server) = opened().await;
    server.set(Fault::Hang);
    bench.clock.advance(OPEN);
    tokio::select! {
        _ = bench.look(&server) => panic!("it hangs"),
        () = server.until_seen(4) => {}
    }
    server.set(fine());
    bench.look(&server).await.expect("the next probe");
}

#[tokio::test]
async fn every_way_to_fail_counts() {
    let redirect = Canned::status(302).header("location", "http://127.0.0.1:1/");
    for fault in [
        status(500),
        status(503),
        status(408),
        status(400),
        status(401),
        status(403),
        status(404),
        Fault::Answer(redirect),
        Fault::Garbage,
        Fault::Close,
        Fault::Hang,
        Fault::Chunked(300 * 1024),
        Fault::Truncated(Canned::json(200, "{}")),
        Fault::Answer(Canned::json(200, "no JSON")),
    ] {
        let server = Server::start(fault.clone()).await;
        let bench = Bench::new(once().circuit_failures(1).total_timeout(3 * SHORT));
        let read = |reply: Reply| match reply.status {
            200 => reply.json::<serde_json::Value>(),
            status => Err(CallError::Status(status)),
        };
        bench.client.ask(look(&server), read).await.expect_err("a fault");
        let refused = bench.look(&server).await.map(drop);
        assert!(matches!(refused, Err(CallError::CircuitOpen(_))), "{fault:?}: {refused:?}");
    }
}

/// Some providers say in the body that they do not know us. Whoever reads it can tell.
#[tokio::test]
async fn a_refusal_of_ours_that_the_body_tells_counts_and_is_complained_of() {
    let server = Server::start(status(400)).await;
    let bench = Bench::new(once().circuit_failures(1));
    let log = Log::default();
    let guard = log.trace();
    let read = |reply: Reply| Err::<(), _>(CallError::RefusesUs(reply.status));
    bench.client.ask(look(&server), read).await.expect_err("refused");
    drop(guard);
    assert!(log.text().contains("does not accept our own credentials"));
    let refused = bench.look(&server).await.map(drop);
    assert!(matches!(refused, Err(CallError::CircuitOpen(_))), "{refused:?}");
}

/// Somebody whose keys make the provider answer 400, or its firewall 403, or who has a key of which too
/// much or nothing useful is said, must not cut off everybody else.
#[tokio::test]
async fn p6_what_may_be_about_one_key_does_not_count() {
    let server = Server::start(fine()).await;
    let bench = Bench::new(once().circuit_failures(1));
    let read = |reply: Reply| match reply.status {
        200 => Err::<(), _>(CallError::Unfit("its subject".into())),
        status => Err(CallError::Status(status)),
    };
    let faults = [status(400), status(404), status(403), Fault::Chunked(300 * 1024), fine()];
    for (asked, fault) in (1..).zip(faults) {
        server.set(fault.clone());
        let error = bench.client.ask(count(&server), read).await.expect_err("no answer");
        assert!(!matches!(error, CallError::CircuitOpen(_)), "before {fault:?}");
        assert_eq!(server.seen().len(), asked, "{fault:?}");
    }
    server.set(fine());
    bench.look(&server).await.expect("it was never left alone");
}

#[tokio::test]
async fn p6_an_open_circuit_says_when_to_come_back() {
    let (bench, server) = opened().await;
    let error = bench.look(&server).await.map(drop).expect_err("open");
    let unavailable = bench.client.unavailable(error);
    assert_eq!(unavailable.retry_after(), Some(OPEN));
    assert_eq!(unavailable.to_string(), "acme cannot answer");
}

/// A flood of requests whose provider refuses us is one line in the log, not one each.
#[tokio::test]
async fn refused_credentials_are_complained_of_at_a_bounded_rate() {
    let server = Server::start(status(403)).await;
    let bench = Bench::new(once().circuit_failures(1_000));
    let log = Log::default();
    let guard = log.trace();
    let complaints = |log: &Log| log.text().matches("does not accept our own credentials").count();
    for _ in 0..50 {
        bench.look(&server).await.map(drop).expect_err("refused");
    }
    assert_eq!(complaints(&log), 1);
    bench.clock.advance(LOUD_EVERY - MILLISECOND);
    bench.look(&server).await.map(drop).expect_err("refused");
    assert_eq!(complaints(&log), 1);
    bench.clock.advance(MILLISECOND);
    bench.look(&server).await.map(drop).expect_err("refused");
    assert_eq!(complaints(&log), 2);
    drop(guard);
    let text = log.text();
    let line = text.lines().find(|line| line.contains("ERROR")).expect("an error");
    assert!(line.contains("provider=\"acme\"") && line.contains("status=403"), "{line}");
}
