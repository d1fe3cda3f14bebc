//! Each way to misbehave: what the client makes of it, and how often it asks.

use keycap_standins::faults::{Canned, DeadPort, Door, Fault, Server};

use super::{Bench, SHORT, count, fine, look, once, patient, status, url};
use crate::http::{Call, CallError, Reply};

const LIMIT: usize = 64 * 1024;

/// What a call that may be repeated comes to, and how many requests it took.
async fn asked(fault: Fault) -> (CallError, usize) {
    let server = Server::start(fault).await;
    let bench = Bench::new(patient().body_limit(LIMIT));
    let error = bench.look(&server).await.map(drop).expect_err("a fault");
    (error, server.seen().len())
}

#[tokio::test]
async fn p6_trouble_is_retried_and_then_said() {
    for code in [500, 502, 503, 504, 599, 408] {
        assert_eq!(asked(status(code)).await, (CallError::Status(code), 3), "{code}");
    }
}

#[tokio::test]
async fn p6_a_broken_connection_is_retried_and_then_said() {
    let body = Canned::json(200, r#"{"a":"whole answer"}"#);
    for fault in [
        Fault::Garbage,
        Fault::Close,
        Fault::CloseInHead(body.clone()),
        Fault::Truncated(body),
        Fault::EndlessHeaders,
    ] {
        let (error, requests) = asked(fault.clone()).await;
        assert!(matches!(error, CallError::Broken(_)), "{fault:?}: {error}");
        assert_eq!(requests, 3, "{fault:?}");
    }
}

#[tokio::test]
async fn p6_refused_credentials_of_our_own_are_broken_and_not_retried() {
    for code in [401, 403] {
        assert_eq!(asked(status(code)).await, (CallError::RefusesUs(code), 1));
    }
}

#[tokio::test]
async fn a_status_outside_of_http_is_trouble() {
    let (error, _) = asked(status(999)).await;
    assert_eq!(error, CallError::Status(999));
}

#[tokio::test]
async fn redirects_are_refused_and_their_target_sees_nothing() {
    let target = Server::start(fine()).await;
    for code in [301, 302, 303, 307, 308] {
        let redirect = Canned::status(code).header("location", target.url("/elsewhere"));
        assert_eq!(asked(Fault::Answer(redirect)).await, (CallError::Redirected(code), 1));
    }
    assert_eq!(target.tally().accepted, 0);
}

#[tokio::test]
async fn a_body_may_have_as_many_bytes_as_its_limit_and_not_one_more() {
    let at = |length| Fault::Answer(Canned::status(200).body(vec![b' '; length]));
    let (server, bench) = (Server::start(at(LIMIT)).await, Bench::new(patient().body_limit(LIMIT)));
    assert_eq!(bench.look(&server).await.expect("it fits").body.len(), LIMIT);
    server.set(Fault::Chunked(LIMIT));
    assert_eq!(bench.look(&server).await.expect("it fits").body.len(), LIMIT);

    assert_eq!(asked(at(LIMIT + 1)).await, (CallError::TooLarge(LIMIT), 1));
    assert_eq!(asked(Fault::Chunked(LIMIT + 1)).await, (CallError::TooLarge(LIMIT), 1));
}

/// Half of this body is within the limit and the rest never comes: only its announcement is too much.
#[tokio::test]
async fn a_body_that_announces_too_much_is_not_waited_for() {
    let announced = Canned::status(200).body(vec![b' '; LIMIT + 1]);
    assert_eq!(asked(Fault::Truncated(announced)).await, (CallError::TooLarge(LIMIT), 1));
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    let ten = 10 * 1024 * 1024;
    assert_eq!(asked(Fault::Chunked(ten)).await, (CallError::TooLarge(LIMIT), 1));
    let announced = Fault::Answer(Canned::status(200).body(vec![b' '; ten]));
    assert_eq!(asked(announced).await, (CallError::TooLarge(LIMIT), 1));
}

#[tokio::test]
async fn nonsense_in_json_is_said_without_its_text_and_not_retried() {
    let server = Server::start(Fault::Answer(Canned::json(200, r#"{"secret-of-theirs":"#))).await;
    let bench = Bench::new(patient());
    let read = |reply: Reply| reply.json::<serde_json::Value>();
    let error = bench.client.ask(look(&server), read).await.expect_err("no JSON");
    assert!(matches!(error, CallError::Unreadable(_)), "{error}");
    assert!(!error.to_string().contains("secret-of-theirs"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn statuses_about_a_key_are_replies() {
    for code in [200, 204, 400, 404, 409, 410, 422] {
        let server = Server::start(status(code)).await;
        let reply = Bench::new(patient()).look(&server).await.expect("a reply");
        assert_eq!((reply.status, server.seen().len()), (code, 1));
    }
}

#[tokio::test]
async fn one_that_hangs_leaves_room_for_another_attempt() {
    let server = Server::start(fine()).await;
    server.script([Fault::Hang]);
    let bench = Bench::new(patient().total_timeout(10 * SHORT));
    bench.look(&server).await.expect("the second attempt finds an answer");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn p6_one_that_never_answers_runs_out_of_time() {
    let server = Server::start(Fault::Hang).await;
    let bench = Bench::new(once().total_timeout(SHORT));
    let error = bench.look(&server).await.map(drop).expect_err("no answer");
    assert!(matches!(error, CallError::TimedOut(span) if span <= SHORT), "{error}");
    server.until(|tally| tally.open == 0).await;
}

#[tokio::test]
async fn p6_a_slow_answer_is_waited_for_within_the_time() {
    let door = Door::shut();
    let canned = Canned::json(200, r#"{"ok":true}"#);
    let server = Server::start(Fault::Slow(canned, door.clone())).await;
    let bench = Bench::new(once());
    let (answer, ()) = tokio::join!(bench.look(&server), async {
        server.until_seen(1).await;
        door.open();
    });
    assert_eq!(answer.expect("an answer").status, 200);
}

#[tokio::test]
async fn p6_a_dead_provider_is_unreachable() {
    let dead = DeadPort::new();
    let call = Call::read("look", url(&dead.origin()));
    let error = Bench::new(patient()).send(call).await.map(drop).expect_err("refused");
    assert!(matches!(error, CallError::Unreachable(_)), "{error}");
    assert!(!error.to_string().contains("http"), "no URL: {error}");
}

#[tokio::test]
async fn what_may_have_arrived_is_not_sent_again_if_it_counts() {
    let body = Canned::json(200, "{}");
    for fault in [status(500), status(503), status(408), Fault::Close, Fault::Truncated(body)] {
        let server = Server::start(fault.clone()).await;
        let error = Bench::new(patient()).send(count(&server)).await.map(drop);
        assert!(error.is_err(), "{fault:?}");
        assert_eq!(server.seen().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_counts_is_not_sent_again_when_its_answer_is_late() {
    let server = Server::start(Fault::Hang).await;
    let bench = Bench::new(patient().total_timeout(10 * SHORT));
    let error = bench.send(count(&server)).await.map(drop).expect_err("no answer");
    assert!(matches!(error, CallError::TimedOut(_)), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_call_that_says_it_only_reads_is_sent_again_whole() {
    let server = Server::start(fine()).await;
    server.script([status(500), Fault::Close]);
    let call = count(&server).repeatable();
    Bench::new(patient()).send(call).await.expect("the third attempt finds an answer");
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|seen| seen.method == "POST" && seen.text() == r#"{"n":1}"#));
}

#[tokio::test]
async fn attempts_end_at_their_number() {
    for most in [1, 2, 3_u32] {
        let server = Server::start(fine()).await;
        let bench = Bench::new(patient().attempts(most));
        server.script((1..most).map(|_| status(500)));
        bench.look(&server).await.expect("the last attempt finds an answer");
        server.script((0..most).map(|_| status(500)));
        bench.look(&server).await.map(drop).expect_err("one more would find an answer");
        assert_eq!(server.seen().len(), 2 * most as usize);
    }
}

#[tokio::test]
async fn a_dropped_call_leaves_its_connection_and_its_place() {
    let server = Server::start(fine()).await;
    server.script([Fault::Hang]);
    let bench = Bench::new(once().calls_in_flight(1));
    tokio::select! {
        _ = bench.look(&server) => panic!("it hangs"),
        () = server.until_seen(1) => {}
    }
    server.until(|tally| tally.open == 0).await;
    bench.look(&server).await.expect("there is a place");
}

#[tokio::test]
async fn connections_are_kept_for_the_next_call() {
    let server = Server::start(fine()).await;
    let bench = Bench::new(patient());
    for _ in 0..5 {
        bench.look(&server).await.expect("an answer");
    }
    assert_eq!((server.tally().accepted, server.tally().requests), (1, 5));
}
