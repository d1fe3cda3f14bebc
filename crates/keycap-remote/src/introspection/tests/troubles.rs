//! A server in trouble is never a "no", one call is made for all who ask at once, and nothing that is
//! secret is in what is said of it.

use std::time::Duration;

use futures_util::future::join_all;
use keycap_standins::faults::{DeadPort, Door, Server};
use keycap_verify::{Answer, IdentityProvider as _, Rejection, Unavailable};

use crate::HttpSettings;

use super::*;

/// The longest that a call may take in these tests.
const PATIENCE: Duration = Duration::from_millis(300);

async fn ask(url: impl Into<String>) -> Answer {
    let provider = whole(url).http(HttpSettings::new().total_timeout(PATIENCE)).build().unwrap();
    provider.verify(&token()).await
}

#[track_caller]
fn unavailable(answer: Answer) -> Unavailable {
    match answer {
        Answer::Unavailable(unavailable) => {
            let shown = format!("{unavailable} {unavailable:?}");
            assert!(!shown.contains("alice") && !shown.contains("secret"), "{shown}");
            unavailable
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn p6_a_server_in_trouble_is_not_a_no() {
    let canned = |status| Canned::json(status, INACTIVE);
    let faults = [
        Fault::Hang,
        Fault::Deaf,
        Fault::Garbage,
        Fault::Close,
        Fault::CloseInHead(canned(200)),
        Fault::Truncated(canned(200)),
        Fault::Chunked(10 * 1024 * 1024),
        Fault::EndlessHeaders,
        Fault::Slow(canned(200), Door::shut()),
        Fault::Answer(canned(301).header("location", "/introspect")),
        Fault::Answer(canned(307).header("location", "https://elsewhere.example/")),
        Fault::Answer(canned(400)),
        Fault::Answer(canned(401)),
        Fault::Answer(canned(403)),
        Fault::Answer(canned(404)),
        Fault::Answer(canned(429).header("retry-after", "7")),
        Fault::Answer(canned(500)),
        Fault::Answer(canned(502)),
        Fault::Answer(canned(503)),
        Fault::Answer(Canned::status(200)),
        Fault::Answer(Canned::json(200, "<!doctype html>")),
        Fault::Answer(Canned::json(200, vec![b' '; 10 * 1024 * 1024])),
    ];
    for fault in faults {
        let shown: String = format!("{fault:?}").chars().take(100).collect();
        let server = Server::start(fault).await;
        let unavailable = unavailable(ask(server.url("/introspect")).await);
        println!("{shown}: {unavailable:?}");
    }
    unavailable(ask(format!("{}/introspect", DeadPort::new().origin())).await);
}

#[tokio::test]
async fn p6_nothing_of_a_trouble_is_remembered() {
    let server = Server::start(says("garbage")).await;
    let provider = whole(server.url("/introspect")).build().unwrap();
    unavailable(provider.verify(&token()).await);
    server.set(says(ACTIVE));
    assert!(matches!(provider.verify(&token()).await, Answer::Known(_)));
    server.set(says(INACTIVE));
    let answer = provider.verify(&token()).await;
    assert!(matches!(answer, Answer::Rejected(Rejection::Unknown)), "{answer:?}");
    server.set(says(ACTIVE));
    assert!(matches!(provider.verify(&token()).await, Answer::Known(_)));
}

#[tokio::test]
async fn a_server_that_asks_for_time_is_given_it_and_callers_are_told() {
    let busy = Canned::json(429, INACTIVE).header("retry-after", "7");
    let server = Server::start(Fault::Answer(busy)).await;
    let clock = clock();
    let provider = whole(server.url("/introspect")).clock(clock.clone()).build().unwrap();
    let wait = Some(Duration::from_secs(7));
    assert_eq!(unavailable(provider.verify(&token()).await).retry_after(), wait);
    server.set(says(ACTIVE));
    assert_eq!(unavailable(provider.verify(&token()).await).retry_after(), wait);
    assert_eq!(server.tally().requests, 1, "it is left alone");
    clock.advance(Duration::from_secs(7));
    assert!(matches!(provider.verify(&token()).await, Answer::Known(_)));
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let elsewhere = Server::start(says(ACTIVE)).await;
    let moved = Canned::status(308).header("location", elsewhere.url("/introspect"));
    let server = Server::start(Fault::Answer(moved)).await;
    unavailable(ask(server.url("/introspect")).await);
    assert_eq!(elsewhere.tally().accepted, 0);
}

#[tokio::test]
async fn a_thousand_who_ask_at_once_make_one_call() {
    let door = Door::shut();
    let server = Server::start(Fault::Slow(Canned::json(200, ACTIVE), door.clone())).await;
    let provider = whole(server.url("/introspect")).build().unwrap();
    let another_gates = provider.clone();
    let token = token();
    let asking = join_all((0..1_000).map(|number| match number % 2 {
        0 => provider.verify(&token),
        _ => another_gates.verify(&token),
    }));
    let opening = async {
        server.until_seen(1).await;
        door.open();
    };
    let (answers, ()) = tokio::join!(asking, opening);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Known(_))));
    assert_eq!(server.tally().requests, 1);
}

/// A caller can have the server stumble over a token of its own making; that must not cost the others
/// their answers.
#[tokio::test]
async fn p4_a_token_that_the_server_stumbles_over_harms_no_other() {
    let server = Server::start(Fault::Answer(Canned::status(400))).await;
    let provider = whole(server.url("/introspect")).build().unwrap();
    for number in 0..100 {
        let odd = Secret::parse(format!("odd{number}")).unwrap();
        unavailable(provider.verify(&odd).await);
    }
    server.set(says(ACTIVE));
    assert!(matches!(provider.verify(&token()).await, Answer::Known(_)));
    assert_eq!(server.tally().requests, 101);
}

/// A user in very many groups has a token of which more is said than is read. Everybody else's tokens
/// are verified all the same.
#[tokio::test]
async fn p6_one_token_of_which_too_much_is_said_cuts_off_nobody_else() {
    let claims: Vec<_> = (0..200).map(|n| format!("\"c{n}\":0")).collect();
    let groups = vec!["\"a-group-of-theirs\""; 5_000].join(",");
    let huge = vec!["\"a-group-of-theirs\""; 20_000].join(",");
    let server = Server::start(says(ACTIVE)).await;
    let settings = HttpSettings::new().circuit_failures(1);
    let provider = whole(server.url("/")).http(settings).build().unwrap();
    for more in [claims.join(","), format!("\"g\":[{groups}]"), format!("\"g\":[{huge}]")] {
        server.set(says(&ACTIVE.replace('}', &format!(",{more}}}"))));
        unavailable(provider.verify(&token()).await);
        server.set(says(ACTIVE));
        let other = provider.verify(&Secret::parse("bob").unwrap()).await;
        assert!(matches!(other, Answer::Known(_)), "{other:?}");
    }
}
